package dev.weft.inventory;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** How long products are kept. */
final class CacheTimes {
  /**
   * In a process. As old as the contract lets an answer become on its way ({@code cache.max_age} of
   * GetProduct), because without Redis nobody tells a process what another one changed.
   */
  static final Duration LOCAL = Duration.ofSeconds(2);

  /** In Redis, where changes are told; a bound for those that were not. */
  static final Duration SHARED = Duration.ofSeconds(30);

  /** Longer than a product is read; whoever takes longer fills nothing. */
  static final Duration LEASE = Duration.ofSeconds(5);

  private CacheTimes() {}

  /** Up to a fifth less, so that what was filled together does not end together. */
  static Duration jittered(Duration life) {
    long millis = life.toMillis();
    return Duration.ofMillis(millis - ThreadLocalRandom.current().nextLong(millis / 5 + 1));
  }
}
