package dev.weft.edge;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor.JavaType;
import com.google.protobuf.Descriptors.OneofDescriptor;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads JSON into messages, strictly: valid UTF-8, one document, no name twice nor under two
 * spellings, at most {@value #DEPTH_MAX} levels, no number that would be rounded, no unknown field
 * unless it was asked to be lenient. Everything it refuses is a 400 with a JSON Pointer.
 */
final class JsonReader {
  static final int DEPTH_MAX = 100;
  private static final int TOKENS_MAX = 500_000;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(DEPTH_MAX)
                  .maxNumberLength(1_000)
                  .maxNameLength(1_000)
                  .maxTokenCount(TOKENS_MAX)
                  .build())
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          // Names come from strangers: a table of them that outlives the request is theirs to fill.
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .build();

  private final JsonParser in;
  private final Types types;
  private final boolean lenient;
  private final @Nullable List<String> mask;
  private final Root root;

  /** What the document is: a message, or the value of one of its fields. */
  private record Root(Descriptor message, @Nullable FieldDescriptor field) {}

  private JsonReader(
      JsonParser in, Types types, boolean lenient, @Nullable List<String> mask, Root root) {
    this.in = in;
    this.root = root;
    this.types = types;
    this.lenient = lenient;
    this.mask = mask;
  }

  /**
   * Reads a document that is the message itself.
   *
   * @param mask gets the path of every leaf that the document holds; null when nobody asks
   */
  static void message(
      byte[] json,
      Message.Builder into,
      Types types,
      boolean lenient,
      @Nullable List<String> mask) {
    Root root = new Root(into.getDescriptorForType(), null);
    read(decode(json), types, lenient, mask, root, reader -> reader.value(into, ""));
  }

  /** Reads a document that stands in a parameter. */
  static void message(CharBuffer json, Message.Builder into, Types types) {
    Root root = new Root(into.getDescriptorForType(), null);
    read(json, types, false, null, root, reader -> reader.value(into, ""));
  }

  /** Reads a document that is what one field of a message holds. */
  static void field(
      byte[] json,
      FieldDescriptor field,
      Message.Builder into,
      Types types,
      boolean lenient,
      @Nullable List<String> mask) {
    read(
        decode(json),
        types,
        lenient,
        mask,
        new Root(into.getDescriptorForType(), field),
        reader -> {
          if (isPlainMessage(field)) {
            reader.nested(field, into, "");
          } else {
            reader.fieldValue(field, into, "");
          }
        });
  }

  private interface Reading {
    void run(JsonReader reader) throws IOException;
  }

  private static void read(
      CharBuffer json,
      Types types,
      boolean lenient,
      @Nullable List<String> mask,
      Root root,
      Reading reading) {
    try (JsonParser in = FACTORY.createParser(json.array(), 0, json.limit())) {
      JsonReader reader = new JsonReader(in, types, lenient, mask, root);
      try {
        if (in.nextToken() == null) {
          throw Refused.field("MALFORMED_JSON", "", "the body holds no JSON");
        }
        reading.run(reader);
        if (in.nextToken() != null) {
          throw Refused.field("MALFORMED_JSON", "", "more follows after the JSON document");
        }
      } catch (JsonProcessingException e) {
        throw reader.malformed(e);
      }
    } catch (IOException e) {
      // Nothing is read from anywhere: only the parser's own complaints, and those are above.
      throw new IllegalStateException(e);
    }
  }

  private static CharBuffer decode(byte[] json) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(json));
    } catch (CharacterCodingException e) {
      throw Refused.field("MALFORMED_JSON", "", "the body is not valid UTF-8");
    }
  }

  /** The parser's own text may quote the input or name classes; the place is all that helps. */
  private Refused malformed(JsonProcessingException e) {
    String text = String.valueOf(e.getOriginalMessage());
    if (text.startsWith("Duplicate")) {
      return refused("the same name appears twice");
    }
    if (text.contains("nesting depth")) {
      return Refused.field(
          "MALFORMED_JSON", "", "the JSON is nested deeper than " + DEPTH_MAX + " levels");
    }
    JsonLocation at = e.getLocation() == null ? in.currentLocation() : e.getLocation();
    return Refused.field(
        "MALFORMED_JSON",
        pointer(),
        "not valid JSON at line " + at.getLineNr() + ", column " + at.getColumnNr());
  }

  /** Reads the value at the current token into a message. */
  private void value(Message.Builder into, String path) throws IOException {
    if (WellKnown.of(into.getDescriptorForType()) == WellKnown.NONE) {
      object(into, path);
    } else {
      wellKnown(into);
    }
  }

  private void object(Message.Builder into, String path) throws IOException {
    if (in.currentToken() != JsonToken.START_OBJECT) {
      throw refused("expected an object");
    }
    Descriptor type = into.getDescriptorForType();
    Set<FieldDescriptor> seen = new HashSet<>();
    boolean any = false;
    while (in.nextToken() != JsonToken.END_OBJECT) {
      String name = in.currentName();
      FieldDescriptor field = Fields.byName(type, name);
      in.nextToken();
      if (field == null) {
        unknown(type, name);
        continue;
      }
      if (!seen.add(field)) {
        throw refused("the field is there under another spelling too");
      }
      any = true;
      String fieldPath = path.isEmpty() ? field.getName() : path + "." + field.getName();
      if (in.currentToken() == JsonToken.VALUE_NULL && (field.isRepeated() || !takesNull(field))) {
        masked(fieldPath);
        continue;
      }
      checkOneof(field, into);
      if (isPlainMessage(field)) {
        if (Fields.isValueObject(field.getMessageType())) {
          masked(fieldPath);
          unmasked().nested(field, into, fieldPath);
        } else {
          nested(field, into, fieldPath);
        }
      } else {
        masked(fieldPath);
        fieldValue(field, into, fieldPath);
      }
    }
    if (!any && !path.isEmpty()) {
      masked(path);
    }
  }

  private void nested(FieldDescriptor field, Message.Builder into, String path) throws IOException {
    // Not by getFieldBuilder: a dynamic message then does not note which member of a oneof is set.
    Message.Builder nested = into.newBuilderForField(field);
    value(nested, path);
    into.setField(field, nested.buildPartial());
  }

  private void unknown(Descriptor type, String name) throws IOException {
    if (!lenient) {
      throw refused(
          Names.nearest(name, Fields.jsonNames(type))
              .map(known -> "unknown field; did you mean " + known + "?")
              .orElse("unknown field"));
    }
    in.skipChildren();
  }

  private void checkOneof(FieldDescriptor field, Message.Builder into) {
    OneofDescriptor oneof = field.getRealContainingOneof();
    if (oneof != null && into.hasOneof(oneof)) {
      FieldDescriptor other = into.getOneofFieldDescriptor(oneof);
      throw refused("only one may be set: " + (other == null ? "" : other.getJsonName() + " is"));
    }
  }

  /** Reads what a field holds that is not a plain message: scalar, list, map or special form. */
  private void fieldValue(FieldDescriptor field, Message.Builder into, String path)
      throws IOException {
    if (field.isMapField()) {
      map(field, into);
    } else if (field.isRepeated()) {
      if (in.currentToken() != JsonToken.START_ARRAY) {
        throw refused("expected an array");
      }
      while (in.nextToken() != JsonToken.END_ARRAY) {
        into.addRepeatedField(field, element(field, into));
      }
    } else if (field.getJavaType() == JavaType.MESSAGE) {
      unmasked().nested(field, into, path);
    } else {
      Object value = scalar(field);
      if (value != null) {
        into.setField(field, value);
      }
    }
  }

  private void map(FieldDescriptor field, Message.Builder into) throws IOException {
    if (in.currentToken() != JsonToken.START_OBJECT) {
      throw refused("expected an object");
    }
    FieldDescriptor keyField = field.getMessageType().findFieldByNumber(1);
    FieldDescriptor valueField = field.getMessageType().findFieldByNumber(2);
    Set<Object> keys = new HashSet<>();
    while (in.nextToken() != JsonToken.END_OBJECT) {
      Object key = text(keyField, in.currentName());
      if (!keys.add(key)) {
        throw refused("the same key appears twice");
      }
      in.nextToken();
      Message.Builder entry = into.newBuilderForField(field);
      entry.setField(keyField, key);
      entry.setField(valueField, element(valueField, entry));
      into.addRepeatedField(field, entry.build());
    }
  }

  /** One element of a list or value of a map: never null, but where null is a value. */
  private Object element(FieldDescriptor field, Message.Builder parent) throws IOException {
    if (in.currentToken() == JsonToken.VALUE_NULL && !takesNull(field)) {
      throw refused("null in a list or map");
    }
    if (field.getJavaType() == JavaType.MESSAGE) {
      Message.Builder element = parent.newBuilderForField(field);
      unmasked().value(element, "");
      return element.buildPartial();
    }
    Object value = scalar(field);
    if (value == null) {
      if (lenient) {
        // What stands for "an enum value this side does not know" where something must stand.
        return field.getEnumType().getValues().getFirst();
      }
      throw refused("expected a value");
    }
    return value;
  }

  /** The scalar at the current token; null only for an unknown enum value read leniently. */
  private @Nullable Object scalar(FieldDescriptor field) throws IOException {
    JsonToken token = in.currentToken();
    switch (field.getJavaType()) {
      case BOOLEAN -> {
        if (token == JsonToken.VALUE_TRUE || token == JsonToken.VALUE_FALSE) {
          return token == JsonToken.VALUE_TRUE;
        }
        throw refused("expected true or false");
      }
      case STRING, BYTE_STRING -> {
        if (token != JsonToken.VALUE_STRING) {
          throw refused("expected a string");
        }
      }
      case ENUM -> {
        if (token == JsonToken.VALUE_NULL) {
          // Only NullValue gets here.
          return field.getEnumType().findValueByNumber(0);
        }
        if (token == JsonToken.VALUE_STRING
            && lenient
            && field.getEnumType().findValueByName(in.getText()) == null) {
          return null;
        }
        if (token != JsonToken.VALUE_STRING && token != JsonToken.VALUE_NUMBER_INT) {
          throw refused("expected a value of " + field.getEnumType().getName());
        }
      }
      case INT, LONG, FLOAT, DOUBLE -> {
        if (token == null || (!token.isNumeric() && token != JsonToken.VALUE_STRING)) {
          throw refused("expected a number");
        }
      }
      case MESSAGE -> throw refused("expected an object");
    }
    return text(field, in.getText());
  }

  private Object text(FieldDescriptor field, String text) {
    try {
      Scalars.checkUnicode(text);
      return Scalars.fromText(field, text);
    } catch (IllegalArgumentException e) {
      throw refused(String.valueOf(e.getMessage()));
    }
  }

  private void wellKnown(Message.Builder into) throws IOException {
    Descriptor type = into.getDescriptorForType();
    if (WellKnown.of(type) == WellKnown.WRAPPER) {
      FieldDescriptor value = type.findFieldByNumber(1);
      Object scalar = scalar(value);
      if (scalar != null) {
        into.setField(value, scalar);
      }
      return;
    }
    StringWriter text = new StringWriter();
    try (JsonGenerator copy = FACTORY.createGenerator(text)) {
      String start = pointer();
      copy.copyCurrentStructure(in);
      copy.flush();
      Scalars.checkUnicode(text.toString());
      JsonFormat.parser().usingTypeRegistry(types.registry()).merge(text.toString(), into);
      if (!into.isInitialized()) {
        throw Refused.field("INVALID_FIELD", start, "a required field is missing");
      }
    } catch (InvalidProtocolBufferException | IllegalArgumentException e) {
      throw refused("expected a " + type.getFullName());
    }
  }

  /** A reader of the same input that notes no paths: below here the field counts as a whole. */
  private JsonReader unmasked() {
    return mask == null ? this : new JsonReader(in, types, lenient, null, root);
  }

  private void masked(String path) {
    if (mask != null) {
      mask.add(path);
    }
  }

  private Refused refused(String detail) {
    return Refused.field("INVALID_FIELD", pointer(), detail);
  }

  private String pointer() {
    String sent = in.getParsingContext().pathAsPointer().toString();
    return Pointers.named(sent, root.message, root.field);
  }

  private static boolean isPlainMessage(FieldDescriptor field) {
    return field.getJavaType() == JavaType.MESSAGE
        && !field.isRepeated()
        && WellKnown.of(field.getMessageType()) == WellKnown.NONE;
  }

  /** Where null is a value of its own: {@code google.protobuf.Value} and its null. */
  private static boolean takesNull(FieldDescriptor field) {
    return switch (field.getJavaType()) {
      case MESSAGE -> field.getMessageType().getFullName().equals("google.protobuf.Value");
      case ENUM -> field.getEnumType().getFullName().equals("google.protobuf.NullValue");
      default -> false;
    };
  }
}
