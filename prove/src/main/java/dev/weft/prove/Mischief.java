package dev.weft.prove;

import java.time.Duration;
import java.util.Set;

/** What a {@link Line} does to connections instead of just carrying their bytes. */
sealed interface Mischief {
  Mischief NONE = new None();

  /** Which way bytes go: from who connected, or back to it. */
  enum Way {
    THERE,
    BACK
  }

  /** Carries everything at once. */
  record None() implements Mischief {}

  /**
   * Carries everything later.
   *
   * @param jitter how much longer it takes at most, at random
   */
  record Slow(Duration latency, Duration jitter) implements Mischief {}

  /** Carries so little at a time. */
  record Drip(int bytesPerSecond) implements Mischief {}

  /**
   * Holds what goes these ways; connections stay open and nobody is told. What was held goes on
   * when it ends, as it does after a partition.
   */
  record Cut(Set<Way> ways) implements Mischief {
    static Cut both() {
      return new Cut(Set.of(Way.THERE, Way.BACK));
    }
  }

  /** Lets so many bytes of each connection pass this way, and resets it at the next one. */
  record ResetAfter(Way way, long bytes) implements Mischief {}

  /** Resets a connection when these words are about to pass this way; they do not. */
  record ResetAt(Way way, String words) implements Mischief {}
}
