package dev.weft.transcoder;

import static com.fasterxml.jackson.core.JsonToken.END_ARRAY;
import static com.fasterxml.jackson.core.JsonToken.START_ARRAY;
import static com.fasterxml.jackson.core.JsonToken.START_OBJECT;
import static com.fasterxml.jackson.core.JsonToken.VALUE_NULL;
import static com.fasterxml.jackson.core.JsonToken.VALUE_STRING;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.WireFormat;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Writes JSON as protobuf wire bytes while it reads it, strictly: no name twice nor under two
 * spellings, no two members of a oneof, no number that would be rounded, no unknown field unless it
 * was asked to be lenient. Everything it refuses is a {@link BadInput} with a JSON Pointer.
 *
 * <p>Fields are written in the order of the document. What is not written is not there: a field
 * without presence that has its default, and null where null is no value.
 */
public final class JsonToWire {
  private static final int WIRE_CAPACITY_MIN = 64;

  private final JsonInput in;
  private final WireBytes out;
  private final boolean lenient;
  private final @Nullable List<String> mask;
  private final ScalarsToWire scalars;
  private final FormsToWire forms;

  /** Which fields and oneofs of the objects around here are there already: a part for each. */
  private long[] marks = new long[16];

  private int marksTop;

  private JsonToWire(
      JsonInput in, Schema schema, WireBytes out, boolean lenient, @Nullable List<String> mask) {
    this.in = in;
    this.out = out;
    this.lenient = lenient;
    this.mask = mask;
    this.scalars = new ScalarsToWire(in, out, lenient);
    this.forms = new FormsToWire(this, scalars, in, out, schema);
  }

  /**
   * The wire bytes of a document that is a message of this type. A required field may be missing.
   *
   * @param lenient whether fields and enum values that the type does not have are ignored
   * @throws BadInput if the document is not exactly right
   */
  public static byte[] wire(Schema schema, MessagePlan type, byte[] json, boolean lenient) {
    WireBytes out = new WireBytes(Math.max(WIRE_CAPACITY_MIN, json.length));
    message(schema, type, json, lenient, null, out);
    return out.toByteArray();
  }

  /**
   * Reads a document that is a message.
   *
   * @param mask gets the path of every leaf that the document holds; null when nobody asks
   */
  static void message(
      Schema schema,
      MessagePlan type,
      byte[] json,
      boolean lenient,
      @Nullable List<String> mask,
      WireBytes out) {
    try (JsonInput in = new JsonInput(json, lenient, type, null)) {
      JsonToWire reader = new JsonToWire(in, schema, out, lenient, mask);
      reader.document(() -> reader.value(type, mask == null ? null : ""));
    } catch (IOException e) {
      throw new IllegalStateException("nothing is read from anywhere", e);
    }
  }

  /** Reads a document that is what one field of a message holds, and writes that field. */
  static void field(
      Schema schema,
      MessagePlan type,
      FieldPlan field,
      byte[] json,
      boolean lenient,
      @Nullable List<String> mask,
      WireBytes out) {
    try (JsonInput in = new JsonInput(json, lenient, type, field)) {
      JsonToWire reader = new JsonToWire(in, schema, out, lenient, mask);
      reader.document(
          () -> {
            if (field.isObject()) {
              reader.message(field, mask == null ? null : "");
            } else {
              reader.fieldValue(field);
            }
          });
    } catch (IOException e) {
      throw new IllegalStateException("nothing is read from anywhere", e);
    }
  }

  private void document(JsonInput.Reading reading) throws IOException {
    try {
      in.begin();
      reading.run();
      in.end();
    } catch (JsonProcessingException e) {
      throw in.malformed(e);
    }
  }

  /** Reads the value at the current token as a message, and writes what is in it. */
  void value(MessagePlan type, @Nullable String path) throws IOException {
    if (type.form == Form.OBJECT) {
      object(type, path);
    } else {
      forms.read(type);
    }
  }

  private void object(MessagePlan type, @Nullable String path) throws IOException {
    in.expect(START_OBJECT, "an object");
    in.checkDepth();
    JsonParser parser = in.parser();
    int marked = enter(type);
    boolean any = false;
    int next = 0;
    for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
      FieldPlan field = type.field(name, next);
      if (field != null) {
        next = field.index + 1;
      }
      any |= member(type, field, marked, name, path);
    }
    leave(marked);
    if (!any && path != null && !path.isEmpty()) {
      masked(path);
    }
  }

  /** Makes room to note which fields of an object are there. */
  int enter(MessagePlan type) {
    int marked = marksTop;
    marksTop += marks(type) + type.oneofs;
    if (marksTop > marks.length) {
      marks = Arrays.copyOf(marks, Math.max(marksTop, marks.length * 2));
    }
    Arrays.fill(marks, marked, marksTop, 0);
    return marked;
  }

  void leave(int marked) {
    marksTop = marked;
  }

  private static int marks(MessagePlan type) {
    return (type.fields.length + Long.SIZE - 1) / Long.SIZE;
  }

  /**
   * Reads a member whose name is the current token.
   *
   * @param field that has the name; null when none has
   * @return whether the type has such a field
   */
  boolean member(
      MessagePlan type, @Nullable FieldPlan field, int marked, String name, @Nullable String path)
      throws IOException {
    JsonToken token = in.parser().nextToken();
    if (field == null) {
      unknown(type, name);
      return false;
    }
    int word = marked + field.index / Long.SIZE;
    if ((marks[word] & 1L << field.index) != 0) {
      throw in.refused(
          field.name.equals(field.jsonName)
              ? "the same name appears twice"
              : "the field appears twice, or is there under another spelling too");
    }
    marks[word] |= 1L << field.index;
    String fieldPath = path == null ? null : path.isEmpty() ? field.name : path + "." + field.name;
    if (token == VALUE_NULL && (field.isRepeated() || !field.takesNull)) {
      masked(fieldPath);
      return true;
    }
    if (field.oneof >= 0) {
      takeOneof(type, marked + marks(type) + field.oneof, field);
    }
    if (field.isObject() && !field.message().valueObject) {
      message(field, fieldPath);
    } else {
      masked(fieldPath);
      fieldValue(field);
    }
    return true;
  }

  private void takeOneof(MessagePlan type, int mark, FieldPlan field) {
    if (marks[mark] != 0) {
      FieldPlan other = type.fields[(int) marks[mark] - 1];
      throw in.refused("only one may be set: " + other.jsonName + " is");
    }
    marks[mark] = field.index + 1L;
  }

  void unknown(MessagePlan type, String name) throws IOException {
    if (!lenient) {
      throw in.refused(
          Names.nearest(name, type.jsonNames())
              .map(known -> "unknown field; did you mean " + known + "?")
              .orElse("unknown field"));
    }
    in.parser().skipChildren();
  }

  /** Reads a message, and writes it as a value of this field. */
  void message(FieldPlan field, @Nullable String path) throws IOException {
    out.varint(field.tag);
    if (field.isGroup()) {
      value(field.message(), path);
      out.varint((long) field.number << 3 | WireFormat.WIRETYPE_END_GROUP);
    } else {
      int start = out.open();
      value(field.message(), path);
      out.close(start);
    }
  }

  /** Reads what a field holds, with no part of it noted by itself. */
  void fieldValue(FieldPlan field) throws IOException {
    if (field.map) {
      map(field);
    } else if (field.list) {
      list(field);
    } else if (field.isMessage()) {
      message(field, null);
    } else if (field.type == FieldDescriptor.Type.STRING
        || field.type == FieldDescriptor.Type.BYTES) {
      in.expect(VALUE_STRING, "a string");
      if (field.presence || in.parser().getTextLength() > 0) {
        out.varint(field.tag);
        scalars.text(field);
      }
    } else {
      long bits = scalars.bits(field);
      if (!ScalarsToWire.isDropped(field, bits) && (field.presence || bits != 0)) {
        out.varint(field.tag);
        out.scalar(field, bits);
      }
    }
  }

  private void list(FieldPlan field) throws IOException {
    in.expect(START_ARRAY, "an array");
    JsonParser parser = in.parser();
    if (!field.packed) {
      while (parser.nextToken() != END_ARRAY) {
        element(field);
      }
      return;
    }
    int before = out.size();
    out.varint(field.packedTag);
    int start = out.open();
    while (parser.nextToken() != END_ARRAY) {
      checkNull(field);
      long bits = scalars.bits(field);
      if (!ScalarsToWire.isDropped(field, bits)) {
        out.scalar(field, bits);
      }
    }
    if (out.size() == start) {
      out.truncate(before);
    } else {
      out.close(start);
    }
  }

  /** Reads and writes an element of a list or a value of a map, unless it is to be ignored. */
  private boolean element(FieldPlan field) throws IOException {
    checkNull(field);
    if (field.isMessage()) {
      message(field, null);
    } else if (field.type == FieldDescriptor.Type.STRING
        || field.type == FieldDescriptor.Type.BYTES) {
      out.varint(field.tag);
      scalars.text(field);
    } else {
      long bits = scalars.bits(field);
      if (ScalarsToWire.isDropped(field, bits)) {
        return false;
      }
      out.varint(field.tag);
      out.scalar(field, bits);
    }
    return true;
  }

  private void checkNull(FieldPlan field) {
    if (!field.takesNull && in.is(VALUE_NULL)) {
      throw in.refused("null in a list or map");
    }
  }

  private void map(FieldPlan field) throws IOException {
    in.expect(START_OBJECT, "an object");
    in.checkDepth();
    FieldPlan keyField = field.mapKey();
    FieldPlan valueField = field.mapValue();
    Distinct keys = new Distinct();
    JsonParser parser = in.parser();
    for (String name = parser.nextFieldName(); name != null; name = parser.nextFieldName()) {
      int before = out.size();
      out.varint(field.tag);
      int start = out.open();
      out.varint(keyField.tag);
      if (!keys.add(scalars.key(keyField, name))) {
        throw in.refused("the same key appears twice");
      }
      parser.nextToken();
      if (element(valueField)) {
        out.close(start);
      } else {
        out.truncate(before);
      }
    }
  }

  private void masked(@Nullable String path) {
    if (mask != null && path != null) {
      mask.add(path);
    }
  }
}
