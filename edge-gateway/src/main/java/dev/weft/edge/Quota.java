package dev.weft.edge;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * So many requests in so much time: all of them at once if they were saved up, and then one each
 * time that its part of the window has passed.
 *
 * @param requests 1 to {@value #REQUESTS_MAX}
 * @param windowSeconds 1 second to a day
 */
record Quota(int requests, int windowSeconds) {
  private static final int REQUESTS_MAX = 1_000_000;
  private static final int WINDOW_SECONDS_MAX = 86_400;
  private static final Pattern FORM = Pattern.compile("([0-9]{1,7})/([0-9]{1,5})([smh])");

  Quota {
    if (requests < 1 || requests > REQUESTS_MAX) {
      throw new IllegalArgumentException(
          "requests: " + requests + " (expected: 1 to " + REQUESTS_MAX + ")");
    }
    if (windowSeconds < 1 || windowSeconds > WINDOW_SECONDS_MAX) {
      throw new IllegalArgumentException(
          "window: " + windowSeconds + " s (expected: 1 to " + WINDOW_SECONDS_MAX + ")");
    }
  }

  /**
   * Reads such as {@code 600/1m}: requests, and a window in seconds, minutes or hours.
   *
   * @throws IllegalArgumentException that says what is expected
   */
  static Quota parse(String text) {
    Matcher parts = FORM.matcher(text);
    if (parts.matches()) {
      long unit =
          switch (parts.group(3)) {
            case "m" -> 60;
            case "h" -> 3_600;
            default -> 1;
          };
      try {
        return of(Integer.parseInt(parts.group(1)), unit * Integer.parseInt(parts.group(2)));
      } catch (IllegalArgumentException e) {
        // Refused below, together with another form.
      }
    }
    throw new IllegalArgumentException(
        "1 to " + REQUESTS_MAX + " requests in a window of up to a day, such as 600/1m, or off");
  }

  /** As a contract states it; throws IllegalArgumentException if it is none. */
  static Quota of(int requests, Duration window) {
    if (window.toNanosPart() != 0) {
      throw new IllegalArgumentException("window: " + window + " (expected: whole seconds)");
    }
    return of(requests, window.toSeconds());
  }

  private static Quota of(int requests, long windowSeconds) {
    return new Quota(requests, Math.clamp(windowSeconds, 0, WINDOW_SECONDS_MAX + 1));
  }

  /** After which one more request is allowed. */
  long intervalNanos() {
    return TimeUnit.SECONDS.toNanos(windowSeconds) / requests;
  }

  /** How far ahead of an even pace requests may be. */
  long toleranceNanos() {
    return intervalNanos() * (requests - 1L);
  }

  /** Requests that may be made at once, when all will be there again after this time. */
  long left(long nanosUntilFull) {
    return Math.max(0, requests - Math.ceilDiv(nanosUntilFull, intervalNanos()));
  }
}
