package dev.weft.order;

import dev.weft.mesh.Rejection;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.function.Supplier;

/**
 * What goes wrong at the other services: before they do something, or after, so that the answer is
 * lost.
 */
final class Faults {
  /** When a fault strikes. */
  enum When {
    BEFORE,
    AFTER
  }

  private record Point(String method, When when) {}

  private final Map<Point, ConcurrentLinkedDeque<Runnable>> faults = new ConcurrentHashMap<>();

  /** The next call of this method meets this; the one after it, what was added after it. */
  void next(String method, When when, Runnable fault) {
    faults.computeIfAbsent(new Point(method, when), _ -> new ConcurrentLinkedDeque<>()).add(fault);
  }

  /** So many calls of this method fail with UNAVAILABLE. */
  void unavailable(String method, When when, int times) {
    for (int i = 0; i < times; i++) {
      next(
          method,
          when,
          () -> {
            throw Rejection.unavailable("AWAY", "the test has it so", Duration.ofMillis(1));
          });
    }
  }

  <T> T around(String method, Supplier<T> effect) {
    strike(method, When.BEFORE);
    T result = effect.get();
    strike(method, When.AFTER);
    return result;
  }

  private void strike(String method, When when) {
    ConcurrentLinkedDeque<Runnable> queue = faults.get(new Point(method, when));
    Runnable fault = queue == null ? null : queue.poll();
    if (fault != null) {
      fault.run();
    }
  }
}
