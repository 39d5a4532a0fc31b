package dev.weft.mesh;

import io.grpc.Metadata;
import io.grpc.Status;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What is done on purpose to the calls that this process makes to one service, to see what becomes
 * of them.
 *
 * @param match headers that a call must have with these very values; none means every call
 * @param delay of unary calls
 * @param abort instead of sending a call
 * @param mirror to another service, beside the call
 */
record Faults(
    Map<String, String> match,
    Optional<Delay> delay,
    Optional<Abort> abort,
    Optional<Mirror> mirror) {
  static final Faults NONE =
      new Faults(Map.of(), Optional.empty(), Optional.empty(), Optional.empty());

  private static final int MATCHES_MAX = 8;
  private static final int DELAY_MILLIS_MAX = 60_000;

  /**
   * Calls are sent later.
   *
   * @param percent of how many of the calls that match, 0 to 100; so in the others
   * @param by at most a minute
   */
  record Delay(int percent, Duration by) {}

  /** Calls end with this code and the reason FAULT_INJECTED, and are not sent. */
  record Abort(int percent, Status.Code code) {}

  /** Calls go to this service, too; nobody hears what becomes of that. */
  record Mirror(int percent, String service) {}

  Faults {
    match = Map.copyOf(match);
  }

  /** Whether they are meant for a call with these headers. */
  boolean matches(Metadata headers) {
    for (Map.Entry<String, String> wanted : match.entrySet()) {
      Metadata.Key<String> key = Metadata.Key.of(wanted.getKey(), Metadata.ASCII_STRING_MARSHALLER);
      if (!wanted.getValue().equals(headers.get(key))) {
        return false;
      }
    }
    return true;
  }

  /**
   * Reads {@code {"match":{"x-test":"1"}, "delay":{"percent":10,"millis":200},
   * "abort":{"percent":5,"code":"UNAVAILABLE"}, "mirror":{"percent":1,"service":"order-next"}}}, of
   * which each part may be left out.
   *
   * @throws IllegalArgumentException if there is anything else in it, or a value out of its range
   */
  static Faults of(Map<String, Object> json) {
    only(json, "match", "delay", "abort", "mirror");
    return new Faults(
        part(json, "match").map(Faults::match).orElse(Map.of()),
        part(json, "delay").map(Faults::delay),
        part(json, "abort").map(Faults::abort),
        part(json, "mirror").map(Faults::mirror));
  }

  private static Map<String, String> match(Map<?, ?> headers) {
    if (headers.size() > MATCHES_MAX) {
      throw new IllegalArgumentException(
          "match: " + headers.size() + " headers (expected: at most " + MATCHES_MAX + ")");
    }
    Map<String, String> match = new HashMap<>();
    for (Object name : headers.keySet()) {
      String header = String.valueOf(name);
      // Refuses what is no name of a header.
      var _ = Metadata.Key.of(header, Metadata.ASCII_STRING_MARSHALLER);
      match.put(header, text(headers, header));
    }
    return match;
  }

  private static Delay delay(Map<?, ?> json) {
    only(json, "percent", "millis");
    return new Delay(percent(json), Duration.ofMillis(number(json, "millis", 1, DELAY_MILLIS_MAX)));
  }

  private static Abort abort(Map<?, ?> json) {
    only(json, "percent", "code");
    Status.Code code = Status.Code.valueOf(text(json, "code"));
    if (code == Status.Code.OK) {
      throw new IllegalArgumentException("code: OK (expected: an error)");
    }
    return new Abort(percent(json), code);
  }

  private static Mirror mirror(Map<?, ?> json) {
    only(json, "percent", "service");
    return new Mirror(percent(json), text(json, "service"));
  }

  private static int percent(Map<?, ?> json) {
    return number(json, "percent", 0, 100);
  }

  private static void only(Map<?, ?> json, String... names) {
    Set<Object> others = new HashSet<>(json.keySet());
    others.removeAll(Set.of(names));
    if (!others.isEmpty()) {
      throw new IllegalArgumentException(others + " (expected: " + Set.of(names) + ")");
    }
  }

  private static Optional<Map<?, ?>> part(Map<String, Object> json, String name) {
    Object value = json.get(name);
    if (value == null && !json.containsKey(name)) {
      return Optional.empty();
    }
    if (value instanceof Map<?, ?> part) {
      return Optional.of(part);
    }
    throw new IllegalArgumentException(name + ": " + value + " (expected: an object)");
  }

  private static String text(Map<?, ?> json, String name) {
    if (json.get(name) instanceof String text && !text.isEmpty()) {
      return text;
    }
    throw new IllegalArgumentException(
        name + ": " + json.get(name) + " (expected: a string that is not empty)");
  }

  private static int number(Map<?, ?> json, String name, int min, int max) {
    if (json.get(name) instanceof Long number && number >= min && number <= max) {
      return number.intValue();
    }
    throw new IllegalArgumentException(
        name
            + ": "
            + json.get(name)
            + " (expected: a whole number from "
            + min
            + " to "
            + max
            + ")");
  }
}
