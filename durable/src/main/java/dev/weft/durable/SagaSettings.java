package dev.weft.durable;

import java.time.Duration;

/**
 * How a {@link SagaRunner} works.
 *
 * @param concurrency sagas that run at once in this process
 * @param lease after which another runner takes up the saga of one that fell silent; renewed three
 *     times as often
 * @param poll how long a saga can go unnoticed whose wake-up was lost
 * @param firstWait the wait after the first failed attempt; doubles up to {@code longestWait}
 */
public record SagaSettings(
    int concurrency, Duration lease, Duration poll, Duration firstWait, Duration longestWait) {
  /** 64 at once, a lease of 6 s, a poll each second, waits from 200 ms to 20 s. */
  public static final SagaSettings DEFAULT =
      new SagaSettings(
          64,
          Duration.ofSeconds(6),
          Duration.ofSeconds(1),
          Duration.ofMillis(200),
          Duration.ofSeconds(20));

  public SagaSettings {
    if (concurrency < 1) {
      throw new IllegalArgumentException("concurrency: " + concurrency + " (expected: > 0)");
    }
    if (lease.isNegative() || lease.isZero() || poll.isNegative() || poll.isZero()) {
      throw new IllegalArgumentException(
          "lease: " + lease + ", poll: " + poll + " (expected: > 0)");
    }
  }

  Backoff backoff() {
    return new Backoff(firstWait, longestWait);
  }
}
