package dev.weft.edge;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Counts the streams of each principal. Remembers nobody who has none. Thread-safe. */
final class StreamSlots {
  private final Map<String, Integer> open = new ConcurrentHashMap<>();
  private final int max;

  StreamSlots(int max) {
    this.max = max;
  }

  /** Takes a slot; false when the principal has them all. */
  boolean take(String principal) {
    boolean[] taken = new boolean[1];
    open.compute(
        principal,
        (_, count) -> {
          int now = count == null ? 0 : count;
          taken[0] = now < max;
          return taken[0] ? Integer.valueOf(now + 1) : count;
        });
    return taken[0];
  }

  void release(String principal) {
    open.computeIfPresent(principal, (_, count) -> count == 1 ? null : Integer.valueOf(count - 1));
  }
}
