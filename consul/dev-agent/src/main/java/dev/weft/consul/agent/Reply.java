package dev.weft.consul.agent;

import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An answer before it is written.
 *
 * @param body a tree for {@link Json}, or bytes, or null for an empty answer
 */
record Reply(int status, Map<String, String> headers, @Nullable Object body) {
  static Reply empty() {
    return new Reply(200, Map.of(), null);
  }

  static Reply json(@Nullable Object tree) {
    return json(200, tree);
  }

  static Reply json(int status, @Nullable Object tree) {
    return new Reply(
        status,
        Map.of("Content-Type", "application/json"),
        tree == null ? Json.compact(null) : tree);
  }

  static Reply text(int status, String text) {
    return bytes(status, "text/plain; charset=utf-8", text.getBytes(StandardCharsets.UTF_8));
  }

  static Reply bytes(int status, String contentType, byte[] bytes) {
    return new Reply(status, Map.of("Content-Type", contentType), bytes);
  }

  Reply with(String header, String value) {
    Map<String, String> more = new LinkedHashMap<>(headers);
    more.put(header, value);
    return new Reply(status, more, body);
  }

  Reply prettyPrinted() {
    return body == null || body instanceof byte[]
        ? this
        : new Reply(status, headers, Json.pretty(body));
  }

  byte @Nullable [] bytes() {
    return switch (body) {
      case null -> null;
      case byte[] bytes -> bytes;
      case Object tree -> Json.compact(tree);
    };
  }
}
