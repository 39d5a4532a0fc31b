package dev.weft.transcoder;

import static com.fasterxml.jackson.core.JsonToken.END_ARRAY;
import static com.fasterxml.jackson.core.JsonToken.START_ARRAY;
import static com.fasterxml.jackson.core.JsonToken.START_OBJECT;
import static com.fasterxml.jackson.core.JsonToken.VALUE_STRING;
import static com.fasterxml.jackson.core.JsonToken.VALUE_TRUE;

import com.fasterxml.jackson.core.JsonParser;
import com.google.protobuf.WireFormat;
import java.io.IOException;

/**
 * Writes the messages that have a form of their own in JSON. Their fields are protobuf's, known
 * since ever and for ever, so here they are numbers.
 */
final class FormsToWire {
  private static final String TYPE = "@type";

  private final JsonToWire reader;
  private final ScalarsToWire scalars;
  private final JsonInput in;
  private final WireBytes out;
  private final Schema schema;

  FormsToWire(
      JsonToWire reader, ScalarsToWire scalars, JsonInput in, WireBytes out, Schema schema) {
    this.reader = reader;
    this.scalars = scalars;
    this.in = in;
    this.out = out;
    this.schema = schema;
  }

  /** Reads the value at the current token as a message of this type, and writes what is in it. */
  void read(MessagePlan type) throws IOException {
    switch (type.form) {
      case TIMESTAMP, DURATION, FIELD_MASK -> {
        if (!in.is(VALUE_STRING)) {
          throw in.refused("expected a " + type.fullName);
        }
        try {
          text(type.form, in.parser().getText(), out);
        } catch (IllegalArgumentException e) {
          throw in.refused("expected a " + type.fullName);
        }
      }
      case STRUCT -> struct();
      case LIST_VALUE -> listValue();
      case VALUE -> value();
      case WRAPPER -> reader.fieldValue(type.first());
      case ANY -> any();
      case OBJECT -> throw new IllegalStateException(type.fullName);
    }
  }

  /**
   * Writes what is in a message that is a text in JSON.
   *
   * @throws IllegalArgumentException if the text is none of this form
   */
  static void text(Form form, String text, WireBytes out) {
    switch (form) {
      case TIMESTAMP -> time(TimeText.timestamp(text), out);
      case DURATION -> time(TimeText.duration(text), out);
      case FIELD_MASK -> {
        for (String path : MaskText.paths(text)) {
          mask(path, out);
        }
      }
      default -> throw new IllegalStateException(form.name());
    }
  }

  /** Writes a path of a field mask, in the names of the contract. */
  static void mask(String path, WireBytes out) {
    out.varint(delimited(1));
    out.text(path);
  }

  private static void time(TimeText time, WireBytes out) {
    if (time.seconds() != 0) {
      out.varint(1 << 3);
      out.varint(time.seconds());
    }
    if (time.nanos() != 0) {
      out.varint(2 << 3);
      out.varint(time.nanos());
    }
  }

  private void struct() throws IOException {
    in.expect(START_OBJECT, "an object");
    in.checkDepth();
    JsonParser parser = in.parser();
    Distinct names = new Distinct();
    for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
      if (!names.add(name)) {
        throw in.refused("the same name appears twice");
      }
      out.varint(delimited(1));
      int entry = out.open();
      out.varint(delimited(1));
      scalars.text(name);
      parser.nextToken();
      out.varint(delimited(2));
      int start = out.open();
      value();
      out.close(start);
      out.close(entry);
    }
  }

  private void listValue() throws IOException {
    in.expect(START_ARRAY, "an array");
    in.checkDepth();
    JsonParser parser = in.parser();
    while (parser.nextToken() != END_ARRAY) {
      out.varint(delimited(1));
      int start = out.open();
      value();
      out.close(start);
    }
  }

  private void value() throws IOException {
    switch (in.token()) {
      case VALUE_NULL -> {
        out.varint(1 << 3);
        out.varint(0);
      }
      case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> {
        out.varint(2 << 3 | WireFormat.WIRETYPE_FIXED64);
        out.fixed64(scalars.real());
      }
      case VALUE_STRING -> {
        out.varint(delimited(3));
        JsonParser parser = in.parser();
        if (!out.text(parser.getTextCharacters(), parser.getTextOffset(), parser.getTextLength())) {
          throw in.refused("expected text without lone surrogates");
        }
      }
      case VALUE_TRUE, VALUE_FALSE -> {
        out.varint(4 << 3);
        out.varint(in.is(VALUE_TRUE) ? 1 : 0);
      }
      case START_OBJECT -> {
        out.varint(delimited(5));
        int start = out.open();
        struct();
        out.close(start);
      }
      case START_ARRAY -> {
        out.varint(delimited(6));
        int start = out.open();
        listValue();
        out.close(start);
      }
      default -> throw in.refused("expected a value");
    }
  }

  /**
   * What the members mean is known with {@code @type}. It is nearly always the first; if not, the
   * object is gone through for it, and then read again from its beginning.
   */
  private void any() throws IOException {
    in.expect(START_OBJECT, "an object");
    in.checkDepth();
    int position = in.position();
    JsonParser parser = in.parser();
    String name = parser.nextFieldName();
    if (name == null) {
      return;
    }
    if (name.equals(TYPE)) {
      parser.nextToken();
      String typeUrl = typeUrl();
      content(typeUrl, find(typeUrl), true);
      return;
    }
    String sent = in.sent();
    while (name != null && !name.equals(TYPE)) {
      parser.nextToken();
      parser.skipChildren();
      name = parser.nextFieldName();
    }
    if (name == null) {
      throw in.refused("expected a member @type");
    }
    parser.nextToken();
    String typeUrl = typeUrl();
    MessagePlan type = find(typeUrl);
    in.reread(
        position,
        sent.substring(0, sent.lastIndexOf('/')),
        in.depth() - 1,
        () -> content(typeUrl, type, false));
    while (parser.nextFieldName() != null) {
      parser.nextToken();
      parser.skipChildren();
    }
  }

  private String typeUrl() throws IOException {
    in.expect(VALUE_STRING, "a string");
    return in.parser().getText();
  }

  private MessagePlan find(String typeUrl) {
    MessagePlan type = typeUrl.indexOf('/') < 0 ? null : schema.find(typeUrl);
    if (type == null) {
      throw in.refusedAround("expected a google.protobuf.Any of a known type");
    }
    return type;
  }

  /** Reads the members of an object from here on, as those of this type beside its name. */
  private void content(String typeUrl, MessagePlan type, boolean typeSeen) throws IOException {
    out.varint(delimited(1));
    scalars.text(typeUrl);
    out.varint(delimited(2));
    int start = out.open();
    JsonParser parser = in.parser();
    int marked = reader.enter(type);
    boolean hasType = typeSeen;
    boolean hasValue = false;
    for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
      if (name.equals(TYPE)) {
        if (hasType) {
          throw in.refused("the same name appears twice");
        }
        hasType = true;
        parser.nextToken();
      } else if (type.form == Form.OBJECT) {
        reader.member(type, type.field(name), marked, name, null);
      } else if (name.equals("value")) {
        if (hasValue) {
          throw in.refused("the same name appears twice");
        }
        hasValue = true;
        parser.nextToken();
        reader.value(type, null);
      } else {
        parser.nextToken();
        reader.unknown(type, name);
      }
    }
    reader.leave(marked);
    if (type.requires && !Required.missing(type, out.array(), start, out.size()).isEmpty()) {
      throw in.refused("a required field is missing");
    }
    out.close(start);
  }

  private static long delimited(int number) {
    return (long) number << 3 | WireFormat.WIRETYPE_LENGTH_DELIMITED;
  }
}
