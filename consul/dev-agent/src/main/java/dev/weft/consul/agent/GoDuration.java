package dev.weft.consul.agent;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.Duration;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations as Go writes them: {@code 300ms}, {@code 1.5h}, {@code 2h45m}. */
final class GoDuration {
  private static final Pattern PART =
      Pattern.compile("(\\d{1,12}(?:\\.\\d{1,9})?)(ns|us|µs|ms|s|m|h)");
  private static final Map<String, Long> NANOS =
      Map.of(
          "ns", 1L,
          "us", 1_000L,
          "µs", 1_000L,
          "ms", 1_000_000L,
          "s", 1_000_000_000L,
          "m", 60_000_000_000L,
          "h", 3_600_000_000_000L);

  private static final long SECOND = 1_000_000_000L;

  private GoDuration() {}

  /** Reads a Go duration; a number without a unit is an error, except a plain zero. */
  static Duration parse(String text) {
    if (text.equals("0")) {
      return Duration.ZERO;
    }
    boolean negative = text.startsWith("-");
    Matcher part = PART.matcher(text);
    int at = negative ? 1 : 0;
    int start = at;
    BigDecimal nanos = BigDecimal.ZERO;
    while (at < text.length() && part.find(at) && part.start() == at) {
      long unit = NANOS.getOrDefault(part.group(2), 0L);
      nanos = nanos.add(new BigDecimal(part.group(1)).multiply(BigDecimal.valueOf(unit)));
      at = part.end();
    }
    if (at == start || at < text.length() || nanos.precision() - nanos.scale() > 18) {
      String wrong = text.matches("-?\\d+") ? "missing unit in" : "invalid";
      throw new IllegalArgumentException("time: " + wrong + " duration \"" + text + "\"");
    }
    long total = nanos.setScale(0, RoundingMode.DOWN).longValueExact();
    return Duration.ofNanos(negative ? -total : total);
  }

  /** As Go writes it: {@code 1m30s}, {@code 2.5ms}, {@code 1h0m0s}. */
  static String format(Duration duration) {
    long nanos = Math.abs(duration.toNanos());
    String sign = duration.isNegative() ? "-" : "";
    if (nanos == 0) {
      return "0s";
    }
    if (nanos < SECOND) {
      String unit = nanos < 1_000 ? "ns" : nanos < 1_000_000 ? "µs" : "ms";
      return sign + inUnits(nanos, NANOS.getOrDefault(unit, 1L)) + unit;
    }
    long hours = nanos / (3_600 * SECOND);
    long minutes = (nanos / (60 * SECOND)) % 60;
    String larger = hours > 0 ? hours + "h" + minutes + "m" : minutes > 0 ? minutes + "m" : "";
    return sign + larger + inUnits(nanos % (60 * SECOND), SECOND) + "s";
  }

  /** {@code unit} is a power of ten. */
  private static String inUnits(long nanos, long unit) {
    BigDecimal units = BigDecimal.valueOf(nanos).divide(BigDecimal.valueOf(unit));
    return units.stripTrailingZeros().toPlainString();
  }
}
