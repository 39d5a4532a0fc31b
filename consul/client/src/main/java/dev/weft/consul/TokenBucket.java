package dev.weft.consul;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * Allows a burst, then one turn per interval: the bound on how fast a watch may loop when the agent
 * wakes it for nothing. Used by one thread.
 */
final class TokenBucket {
  private final int burst;
  private final long intervalNanos;
  private final LongSupplier nanoTime;
  private long fullAt;

  TokenBucket(int burst, Duration interval, LongSupplier nanoTime) {
    this.burst = burst;
    this.intervalNanos = interval.toNanos();
    this.nanoTime = nanoTime;
    fullAt = nanoTime.getAsLong();
  }

  /** Takes a turn, and says how long to wait before using it. */
  Duration take() {
    long now = nanoTime.getAsLong();
    // The bucket is full at fullAt; each turn taken moves that moment one interval on.
    fullAt = Math.max(fullAt, now) + intervalNanos;
    return Duration.ofNanos(Math.max(0, fullAt - now - burst * intervalNanos));
  }
}
