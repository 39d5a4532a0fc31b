package dev.weft.transcoder;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The values of an enum: by name for reading, by number for printing. Immutable. */
final class EnumPlan {
  /** Names of numbers up to here are in an array. */
  private static final int DENSE = 256;

  final String name;

  /** Whether a number without a name is no value at all, as in proto2. */
  final boolean closed;

  /** {@code google.protobuf.NullValue}, which is JSON's null. */
  final boolean isNull;

  private final Map<String, Integer> numbers = new LinkedHashMap<>();
  private final byte[] @Nullable [] dense = new byte[DENSE][];
  private final Map<Integer, byte[]> others = new HashMap<>();

  EnumPlan(EnumDescriptor type) {
    name = type.getName();
    closed = type.isClosed();
    isNull = type.getFullName().equals("google.protobuf.NullValue");
    for (EnumValueDescriptor value : type.getValues()) {
      int number = value.getNumber();
      numbers.put(value.getName(), number);
      byte[] literal = ('"' + value.getName() + '"').getBytes(UTF_8);
      // Of several names of one number, the first is printed.
      if (number >= 0 && number < DENSE) {
        dense[number] = dense[number] == null ? literal : dense[number];
      } else {
        others.putIfAbsent(number, literal);
      }
    }
  }

  /** The number of a name; null when there is no such name. */
  @Nullable Integer number(String valueName) {
    return numbers.get(valueName);
  }

  /** The name of a number in quotes; null when it has none. */
  byte @Nullable [] literal(int number) {
    return number >= 0 && number < DENSE ? dense[number] : others.get(number);
  }

  Collection<String> names() {
    return numbers.keySet();
  }
}
