package dev.weft.edge;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** Headers that say how long a client waits. */
final class Timeouts {
  private static final Pattern GRPC = Pattern.compile("[0-9]{1,8}[HMSmun]");
  private static final Pattern CONNECT = Pattern.compile("[0-9]{1,10}");

  /** More is as good as none, and cannot be told in nanoseconds. */
  private static final Duration LONGEST = Duration.ofDays(365);

  private Timeouts() {}

  /** {@code grpc-timeout}, of gRPC and for REST. Throws {@link Refused} if it is none. */
  static Optional<Duration> grpc(List<String> values) {
    if (values.isEmpty()) {
      return Optional.empty();
    }
    String value = values.getFirst();
    if (values.size() > 1 || !GRPC.matcher(value).matches()) {
      throw Refused.badRequest("MALFORMED_HEADER", "Grpc-Timeout is not a time of gRPC");
    }
    long amount = Long.parseLong(value.substring(0, value.length() - 1));
    return atMost(
        switch (value.charAt(value.length() - 1)) {
          case 'H' -> Duration.ofHours(amount);
          case 'M' -> Duration.ofMinutes(amount);
          case 'S' -> Duration.ofSeconds(amount);
          case 'm' -> Duration.ofMillis(amount);
          case 'u' -> Duration.ofNanos(amount * 1_000);
          default -> Duration.ofNanos(amount);
        });
  }

  /** {@code connect-timeout-ms}. Throws {@link Refused} if it is none. */
  static Optional<Duration> connect(List<String> values) {
    if (values.isEmpty()) {
      return Optional.empty();
    }
    if (values.size() > 1 || !CONNECT.matcher(values.getFirst()).matches()) {
      throw Refused.badRequest("MALFORMED_HEADER", "Connect-Timeout-Ms is not a number of ms");
    }
    return atMost(Duration.ofMillis(Long.parseLong(values.getFirst())));
  }

  private static Optional<Duration> atMost(Duration timeout) {
    return Optional.of(timeout.compareTo(LONGEST) < 0 ? timeout : LONGEST);
  }
}
