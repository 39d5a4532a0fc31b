package dev.weft.edge;

import com.fasterxml.jackson.core.JsonGenerator;
import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.MessageOrBuilder;
import com.google.protobuf.util.JsonFormat;
import java.io.IOException;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Prints messages as ProtoJSON: lowerCamel names, 64-bit integers as strings, fields without
 * presence also when they have their default, so that shapes are stable. An {@code Any} of an
 * unknown type keeps its type URL and its bytes in base64.
 */
final class JsonWriter {
  private final JsonGenerator out;
  private final Types types;

  JsonWriter(JsonGenerator out, Types types) {
    this.out = out;
    this.types = types;
  }

  void message(MessageOrBuilder message) throws IOException {
    if (WellKnown.of(message.getDescriptorForType()) == WellKnown.NONE) {
      out.writeStartObject();
      fields(message);
      out.writeEndObject();
    } else {
      wellKnown(message);
    }
  }

  /** Prints what one field of a message holds, without its name. */
  void field(FieldDescriptor field, MessageOrBuilder message) throws IOException {
    if (field.isMapField()) {
      map(field, message);
    } else if (field.isRepeated()) {
      out.writeStartArray();
      for (int i = 0; i < message.getRepeatedFieldCount(field); i++) {
        value(field, message.getRepeatedField(field, i));
      }
      out.writeEndArray();
    } else {
      value(field, message.getField(field));
    }
  }

  private void fields(MessageOrBuilder message) throws IOException {
    for (FieldDescriptor field : message.getDescriptorForType().getFields()) {
      if (!field.hasPresence() || message.hasField(field)) {
        out.writeFieldName(field.getJsonName());
        field(field, message);
      }
    }
  }

  private void map(FieldDescriptor field, MessageOrBuilder message) throws IOException {
    FieldDescriptor keyField = field.getMessageType().findFieldByNumber(1);
    FieldDescriptor valueField = field.getMessageType().findFieldByNumber(2);
    // A dynamic message keeps every entry of the wire; of equal keys the last one counts.
    Map<String, Object> entries = new LinkedHashMap<>();
    for (int i = 0; i < message.getRepeatedFieldCount(field); i++) {
      Message entry = (Message) message.getRepeatedField(field, i);
      entries.put(key(keyField, entry.getField(keyField)), entry.getField(valueField));
    }
    out.writeStartObject();
    for (var entry : entries.entrySet()) {
      out.writeFieldName(entry.getKey());
      value(valueField, entry.getValue());
    }
    out.writeEndObject();
  }

  private static String key(FieldDescriptor field, Object key) {
    return switch (field.getType()) {
      case UINT32, FIXED32 -> Integer.toUnsignedString((Integer) key);
      case UINT64, FIXED64 -> Long.toUnsignedString((Long) key);
      default -> key.toString();
    };
  }

  private void value(FieldDescriptor field, Object value) throws IOException {
    switch (field.getType()) {
      case INT32, SINT32, SFIXED32 -> out.writeNumber((Integer) value);
      case UINT32, FIXED32 -> out.writeNumber(Integer.toUnsignedLong((Integer) value));
      case INT64, SINT64, SFIXED64 -> out.writeString(Long.toString((Long) value));
      case UINT64, FIXED64 -> out.writeString(Long.toUnsignedString((Long) value));
      case BOOL -> out.writeBoolean((Boolean) value);
      case STRING -> out.writeString((String) value);
      case BYTES ->
          out.writeString(Base64.getEncoder().encodeToString(((ByteString) value).toByteArray()));
      case FLOAT -> {
        float number = (Float) value;
        if (Float.isFinite(number)) {
          out.writeNumber(number);
        } else {
          out.writeString(Float.toString(number));
        }
      }
      case DOUBLE -> {
        double number = (Double) value;
        if (Double.isFinite(number)) {
          out.writeNumber(number);
        } else {
          out.writeString(Double.toString(number));
        }
      }
      case ENUM -> enumValue((EnumValueDescriptor) value);
      case MESSAGE, GROUP -> message((Message) value);
    }
  }

  private void enumValue(EnumValueDescriptor value) throws IOException {
    if (value.getType().getFullName().equals("google.protobuf.NullValue")) {
      out.writeNull();
    } else if (value.getIndex() < 0) {
      // A number the contract does not name.
      out.writeNumber(value.getNumber());
    } else {
      out.writeString(value.getName());
    }
  }

  private void wellKnown(MessageOrBuilder message) throws IOException {
    Descriptor type = message.getDescriptorForType();
    switch (WellKnown.of(type)) {
      case ANY -> any(message);
      case WRAPPER -> {
        FieldDescriptor value = type.findFieldByNumber(1);
        value(value, message.getField(value));
      }
      case TEXT, STRUCTURE -> out.writeRawValue(JsonFormat.printer().print(message));
      case NONE -> throw new IllegalArgumentException(type.getFullName());
    }
  }

  private void any(MessageOrBuilder any) throws IOException {
    List<FieldDescriptor> fields = any.getDescriptorForType().getFields();
    String typeUrl = (String) any.getField(fields.get(0));
    ByteString bytes = (ByteString) any.getField(fields.get(1));
    out.writeStartObject();
    if (!typeUrl.isEmpty() || !bytes.isEmpty()) {
      out.writeStringField("@type", typeUrl);
      Descriptor type = types.find(typeUrl);
      Message content = type == null ? null : parse(type, bytes);
      if (type == null || content == null) {
        out.writeStringField("value", Base64.getEncoder().encodeToString(bytes.toByteArray()));
      } else if (WellKnown.of(type) == WellKnown.NONE) {
        fields(content);
      } else {
        out.writeFieldName("value");
        wellKnown(content);
      }
    }
    out.writeEndObject();
  }

  private static @Nullable Message parse(Descriptor type, ByteString bytes) {
    try {
      return DynamicMessage.parseFrom(type, bytes);
    } catch (InvalidProtocolBufferException e) {
      // Printed as bytes: a detail that is damaged must not destroy the answer.
      return null;
    }
  }
}
