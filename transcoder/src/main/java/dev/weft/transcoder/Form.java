package dev.weft.transcoder;

/** How ProtoJSON writes a message type: as an object of its fields, or in a form of its own. */
enum Form {
  /** An object of its fields. */
  OBJECT,
  /** An object with {@code @type} beside the fields of what it holds. */
  ANY,
  TIMESTAMP,
  DURATION,
  FIELD_MASK,
  STRUCT,
  VALUE,
  LIST_VALUE,
  /** The value of its only field. */
  WRAPPER;

  /** Whether it is one JSON string. */
  boolean isText() {
    return this == TIMESTAMP || this == DURATION || this == FIELD_MASK;
  }
}
