package dev.weft.edge;

import com.google.protobuf.Descriptors.Descriptor;

/** How ProtoJSON treats a message type: as any other, or by a form of its own. */
enum WellKnown {
  /** An object of its fields. */
  NONE,
  /** {@code google.protobuf.Any}: an object with {@code @type}. */
  ANY,
  /** A string: Timestamp, Duration, FieldMask. */
  TEXT,
  /** JSON itself: Struct, Value, ListValue. */
  STRUCTURE,
  /** The value of its only field. */
  WRAPPER;

  static WellKnown of(Descriptor type) {
    String name = type.getFullName();
    if (!name.startsWith("google.protobuf.")) {
      return NONE;
    }
    return switch (name.substring("google.protobuf.".length())) {
      case "Any" -> ANY;
      case "Timestamp", "Duration", "FieldMask" -> TEXT;
      case "Struct", "Value", "ListValue" -> STRUCTURE;
      case "DoubleValue",
          "FloatValue",
          "Int64Value",
          "UInt64Value",
          "Int32Value",
          "UInt32Value",
          "BoolValue",
          "StringValue",
          "BytesValue" ->
          WRAPPER;
      default -> NONE;
    };
  }
}
