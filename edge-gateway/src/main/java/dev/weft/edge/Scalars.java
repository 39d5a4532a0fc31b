package dev.weft.edge;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.EnumDescriptor;
import com.google.protobuf.Descriptors.EnumValueDescriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Base64;
import java.util.regex.Pattern;

/**
 * Values of fields that are not messages, from text: what a JSON string, a map key, a query
 * parameter or a part of a path may say, as ProtoJSON has it.
 */
final class Scalars {
  /** A JSON number. No sign but minus, no leading zero, no space. */
  private static final Pattern NUMBER =
      Pattern.compile("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?");

  private static final Pattern INTEGER = Pattern.compile("-?(0|[1-9][0-9]{0,18})");

  private static final BigInteger UINT64_END = BigInteger.ONE.shiftLeft(64);

  private Scalars() {}

  /** Throws {@link IllegalArgumentException} whose message says what is expected. */
  static Object fromText(FieldDescriptor field, String text) {
    return switch (field.getType()) {
      case INT32, SINT32, SFIXED32 ->
          (int) integer(text, Integer.MIN_VALUE, Integer.MAX_VALUE, "a 32-bit integer");
      case UINT32, FIXED32 -> (int) integer(text, 0, 0xffff_ffffL, "an unsigned 32-bit integer");
      case INT64, SINT64, SFIXED64 ->
          integer(text, Long.MIN_VALUE, Long.MAX_VALUE, "a 64-bit integer");
      case UINT64, FIXED64 -> unsignedLong(text);
      case FLOAT -> floatOf(text);
      case DOUBLE -> doubleOf(text);
      case BOOL ->
          switch (text) {
            case "true" -> true;
            case "false" -> false;
            default -> throw expected("true or false");
          };
      case STRING -> text;
      case BYTES -> bytes(text);
      case ENUM -> enumValue(field.getEnumType(), text);
      case MESSAGE, GROUP -> throw expected("a value of " + field.getMessageType().getFullName());
    };
  }

  /** Refuses half of a surrogate pair: no UTF-8 can carry it. */
  static void checkUnicode(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isSurrogate(c)) {
        if (Character.isLowSurrogate(c)
            || i + 1 == text.length()
            || !Character.isLowSurrogate(text.charAt(i + 1))) {
          throw expected("text without lone surrogates");
        }
        i++;
      }
    }
  }

  private static long integer(String text, long min, long max, String what) {
    BigInteger value;
    if (INTEGER.matcher(text).matches()) {
      value = new BigInteger(text);
    } else {
      value = whole(text, what);
    }
    if (value.compareTo(BigInteger.valueOf(min)) < 0
        || value.compareTo(BigInteger.valueOf(max)) > 0) {
      throw expected(what);
    }
    return value.longValue();
  }

  private static long unsignedLong(String text) {
    String what = "an unsigned 64-bit integer";
    BigInteger value = whole(text, what);
    if (value.signum() < 0 || value.compareTo(UINT64_END) >= 0) {
      throw expected(what);
    }
    return value.longValue();
  }

  /** A whole number, also written as 1.0 or 1e3; never the expansion of a huge exponent. */
  private static BigInteger whole(String text, String what) {
    if (!NUMBER.matcher(text).matches() || text.length() > 100) {
      throw expected(what);
    }
    try {
      BigDecimal value = new BigDecimal(text).stripTrailingZeros();
      if (value.scale() > 0 || (long) value.precision() - value.scale() > 20) {
        throw expected(what);
      }
      return value.toBigIntegerExact();
    } catch (NumberFormatException e) {
      // An exponent beyond what BigDecimal holds.
      throw expected(what);
    }
  }

  private static double doubleOf(String text) {
    return switch (text) {
      case "NaN" -> Double.NaN;
      case "Infinity" -> Double.POSITIVE_INFINITY;
      case "-Infinity" -> Double.NEGATIVE_INFINITY;
      default -> finite(text);
    };
  }

  private static double finite(String text) {
    if (!NUMBER.matcher(text).matches()) {
      throw expected("a number");
    }
    double value = Double.parseDouble(text);
    if (Double.isInfinite(value)) {
      throw expected("a number in the range of a double");
    }
    return value;
  }

  private static float floatOf(String text) {
    double value = doubleOf(text);
    float narrow = (float) value;
    if (Float.isInfinite(narrow) && !Double.isInfinite(value)) {
      throw expected("a number in the range of a float");
    }
    return narrow;
  }

  private static ByteString bytes(String text) {
    String standard = text.replace('-', '+').replace('_', '/');
    try {
      return ByteString.copyFrom(Base64.getDecoder().decode(standard));
    } catch (IllegalArgumentException e) {
      throw expected("bytes in base64");
    }
  }

  private static EnumValueDescriptor enumValue(EnumDescriptor type, String text) {
    EnumValueDescriptor named = type.findValueByName(text);
    if (named != null) {
      return named;
    }
    if (NUMBER.matcher(text).matches()) {
      int number = (int) integer(text, Integer.MIN_VALUE, Integer.MAX_VALUE, "an enum number");
      EnumValueDescriptor numbered =
          type.isClosed()
              ? type.findValueByNumber(number)
              : type.findValueByNumberCreatingIfUnknown(number);
      if (numbered != null) {
        return numbered;
      }
    }
    throw expected(
        Names.nearest(text, type.getValues().stream().map(EnumValueDescriptor::getName).toList())
            .map(name -> "a value of " + type.getName() + "; did you mean " + name + "?")
            .orElse("a value of " + type.getName()));
  }

  private static IllegalArgumentException expected(String what) {
    return new IllegalArgumentException("expected " + what);
  }
}
