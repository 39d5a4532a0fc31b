package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaders;
import java.util.List;
import java.util.Locale;

/**
 * Which kept answers a client takes, by the {@code Cache-Control} of its request (RFC 9111, 5.2.1).
 * What is not known here is ignored, as the RFC has it, and a time that is none asks for as much as
 * any can.
 *
 * @param store whether an answer may be kept
 * @param reuse whether one that is kept may be answered
 * @param call whether the service may be called if none is
 * @param ageMax in seconds, which it may have
 * @param freshMin in seconds, for which it has to stay fresh
 */
record CacheDirectives(boolean store, boolean reuse, boolean call, long ageMax, long freshMin) {
  static final CacheDirectives NONE = new CacheDirectives(true, true, true, Long.MAX_VALUE, 0);

  private static final long SECONDS_MAX = Integer.MAX_VALUE;

  static CacheDirectives of(HttpHeaders headers) {
    List<String> said = headers.getAll("cache-control");
    if (said.isEmpty()) {
      // RFC 9111, 5.4: what clients of HTTP/1.0 say.
      said = headers.getAll("pragma");
    }
    CacheDirectives all = NONE;
    for (String value : said) {
      for (String directive : value.split(",", -1)) {
        all = all.and(directive.strip().toLowerCase(Locale.ROOT));
      }
    }
    return all;
  }

  private CacheDirectives and(String directive) {
    int equals = directive.indexOf('=');
    String argument = equals < 0 ? "" : directive.substring(equals + 1);
    return switch (equals < 0 ? directive : directive.substring(0, equals)) {
      case "no-store" -> new CacheDirectives(false, false, call, ageMax, freshMin);
      case "no-cache" -> new CacheDirectives(store, false, call, ageMax, freshMin);
      case "only-if-cached" -> new CacheDirectives(store, reuse, false, ageMax, freshMin);
      case "max-age" -> {
        long seconds = seconds(argument, 0);
        // Not even what was asked for a moment ago will do.
        boolean some = reuse && seconds > 0;
        yield new CacheDirectives(store, some, call, Math.min(ageMax, seconds), freshMin);
      }
      case "min-fresh" ->
          new CacheDirectives(
              store, reuse, call, ageMax, Math.max(freshMin, seconds(argument, SECONDS_MAX)));
      default -> this;
    };
  }

  /** Whether one of this age, fresh for so long in all, will do; both in seconds. */
  boolean takes(long age, long fresh) {
    return reuse && age <= ageMax && fresh - age >= freshMin;
  }

  /** Whether one will do that is no longer fresh, if there is no other. */
  boolean takesStale() {
    return reuse && ageMax == Long.MAX_VALUE && freshMin == 0;
  }

  private static long seconds(String argument, long otherwise) {
    String digits = argument.replace("\"", "");
    if (digits.isEmpty() || !digits.chars().allMatch(c -> c >= '0' && c <= '9')) {
      return otherwise;
    }
    return digits.length() > 9 ? SECONDS_MAX : Long.parseLong(digits);
  }
}
