package dev.weft.consul.agent;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.io.JsonEOFException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * JSON as plain values: {@code Map}, {@code List}, {@code String}, {@code Long}, {@code Decimal},
 * {@code Boolean}, null. Binding classes would cost more of the start than the whole agent does.
 */
final class Json {
  /** A number that is not a signed 64-bit integer, as it was written. */
  record Decimal(String text) {
    /** A 64-bit number without sign. */
    static Decimal unsigned(long bits) {
      return new Decimal(Long.toUnsignedString(bits));
    }
  }

  private static final JsonFactory FACTORY = new JsonFactory();

  private Json() {}

  /**
   * Reads the first value of the text and ignores what follows, as Go's decoder does.
   *
   * @throws IllegalArgumentException with Go's wording where there is one
   */
  static @Nullable Object parse(byte[] text) {
    try (JsonParser parser = FACTORY.createParser(text)) {
      if (parser.nextToken() == null) {
        throw new IllegalArgumentException("EOF");
      }
      return value(parser);
    } catch (JsonEOFException e) {
      throw new IllegalArgumentException("unexpected EOF", e);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(complaint(text, e), e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String complaint(byte[] text, JsonProcessingException e) {
    for (byte b : text) {
      if (!Character.isWhitespace(b)) {
        return "{[\"-0123456789tfn".indexOf(b) < 0
            ? "invalid character '" + (char) (b & 0xff) + "' looking for beginning of value"
            : "invalid character: " + e.getOriginalMessage();
      }
    }
    return "EOF";
  }

  private static @Nullable Object value(JsonParser parser) throws IOException {
    return switch (parser.currentToken()) {
      case START_OBJECT -> {
        Map<String, @Nullable Object> object = new LinkedHashMap<>();
        while (parser.nextToken() != JsonToken.END_OBJECT) {
          String name = parser.currentName();
          parser.nextToken();
          object.put(name, value(parser));
        }
        yield object;
      }
      case START_ARRAY -> {
        List<@Nullable Object> array = new ArrayList<>();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          array.add(value(parser));
        }
        yield array;
      }
      case VALUE_STRING -> parser.getText();
      case VALUE_NUMBER_INT ->
          parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
              ? new Decimal(parser.getText())
              : (Object) parser.getLongValue();
      case VALUE_NUMBER_FLOAT -> new Decimal(parser.getText());
      case VALUE_TRUE -> true;
      case VALUE_FALSE -> false;
      case VALUE_NULL -> null;
      default -> throw new IllegalArgumentException("unexpected EOF");
    };
  }

  /** The elements as {@code toJson} shows them, each made only when it is written. */
  static <T> Iterable<@Nullable Object> lazily(List<T> elements, Function<T, ?> toJson) {
    return () -> elements.stream().<@Nullable Object>map(toJson).iterator();
  }

  static byte[] compact(@Nullable Object value) {
    return write(value, false);
  }

  static byte[] pretty(@Nullable Object value) {
    return write(value, true);
  }

  /** Writes the value, a part at a time, and leaves the stream open. */
  static void write(OutputStream stream, @Nullable Object value) throws IOException {
    try (JsonGenerator out = FACTORY.createGenerator(stream)) {
      out.disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET);
      write(out, value);
    }
  }

  private static byte[] write(@Nullable Object value, boolean pretty) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(1024);
    try (JsonGenerator out = FACTORY.createGenerator(bytes)) {
      if (pretty) {
        DefaultPrettyPrinter printer = new DefaultPrettyPrinter();
        printer.indentArraysWith(DefaultIndenter.SYSTEM_LINEFEED_INSTANCE);
        out.setPrettyPrinter(printer);
      }
      write(out, value);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static void write(JsonGenerator out, @Nullable Object value) throws IOException {
    switch (value) {
      case null -> out.writeNull();
      case String text -> out.writeString(text);
      case Boolean flag -> out.writeBoolean(flag);
      case Integer number -> out.writeNumber(number);
      case Long number -> out.writeNumber(number);
      case Decimal number -> out.writeNumber(number.text());
      case Map<?, ?> object -> {
        out.writeStartObject();
        for (Map.Entry<?, ?> field : object.entrySet()) {
          out.writeFieldName(String.valueOf(field.getKey()));
          write(out, field.getValue());
        }
        out.writeEndObject();
      }
      case Iterable<?> array -> {
        out.writeStartArray();
        for (Object element : array) {
          write(out, element);
        }
        out.writeEndArray();
      }
      default -> throw new IllegalArgumentException("not JSON: " + value.getClass());
    }
  }

  /** An object in the order given: name, value, name, value. */
  static Map<String, @Nullable Object> object(@Nullable Object... namesAndValues) {
    Map<String, @Nullable Object> object = LinkedHashMap.newLinkedHashMap(namesAndValues.length);
    for (int i = 0; i < namesAndValues.length; i += 2) {
      object.put(String.valueOf(namesAndValues[i]), namesAndValues[i + 1]);
    }
    return object;
  }
}
