package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What routes and permissions of intentions say alike of the requests they are about.
 *
 * @param path where in the entry it is, such as {@code Routes[0].Match.HTTP}
 * @param named what a complaint calls it
 * @param separator between that and the name of a field
 */
record HttpMatch(String path, String named, String separator) {
  private static final List<String> PATHS = List.of("PathExact", "PathPrefix", "PathRegex");
  private static final List<String> HEADER_FIELDS =
      List.of("Name", "Present", "Exact", "Prefix", "Suffix", "Regex", "Invert");
  private static final List<String> HEADER_TEXTS = List.of("Exact", "Prefix", "Suffix", "Regex");

  /** Shows the path and the headers in {@code shown}. */
  void read(Fields fields, Map<String, @Nullable Object> shown) {
    paths(fields, shown);
    put(shown, "Header", headers(fields));
  }

  private void paths(Fields fields, Map<String, @Nullable Object> shown) {
    int count = 0;
    for (String name : PATHS) {
      String value = fields.text(name);
      if (!value.isEmpty()) {
        if (!name.equals("PathRegex") && !value.startsWith("/")) {
          throw invalid(separator + name + " doesn't start with '/': \"" + value + "\"");
        }
        shown.put(name, value);
        count++;
      }
    }
    if (count > 1) {
      throw invalid(" should only contain at most one of PathExact, PathPrefix, or PathRegex");
    }
  }

  private List<Map<String, @Nullable Object>> headers(Fields fields) {
    List<? extends @Nullable Object> given = fields.list("Header");
    List<Map<String, @Nullable Object>> headers = new ArrayList<>();
    for (int i = 0; i < given.size(); i++) {
      String at = "Header[" + i + "]";
      headers.add(header(given.get(i), path + "." + at, separator + at));
    }
    return headers;
  }

  private Map<String, @Nullable Object> header(@Nullable Object json, String at, String says) {
    Fields fields = Fields.ofConfigEntry(json, HEADER_FIELDS, at);
    if (fields.text("Name").isEmpty()) {
      throw invalid(says + " missing required Name field");
    }
    Map<String, @Nullable Object> header = object("Name", fields.text("Name"));
    if (fields.flag("Present")) {
      header.put("Present", true);
    }
    for (String text : HEADER_TEXTS) {
      if (!fields.text(text).isEmpty()) {
        header.put(text, fields.text(text));
      }
    }
    if (header.size() != 2) {
      throw invalid(says + " should only contain one of Present, Exact, Prefix, Suffix, or Regex");
    }
    if (fields.flag("Invert")) {
      header.put("Invert", true);
    }
    return header;
  }

  /** The methods in capital letters. */
  List<String> methods(Fields fields) {
    List<String> methods = new ArrayList<>();
    for (String word : fields.texts("Methods")) {
      String method = word.toUpperCase(Locale.ROOT);
      if (methods.contains(method)) {
        throw invalid(separator + "Methods contains \"" + method + "\" more than once");
      }
      methods.add(method);
    }
    return methods;
  }

  /** Shows what is not empty. */
  static void put(Map<String, @Nullable Object> shown, String name, List<?> values) {
    if (!values.isEmpty()) {
      shown.put(name, values);
    }
  }

  ApiError invalid(String what) {
    return new ApiError(500, named + what);
  }
}
