package dev.weft.events;

import java.time.Duration;
import java.util.random.RandomGenerator;

/**
 * How often a handler is tried, and when: after the n-th failure a random time up to {@code first}
 * doubled n - 1 times, and up to {@code cap}.
 *
 * @param attempts in all; after the last one the event is a dead letter
 */
public record RetryPolicy(int attempts, Duration first, Duration cap) {
  /** Eight attempts over about a minute. */
  public static final RetryPolicy DEFAULT =
      new RetryPolicy(8, Duration.ofMillis(200), Duration.ofSeconds(30));

  /**
   * 500 attempts over some four hours: for what has to be done and what only time can mend, such as
   * a database that is away, rows that others want, or books that are being restored.
   */
  public static final RetryPolicy FOR_HOURS =
      new RetryPolicy(500, Duration.ofMillis(200), Duration.ofSeconds(30));

  private static final int DOUBLINGS_MAX = 30;

  public RetryPolicy {
    if (attempts < 1 || !first.isPositive() || cap.compareTo(first) < 0) {
      throw new IllegalArgumentException(
          "retries: %d attempts, %s to %s (expected: at least 1, 0 < first <= cap)"
              .formatted(attempts, first, cap));
    }
  }

  /** The wait after so many failures. */
  Duration after(int failures, RandomGenerator random) {
    int doublings = Math.clamp(failures - 1L, 0, DOUBLINGS_MAX);
    long ceiling = Math.min(cap.toMillis(), first.toMillis() << doublings);
    return Duration.ofMillis(random.nextLong(ceiling + 1));
  }
}
