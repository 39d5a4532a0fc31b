package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor.JavaType;
import com.google.protobuf.Descriptors.OneofDescriptor;
import com.google.protobuf.WireFormat;
import java.util.Base64;
import org.jspecify.annotations.Nullable;

/** All there is to know of a field for reading it from JSON and printing it. Immutable data. */
final class FieldPlan {
  /** As in the contract; of an extension its full name in brackets. */
  final String name;

  final String jsonName;
  final int number;

  /** Its place in its message's plan. */
  final int index;

  final FieldDescriptor.Type type;

  /** Of one value: an element of a list has the type it would have alone. */
  final int wireType;

  /** Of one value. */
  final int tag;

  /** Of all values of a packed list at once. */
  final int packedTag;

  final boolean map;

  /** A list; a map is none. */
  final boolean list;

  final boolean packed;

  /** Whether set to its default is another thing than not set. */
  final boolean presence;

  /** Whether it is printed also when it is not there. */
  final boolean hasDefault;

  final boolean required;

  /** Whether null is a value of it and not its absence. */
  final boolean takesNull;

  /** Whether text of it that is not UTF-8 spoils the message. */
  final boolean strictText;

  /** The place of its oneof in its message's plan; -1 without one. */
  final int oneof;

  /** {@code "jsonName":} */
  final Label label;

  /** What is printed when it is not set; of a message only its label. */
  final byte[] absent;

  /** Both, of a field with a default. */
  final Label absentMember;

  private final @Nullable MessagePlan message;
  private final @Nullable EnumPlan values;

  /**
   * @param message the plan of its type if that is a message: of an entry when it is a map
   * @param values the plan of its type if that is an enum
   */
  FieldPlan(
      FieldDescriptor field, int index, @Nullable MessagePlan message, @Nullable EnumPlan values) {
    this.index = index;
    this.message = message;
    this.values = values;
    name = field.isExtension() ? "[" + field.getFullName() + "]" : field.getName();
    jsonName = field.isExtension() ? name : field.getJsonName();
    number = field.getNumber();
    type = field.getType();
    map = field.isMapField();
    list = field.isRepeated() && !map;
    packed = list && field.isPacked();
    wireType = wireType(type);
    tag = number << 3 | wireType;
    packedTag = number << 3 | WireFormat.WIRETYPE_LENGTH_DELIMITED;
    presence = field.hasPresence();
    hasDefault = !presence && !field.isExtension();
    required = field.isRequired();
    strictText = field.needsUtf8Check();
    takesNull =
        (message != null && message.form == Form.VALUE) || (values != null && values.isNull);
    OneofDescriptor realOneof = field.getRealContainingOneof();
    oneof = realOneof == null ? -1 : realOneof.getIndex();
    label = Label.of(jsonName);
    absent = list ? ascii("[]") : map ? ascii("{}") : absentValue(field);
    absentMember = label.with(absent);
  }

  /** The plan of its type, which must be a message. */
  MessagePlan message() {
    if (message == null) {
      throw new IllegalStateException(name + " is no message");
    }
    return message;
  }

  /** The plan of its type, which must be an enum. */
  EnumPlan values() {
    if (values == null) {
      throw new IllegalStateException(name + " is no enum");
    }
    return values;
  }

  /** Whether its type is a message; also when it is a map. */
  boolean isMessage() {
    return message != null;
  }

  boolean isRepeated() {
    return list || map;
  }

  boolean isGroup() {
    return type == FieldDescriptor.Type.GROUP;
  }

  /** Whether it is one message with fields of its own in JSON. */
  boolean isObject() {
    return message != null && !isRepeated() && message.form == Form.OBJECT;
  }

  FieldPlan mapKey() {
    return message().fields[0];
  }

  FieldPlan mapValue() {
    return message().fields[1];
  }

  private static int wireType(FieldDescriptor.Type type) {
    return switch (type) {
      case INT32, INT64, UINT32, UINT64, SINT32, SINT64, BOOL, ENUM -> WireFormat.WIRETYPE_VARINT;
      case FIXED32, SFIXED32, FLOAT -> WireFormat.WIRETYPE_FIXED32;
      case FIXED64, SFIXED64, DOUBLE -> WireFormat.WIRETYPE_FIXED64;
      case STRING, BYTES, MESSAGE -> WireFormat.WIRETYPE_LENGTH_DELIMITED;
      case GROUP -> WireFormat.WIRETYPE_START_GROUP;
    };
  }

  private static byte[] absentValue(FieldDescriptor field) {
    if (field.getJavaType() == JavaType.MESSAGE) {
      return ascii("");
    }
    Object value = field.getDefaultValue();
    JsonBytes out = new JsonBytes(16);
    switch (field.getType()) {
      case INT32, SINT32, SFIXED32 -> out.number((Integer) value);
      case UINT32, FIXED32 -> out.number(Integer.toUnsignedLong((Integer) value));
      case INT64, SINT64, SFIXED64 -> out.quotedNumber((Long) value);
      case UINT64, FIXED64 -> out.quotedUnsigned((Long) value);
      case FLOAT -> out.real((Float) value);
      case DOUBLE -> out.real((Double) value);
      case BOOL -> out.bool((Boolean) value);
      case STRING -> {
        byte[] text = ((String) value).getBytes(UTF_8);
        out.text(text, 0, text.length, true);
      }
      case BYTES ->
          out.ascii(
              '"' + Base64.getEncoder().encodeToString(((ByteString) value).toByteArray()) + '"');
      case ENUM -> {
        EnumValueDescriptor named = (EnumValueDescriptor) value;
        out.ascii(
            named.getType().getFullName().equals("google.protobuf.NullValue")
                ? "null"
                : '"' + named.getName() + '"');
      }
      case MESSAGE, GROUP -> throw new IllegalStateException(field.getFullName());
    }
    return out.toByteArray();
  }

  private static byte[] ascii(String text) {
    return text.getBytes(UTF_8);
  }
}
