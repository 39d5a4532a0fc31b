package dev.weft.consul.agent;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.net.InetAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A request to an endpoint: its query, its body, and the options every read understands. */
final class Request {
  /** Where a blocking query stands: it waits for an index above {@code index}. */
  record Wait(long index, Duration patience) {}

  private static final int BODY_MAX = 1024 * 1024;
  private static final int DRAIN_MAX = 8 * 1024 * 1024;
  private static final Duration WAIT_DEFAULT = Duration.ofMinutes(5);
  private static final Duration WAIT_MAX = Duration.ofMinutes(10);
  private static final int JITTER_FRACTION = 16;

  private final HttpExchange exchange;
  private final String tail;
  private final Map<String, List<String>> query = new LinkedHashMap<>();

  /** {@code tail} is the decoded rest of the path behind the endpoint's own. */
  Request(HttpExchange exchange, String tail) {
    this.exchange = exchange;
    this.tail = tail;
    String raw = exchange.getRequestURI().getRawQuery();
    if (raw != null) {
      for (String pair : raw.split("&", -1)) {
        int equals = pair.indexOf('=');
        query
            .computeIfAbsent(
                decode(equals < 0 ? pair : pair.substring(0, equals)), _ -> new ArrayList<>())
            .add(equals < 0 ? "" : decode(pair.substring(equals + 1)));
      }
    }
  }

  private static String decode(String text) {
    try {
      return URLDecoder.decode(text, StandardCharsets.UTF_8);
    } catch (IllegalArgumentException e) {
      throw new ApiError(400, "invalid URL escape in the query");
    }
  }

  String method() {
    return exchange.getRequestMethod();
  }

  String path() {
    return exchange.getRequestURI().getPath();
  }

  /** Whose request it is. */
  InetAddress client() {
    return exchange.getRemoteAddress().getAddress();
  }

  String tail() {
    return tail;
  }

  /** The rest of the path, which must not be empty. */
  String tail(String missing) {
    if (tail.isEmpty()) {
      throw new ApiError(400, missing);
    }
    return tail;
  }

  boolean has(String name) {
    return query.containsKey(name);
  }

  /** The query parameter, empty when absent. */
  String query(String name) {
    return queries(name).isEmpty() ? "" : queries(name).getFirst();
  }

  /** Every value of a repeated query parameter. */
  List<String> queries(String name) {
    return query.getOrDefault(name, List.of());
  }

  @Nullable String header(String name) {
    return exchange.getRequestHeaders().getFirst(name);
  }

  /** A number in the query, or null when absent; Consul answers 500 to anything else. */
  @Nullable Long unsigned(String name) {
    if (!has(name)) {
      return null;
    }
    try {
      return Long.parseUnsignedLong(query(name));
    } catch (NumberFormatException e) {
      throw new ApiError(500, "strconv.ParseUint: parsing \"" + query(name) + "\": invalid syntax");
    }
  }

  /** The whole body, at most {@code max} bytes. */
  byte[] body(int max, String tooLarge) {
    try {
      byte[] body = exchange.getRequestBody().readNBytes(max + 1);
      if (body.length > max) {
        exchange.getRequestBody().skip(DRAIN_MAX); // a client that still writes would not read
        throw new ApiError(413, tooLarge.formatted(contentLength(body.length)));
      }
      return body;
    } catch (IOException e) {
      throw new ApiError(400, "the body could not be read");
    }
  }

  private String contentLength(int atLeast) {
    String stated = header("Content-Length");
    return stated == null ? String.valueOf(atLeast) : stated;
  }

  /** The body as JSON. */
  <T> T json(Function<@Nullable Object, T> parse) {
    return json("Request decode failed: ", BODY_MAX, parse);
  }

  /**
   * The body as JSON of at most {@code max} bytes; {@code complaint} begins what is said if not.
   */
  <T> T json(String complaint, int max, Function<@Nullable Object, T> parse) {
    return json(400, complaint, max, parse);
  }

  /** As {@link #json(String, int, Function)}, with another status if it is not. */
  <T> T json(int status, String complaint, int max, Function<@Nullable Object, T> parse) {
    byte[] body = body(max, "Request body(%s bytes) too large, max size: " + max + " bytes.");
    try {
      return parse.apply(Json.parse(body));
    } catch (IllegalArgumentException e) {
      throw new ApiError(status, complaint + e.getMessage());
    }
  }

  /** How long a query may block; the jitter keeps many of them from ending at once. */
  Wait waiting() {
    Duration wait = patience(query("wait"));
    long index =
        query("index").isEmpty()
            ? 0
            : parsed(() -> Long.parseUnsignedLong(query("index")), "Invalid index");
    long jitter = wait.toNanos() / JITTER_FRACTION;
    return new Wait(
        index, jitter == 0 ? wait : wait.plusNanos(ThreadLocalRandom.current().nextLong(jitter)));
  }

  /** What {@code wait} means: 5 minutes when it says nothing, 10 at most. */
  static Duration patience(String wait) {
    if (wait.isEmpty()) {
      return WAIT_DEFAULT;
    }
    Duration wanted = parsed(() -> GoDuration.parse(wait), "Invalid wait time");
    if (!wanted.isPositive()) {
      return WAIT_DEFAULT;
    }
    return wanted.compareTo(WAIT_MAX) > 0 ? WAIT_MAX : wanted;
  }

  private static <T> T parsed(Supplier<T> parse, String complaint) {
    try {
      return parse.get();
    } catch (IllegalArgumentException e) {
      throw new ApiError(400, complaint);
    }
  }

  /** The consistency that was asked for, and held: with one node they are all the same. */
  String consistency() {
    boolean stale = has("stale");
    boolean consistent = has("consistent");
    if (stale && consistent) {
      throw new ApiError(400, "Cannot specify ?stale with ?consistent, conflicting semantics.");
    }
    if (has("cached") && consistent) {
      throw new ApiError(400, "Cannot specify ?cached with ?consistent, conflicting semantics.");
    }
    return consistent ? "consistent" : stale ? "stale" : "leader";
  }
}
