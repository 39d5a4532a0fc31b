package dev.weft.durable;

import java.time.Duration;
import java.util.random.RandomGenerator;

/**
 * How long to wait before trying again: doubles from {@code first} to {@code cap} and takes a
 * random half of it away at most, so that those who failed together do not come back together.
 */
record Backoff(Duration first, Duration cap) {

  Backoff {
    if (first.isNegative() || first.isZero() || cap.compareTo(first) < 0) {
      throw new IllegalArgumentException(
          "back-off: " + first + " to " + cap + " (expected: 0 < first <= cap)");
    }
  }

  /** The wait after the given number of failures, from 1 on. */
  Duration after(int failures, RandomGenerator random) {
    long ceiling = ceilingMillis(failures);
    return Duration.ofMillis(random.nextLong(ceiling / 2, ceiling + 1));
  }

  /**
   * The same, and no earlier than those who failed were asked to come back: after that, each at
   * another moment; the cap holds all the same.
   */
  Duration after(int failures, Duration retryAfter, RandomGenerator random) {
    Duration own = after(failures, random);
    if (own.compareTo(retryAfter) >= 0) {
      return own;
    }
    long asked = Math.min(retryAfter.toMillis(), cap.toMillis());
    return Duration.ofMillis(Math.min(cap.toMillis(), asked + random.nextLong(asked / 4 + 1)));
  }

  long ceilingMillis(int failures) {
    int doublings = Math.clamp(failures - 1L, 0, 30);
    return Math.min(cap.toMillis(), first.toMillis() << doublings);
  }
}
