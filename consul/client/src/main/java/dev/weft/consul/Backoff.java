package dev.weft.consul;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.LongUnaryOperator;

/**
 * How long to wait after the n-th failure in a row: 200 ms doubled each time up to the maximum, of
 * which a random half is taken off, so that the clients of a restarted agent do not come back
 * together.
 *
 * @param random gives a number from 0 to below its argument
 */
record Backoff(Duration max, LongUnaryOperator random) {
  private static final Duration FIRST = Duration.ofMillis(200);

  static Backoff upTo(Duration max) {
    return new Backoff(max, bound -> ThreadLocalRandom.current().nextLong(bound));
  }

  Duration after(int failures) {
    int doublings = Math.min(Math.max(failures - 1, 0), 16);
    long ceiling = Math.min(FIRST.toMillis() << doublings, max.toMillis());
    return Duration.ofMillis(ceiling - random.applyAsLong(ceiling / 2 + 1));
  }

  /** The duration give or take a fifth. */
  Duration jittered(Duration duration) {
    long fifth = duration.toMillis() / 5;
    return Duration.ofMillis(duration.toMillis() - fifth + random.applyAsLong(2 * fifth + 1));
  }
}
