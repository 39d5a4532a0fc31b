package dev.weft.consul;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations as Consul's operators write them: {@code 300ms}, {@code 1.5s}, {@code 2h45m}. */
public final class GoDuration {
  private static final Pattern PART = Pattern.compile("(\\d{1,9}(?:\\.\\d{1,9})?)(ms|s|m|h)");
  private static final Map<String, Integer> MILLIS =
      Map.of("ms", 1, "s", 1_000, "m", 60_000, "h", 3_600_000);

  private GoDuration() {}

  /**
   * Reads a duration down to its milliseconds; empty if the text is none that is longer than zero.
   */
  public static Optional<Duration> positive(String text) {
    Matcher part = PART.matcher(text);
    double millis = 0;
    int at = 0;
    while (at < text.length() && part.find(at) && part.start() == at) {
      millis += Double.parseDouble(part.group(1)) * MILLIS.getOrDefault(part.group(2), 0);
      at = part.end();
    }
    return at < text.length() || millis < 1
        ? Optional.empty()
        : Optional.of(Duration.ofMillis((long) millis));
  }
}
