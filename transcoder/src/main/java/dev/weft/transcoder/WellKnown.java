package dev.weft.transcoder;

import com.google.protobuf.Any;
import com.google.protobuf.BoolValue;
import com.google.protobuf.BytesValue;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.DoubleValue;
import com.google.protobuf.Duration;
import com.google.protobuf.Empty;
import com.google.protobuf.FieldMask;
import com.google.protobuf.FloatValue;
import com.google.protobuf.Int32Value;
import com.google.protobuf.Int64Value;
import com.google.protobuf.ListValue;
import com.google.protobuf.StringValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Timestamp;
import com.google.protobuf.UInt32Value;
import com.google.protobuf.UInt64Value;
import com.google.protobuf.Value;
import java.util.HashMap;
import java.util.Map;

/**
 * The message types that have a form of their own in JSON, as protobuf itself has them. Plans are
 * made of these, never of what a contract calls so: code that knows a type by its name also relies
 * on its fields.
 */
final class WellKnown {
  private static final Map<String, Form> FORMS = new HashMap<>();
  private static final Map<String, Descriptor> TYPES = new HashMap<>();

  static {
    add(Form.OBJECT, Empty.getDescriptor());
    add(Form.ANY, Any.getDescriptor());
    add(Form.TIMESTAMP, Timestamp.getDescriptor());
    add(Form.DURATION, Duration.getDescriptor());
    add(Form.FIELD_MASK, FieldMask.getDescriptor());
    add(Form.STRUCT, Struct.getDescriptor());
    add(Form.VALUE, Value.getDescriptor());
    add(Form.LIST_VALUE, ListValue.getDescriptor());
    add(
        Form.WRAPPER,
        DoubleValue.getDescriptor(),
        FloatValue.getDescriptor(),
        Int64Value.getDescriptor(),
        UInt64Value.getDescriptor(),
        Int32Value.getDescriptor(),
        UInt32Value.getDescriptor(),
        BoolValue.getDescriptor(),
        StringValue.getDescriptor(),
        BytesValue.getDescriptor());
  }

  private WellKnown() {}

  private static void add(Form form, Descriptor... types) {
    for (Descriptor type : types) {
      FORMS.put(type.getFullName(), form);
      TYPES.put(type.getFullName(), type);
    }
  }

  /** The form of a type of this name; that of an object when it is not well known. */
  static Form form(String fullName) {
    return FORMS.getOrDefault(fullName, Form.OBJECT);
  }

  /** All of them, by full name. */
  static Map<String, Descriptor> types() {
    return TYPES;
  }
}
