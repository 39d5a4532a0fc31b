package dev.weft.transcoder;

import static com.fasterxml.jackson.core.JsonToken.VALUE_FALSE;
import static com.fasterxml.jackson.core.JsonToken.VALUE_NULL;
import static com.fasterxml.jackson.core.JsonToken.VALUE_NUMBER_INT;
import static com.fasterxml.jackson.core.JsonToken.VALUE_STRING;
import static com.fasterxml.jackson.core.JsonToken.VALUE_TRUE;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.google.protobuf.Descriptors.FieldDescriptor;
import java.io.IOException;

/** Reads values that are neither objects nor arrays: the text or number at the current token. */
final class ScalarsToWire {
  /** An enum value that a lenient reader does not know. */
  private static final long DROPPED = Long.MIN_VALUE;

  private final JsonInput in;
  private final WireBytes out;
  private final boolean lenient;

  ScalarsToWire(JsonInput in, WireBytes out, boolean lenient) {
    this.in = in;
    this.out = out;
    this.lenient = lenient;
  }

  /** Whether these bits, which are those of a value of the field, are to be ignored. */
  static boolean isDropped(FieldPlan field, long bits) {
    return bits == DROPPED && field.type == FieldDescriptor.Type.ENUM;
  }

  /** Writes the text at the current token, or the bytes it stands for. */
  void text(FieldPlan field) throws IOException {
    in.expect(VALUE_STRING, "a string");
    JsonParser parser = in.parser();
    char[] chars = parser.getTextCharacters();
    int offset = parser.getTextOffset();
    int length = parser.getTextLength();
    if (field.type == FieldDescriptor.Type.BYTES) {
      int start = out.open();
      try {
        Base64Text.decode(chars, offset, length, out);
      } catch (IllegalArgumentException e) {
        throw in.refused(String.valueOf(e.getMessage()));
      }
      out.close(start);
    } else if (!out.text(chars, offset, length)) {
      throw in.refused("expected text without lone surrogates");
    }
  }

  void text(String text) {
    if (!out.text(text)) {
      throw in.refused("expected text without lone surrogates");
    }
  }

  /** The scalar at the current token, as {@link Scalars} has it. */
  long bits(FieldPlan field) throws IOException {
    JsonParser parser = in.parser();
    JsonToken token = in.token();
    return switch (field.type) {
      case BOOL -> {
        if (token != VALUE_TRUE && token != VALUE_FALSE) {
          throw in.refused("expected true or false");
        }
        yield token == VALUE_TRUE ? 1 : 0;
      }
      case ENUM -> enumNumber(field, token);
      case FLOAT -> {
        checkNumber(token);
        yield bits(field, parser.getText());
      }
      case DOUBLE -> {
        checkNumber(token);
        yield token == VALUE_STRING ? bits(field, parser.getText()) : real(parser, token);
      }
      default -> {
        checkNumber(token);
        if (token == VALUE_NUMBER_INT && parser.getTextLength() <= Scalars.LONG_DIGITS) {
          yield inRange(field, parser.getLongValue());
        }
        yield bits(field, parser.getText());
      }
    };
  }

  private long real(JsonParser parser, JsonToken token) throws IOException {
    double value = parser.getDoubleValue();
    if (Double.isInfinite(value)) {
      throw in.refused("expected a number in the range of a double");
    }
    // The parser takes -0 for a whole number, which has no sign.
    boolean minusZero =
        value == 0
            && token == VALUE_NUMBER_INT
            && parser.getTextCharacters()[parser.getTextOffset()] == '-';
    return Double.doubleToRawLongBits(minusZero ? -0.0 : value);
  }

  /** The bits of the number at the current token, as a double. */
  long real() throws IOException {
    return real(in.parser(), in.token());
  }

  private long enumNumber(FieldPlan field, JsonToken token) throws IOException {
    EnumPlan values = field.values();
    if (token == VALUE_NULL && values.isNull) {
      return 0;
    }
    if (token != VALUE_STRING && !token.isNumeric()) {
      throw in.refused("expected a value of " + values.name);
    }
    String text = in.parser().getText();
    if (lenient && values.number(text) == null) {
      return token == VALUE_STRING || values.closed
          ? lenientNumber(values, text)
          : bits(field, text);
    }
    return bits(field, text);
  }

  private static long lenientNumber(EnumPlan values, String text) {
    try {
      return Scalars.enumNumber(values, text);
    } catch (IllegalArgumentException e) {
      return DROPPED;
    }
  }

  private void checkNumber(JsonToken token) {
    if (!token.isNumeric() && token != VALUE_STRING) {
      throw in.refused("expected a number");
    }
  }

  private long inRange(FieldPlan field, long value) {
    try {
      return Scalars.inRange(field, value);
    } catch (IllegalArgumentException e) {
      throw in.refused(String.valueOf(e.getMessage()));
    }
  }

  private long bits(FieldPlan field, String text) {
    try {
      return Scalars.fromText(field, text);
    } catch (IllegalArgumentException e) {
      throw in.refused(String.valueOf(e.getMessage()));
    }
  }

  /** Writes a key. Returns something that is equal for equal keys. */
  Object key(FieldPlan field, String name) {
    if (field.type == FieldDescriptor.Type.STRING) {
      text(name);
      return name;
    }
    long bits = bits(field, name);
    out.scalar(field, bits);
    return bits;
  }
}
