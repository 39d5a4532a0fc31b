package dev.weft.edge;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Counts what each holder has, such as streams. Remembers none who has none. Thread-safe. */
final class Slots {
  private final Map<String, Integer> open = new ConcurrentHashMap<>();
  private final int max;

  /**
   * @param max of one holder
   */
  Slots(int max) {
    this.max = max;
  }

  /** Takes a slot; false when the holder has them all. */
  boolean take(String holder) {
    boolean[] taken = new boolean[1];
    open.compute(
        holder,
        (_, count) -> {
          int now = count == null ? 0 : count;
          taken[0] = now < max;
          return taken[0] ? Integer.valueOf(now + 1) : count;
        });
    return taken[0];
  }

  void release(String holder) {
    open.computeIfPresent(holder, (_, count) -> count == 1 ? null : Integer.valueOf(count - 1));
  }
}
