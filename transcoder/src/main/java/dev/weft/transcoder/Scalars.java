package dev.weft.transcoder;

import com.google.protobuf.Descriptors.FieldDescriptor;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Values of fields that are numbers of some kind, as 64 bits: an integer sign-extended or,
 * unsigned, as it is; a boolean as 0 or 1; an enum as its number; a float or double as its own
 * bits. From text: what a JSON string, a map key, a query parameter or a part of a path may say, as
 * ProtoJSON has it. Each method throws {@link IllegalArgumentException} whose text says what is
 * expected.
 */
final class Scalars {
  /** A JSON number. No sign but minus, no leading zero, no space. */
  private static final Pattern NUMBER =
      Pattern.compile("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?");

  private static final BigInteger UINT64_END = BigInteger.ONE.shiftLeft(64);

  /** Numbers of so few digits are a long. */
  static final int LONG_DIGITS = 18;

  private static final int TEXT_MAX = 100;

  private Scalars() {}

  static long fromText(FieldPlan field, String text) {
    return switch (field.type) {
      case BOOL ->
          switch (text) {
            case "true" -> 1;
            case "false" -> 0;
            default -> throw expected("true or false");
          };
      case ENUM -> enumNumber(field.values(), text);
      case FLOAT -> floatBits(text);
      case DOUBLE -> doubleBits(text);
      case STRING, BYTES, MESSAGE, GROUP -> throw new IllegalStateException(field.name);
      default -> {
        int length = text.length();
        yield length > 0 && length <= LONG_DIGITS && isPlain(text)
            ? inRange(field, Long.parseLong(text))
            : whole(field, text);
      }
    };
  }

  /** The number, if the field can hold it. */
  static long inRange(FieldPlan field, long value) {
    boolean fits =
        switch (field.type) {
          case INT32, SINT32, SFIXED32, ENUM -> value == (int) value;
          case UINT32, FIXED32 -> value >= 0 && value <= 0xffff_ffffL;
          case UINT64, FIXED64 -> value >= 0;
          default -> true;
        };
    if (!fits) {
      throw expected(kind(field));
    }
    return value;
  }

  /** A whole number, also written as 1.0 or 1e3; never the expansion of a huge exponent. */
  static long whole(FieldPlan field, String text) {
    if (text.length() > TEXT_MAX || !NUMBER.matcher(text).matches()) {
      throw expected(kind(field));
    }
    BigInteger value;
    try {
      BigDecimal decimal = new BigDecimal(text).stripTrailingZeros();
      if (decimal.scale() > 0 || (long) decimal.precision() - decimal.scale() > 20) {
        throw expected(kind(field));
      }
      value = decimal.toBigIntegerExact();
    } catch (NumberFormatException e) {
      // An exponent beyond what BigDecimal holds.
      throw expected(kind(field));
    }
    if (value.bitLength() < Long.SIZE) {
      return inRange(field, value.longValue());
    }
    boolean unsigned =
        field.type == FieldDescriptor.Type.UINT64 || field.type == FieldDescriptor.Type.FIXED64;
    if (!unsigned || value.signum() < 0 || value.compareTo(UINT64_END) >= 0) {
      throw expected(kind(field));
    }
    return value.longValue();
  }

  static long doubleBits(String text) {
    return switch (text) {
      case "NaN" -> Double.doubleToRawLongBits(Double.NaN);
      case "Infinity" -> Double.doubleToRawLongBits(Double.POSITIVE_INFINITY);
      case "-Infinity" -> Double.doubleToRawLongBits(Double.NEGATIVE_INFINITY);
      default -> {
        checkNumber(text);
        double value = Double.parseDouble(text);
        if (Double.isInfinite(value)) {
          throw expected("a number in the range of a double");
        }
        yield Double.doubleToRawLongBits(value);
      }
    };
  }

  static long floatBits(String text) {
    return switch (text) {
      case "NaN" -> floatBits(Float.NaN);
      case "Infinity" -> floatBits(Float.POSITIVE_INFINITY);
      case "-Infinity" -> floatBits(Float.NEGATIVE_INFINITY);
      default -> {
        checkNumber(text);
        float value = Float.parseFloat(text);
        if (Float.isInfinite(value)) {
          throw expected("a number in the range of a float");
        }
        yield floatBits(value);
      }
    };
  }

  /** The number of a value by its name, or by its number if an enum takes that. */
  static long enumNumber(EnumPlan values, String text) {
    Integer named = values.number(text);
    if (named != null) {
      return named;
    }
    if (NUMBER.matcher(text).matches() && text.length() <= TEXT_MAX) {
      Integer number = smallWhole(text);
      if (number != null && (!values.closed || values.literal(number) != null)) {
        return number;
      }
    }
    throw expected(
        Names.nearest(text, values.names())
            .map(name -> "a value of " + values.name + "; did you mean " + name + "?")
            .orElse("a value of " + values.name));
  }

  static IllegalArgumentException expected(String what) {
    return new IllegalArgumentException("expected " + what);
  }

  private static @Nullable Integer smallWhole(String text) {
    try {
      return new BigDecimal(text).intValueExact();
    } catch (ArithmeticException | NumberFormatException e) {
      return null;
    }
  }

  private static long floatBits(float value) {
    return Float.floatToRawIntBits(value) & 0xffff_ffffL;
  }

  private static void checkNumber(String text) {
    if (!NUMBER.matcher(text).matches()) {
      throw expected("a number");
    }
  }

  /** Digits with at most a minus, no zero in front: what is no concern of BigDecimal's. */
  private static boolean isPlain(String text) {
    int i = text.charAt(0) == '-' ? 1 : 0;
    if (i == text.length() || (text.charAt(i) == '0' && text.length() > i + 1)) {
      return false;
    }
    for (; i < text.length(); i++) {
      if (text.charAt(i) < '0' || text.charAt(i) > '9') {
        return false;
      }
    }
    return true;
  }

  private static String kind(FieldPlan field) {
    return switch (field.type) {
      case INT32, SINT32, SFIXED32 -> "a 32-bit integer";
      case UINT32, FIXED32 -> "an unsigned 32-bit integer";
      case INT64, SINT64, SFIXED64 -> "a 64-bit integer";
      case UINT64, FIXED64 -> "an unsigned 64-bit integer";
      default -> "a number";
    };
  }
}
