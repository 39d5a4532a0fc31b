package dev.weft.consul.agent;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One JSON object read as Consul's decoder reads it: names in any case, null like absent, unknown
 * names refused.
 */
final class Fields {
  private final Map<String, Object> values = new LinkedHashMap<>();

  /** Where in a config entry this is, with a dot at its end; null if it is none. */
  private final @Nullable String path;

  /** Reads {@code value}, whose names must all be among {@code known}. */
  Fields(@Nullable Object value, List<String> known) {
    this(value, known, null, true);
  }

  private Fields(
      @Nullable Object value, List<String> known, @Nullable String path, boolean strict) {
    this.path = path;
    if (!(value instanceof Map<?, ?> object)) {
      throw mismatch(value, "", "struct");
    }
    object.forEach(
        (key, field) -> {
          String name = String.valueOf(key);
          String canonical = canonical(path == null ? name : name.replace("_", ""), known);
          if (canonical == null && strict) {
            throw new IllegalArgumentException(unknown(name, path));
          }
          if (canonical != null && field != null) {
            values.put(canonical, field);
          }
        });
  }

  private static String unknown(String name, @Nullable String path) {
    if (path == null) {
      return "json: unknown field \"" + name + "\"";
    }
    boolean namespace = name.toLowerCase(Locale.ROOT).endsWith("namespace");
    return "1 error occurred:\n\t* invalid config key \""
        + path
        + name
        + (namespace ? "\", namespaces are a consul enterprise feature\n\n" : "\"\n\n");
  }

  /** A config entry, whose decoder takes {@code path_exact} for {@code PathExact}. */
  static Fields ofConfigEntry(@Nullable Object value, List<String> known) {
    return new Fields(value, known, "", true);
  }

  /**
   * A part of a config entry, empty if it is null; {@code at} is where, such as {@code
   * Routes[0].Match}.
   */
  static Fields ofConfigEntry(@Nullable Object value, List<String> known, String at) {
    return new Fields(value == null ? Map.of() : value, known, at + ".", true);
  }

  /** What is decoded like a config entry, but for names that are not known: they are ignored. */
  static Fields ofKnown(@Nullable Object value, List<String> known) {
    return new Fields(value == null ? Map.of() : value, known, "", false);
  }

  private static @Nullable String canonical(String name, List<String> known) {
    for (String candidate : known) {
      if (candidate.equalsIgnoreCase(name)) {
        return candidate;
      }
    }
    return null;
  }

  boolean has(String name) {
    return values.containsKey(name);
  }

  String text(String name) {
    return switch (values.get(name)) {
      case null -> "";
      case String text -> text;
      case Object other -> throw mismatch(other, name, "string");
    };
  }

  int number(String name) {
    return switch (values.get(name)) {
      case null -> 0;
      case Long number when number == number.intValue() -> number.intValue();
      case Object other -> throw mismatch(other, name, "int");
    };
  }

  /** A number with or without a fraction. */
  float fraction(String name) {
    return switch (values.get(name)) {
      case null -> 0;
      case Long number -> number.floatValue();
      case Json.Decimal number -> (float) Double.parseDouble(number.text());
      case Object other -> throw mismatch(other, name, "float32");
    };
  }

  /** The numbers from 0 to 2^32-1 under {@code name}. */
  List<Long> shortUnsigneds(String name) {
    List<Long> numbers = new ArrayList<>();
    for (Object element : list(name)) {
      numbers.add(shortUnsigned(element, name));
    }
    return List.copyOf(numbers);
  }

  /** A number from 0 to 2^32-1. */
  long shortUnsigned(String name) {
    return shortUnsigned(values.get(name), name);
  }

  private static long shortUnsigned(@Nullable Object value, String name) {
    return switch (value) {
      case null -> 0;
      case Long number when number >= 0 && number <= 0xffff_ffffL -> number;
      case Object other -> throw mismatch(other, name, "uint32");
    };
  }

  long unsigned(String name) {
    return switch (values.get(name)) {
      case null -> 0;
      case Long number when number >= 0 -> number;
      case Json.Decimal number when number.text().matches("\\d+") -> beyondLong(number, name);
      case Object other -> throw mismatch(other, name, "uint64");
    };
  }

  private static long beyondLong(Json.Decimal number, String name) {
    try {
      return Long.parseUnsignedLong(number.text());
    } catch (NumberFormatException e) {
      throw mismatch(number, name, "uint64");
    }
  }

  boolean flag(String name) {
    return switch (values.get(name)) {
      case null -> false;
      case Boolean flag -> flag;
      case Object other -> throw mismatch(other, name, "bool");
    };
  }

  /** A Go duration such as {@code "1m30s"}, or a number of nanoseconds. */
  Duration duration(String name) {
    return switch (values.get(name)) {
      case null -> Duration.ZERO;
      case String text -> duration(name, text);
      case Long nanos -> Duration.ofNanos(nanos);
      case Object other -> throw mismatch(other, name, "time.Duration");
    };
  }

  private Duration duration(String name, String text) {
    try {
      return GoDuration.parse(text);
    } catch (IllegalArgumentException e) {
      if (path == null) {
        throw e;
      }
      throw new IllegalArgumentException(
          "1 error(s) decoding:\n\n* error decoding '" + path + name + "': " + e.getMessage(), e);
    }
  }

  List<String> texts(String name) {
    List<String> texts = new ArrayList<>();
    for (Object element : list(name)) {
      texts.add(
          switch (element) {
            case null -> "";
            case String text -> text;
            case Object other -> throw mismatch(other, name, "string");
          });
    }
    return List.copyOf(texts);
  }

  List<? extends @Nullable Object> list(String name) {
    return switch (values.get(name)) {
      case null -> List.of();
      case List<?> list -> list;
      case Object other -> throw mismatch(other, name, "[]");
    };
  }

  Map<String, String> textMap(String name) {
    Map<String, String> map = new LinkedHashMap<>();
    object(name)
        .forEach(
            (key, value) ->
                map.put(
                    key,
                    switch (value) {
                      case null -> "";
                      case String text -> text;
                      case Object other -> throw mismatch(other, name, "string");
                    }));
    return map;
  }

  /** The object under {@code name}, empty when absent. */
  Map<String, @Nullable Object> object(String name) {
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    switch (values.get(name)) {
      case null -> {}
      case Map<?, ?> object -> object.forEach((key, value) -> map.put(String.valueOf(key), value));
      case Object other -> throw mismatch(other, name, "map");
    }
    return map;
  }

  private static IllegalArgumentException mismatch(
      @Nullable Object value, String name, String type) {
    String found =
        switch (value) {
          case null -> "null";
          case String _ -> "string";
          case Boolean _ -> "bool";
          case Long number -> "number " + number;
          case Json.Decimal number -> "number " + number.text();
          case List<?> _ -> "array";
          case Object _ -> "object";
        };
    return new IllegalArgumentException(
        String.format(
            Locale.ROOT,
            "json: cannot unmarshal %s into Go struct field .%s of type %s",
            found,
            name,
            type));
  }
}
