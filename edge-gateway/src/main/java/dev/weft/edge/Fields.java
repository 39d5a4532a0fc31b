package dev.weft.edge;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Finds fields by the names a client may use. */
final class Fields {
  private Fields() {}

  /** The field of this name, as in the contract or in lowerCamel. */
  static @Nullable FieldDescriptor byName(Descriptor type, String name) {
    FieldDescriptor field = type.findFieldByName(name);
    if (field != null) {
      return field;
    }
    for (FieldDescriptor candidate : type.getFields()) {
      if (candidate.getJsonName().equals(name)) {
        return candidate;
      }
    }
    return null;
  }

  static List<String> jsonNames(Descriptor type) {
    return type.getFields().stream().map(FieldDescriptor::getJsonName).toList();
  }

  /**
   * Whether a change of a field of this type replaces all of it: an amount or a date has no parts
   * that could be kept.
   */
  static boolean isValueObject(Descriptor type) {
    return type.getFullName().startsWith("google.");
  }
}
