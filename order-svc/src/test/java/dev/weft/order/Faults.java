package dev.weft.order;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.mesh.Rejection;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
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
  private final Map<String, Runnable> lasting = new ConcurrentHashMap<>();

  /** The next call of this method meets this; the one after it, what was added after it. */
  void next(String method, When when, Runnable fault) {
    faults.computeIfAbsent(new Point(method, when), _ -> new ConcurrentLinkedDeque<>()).add(fault);
  }

  /** Every call of this method meets this before it does anything, until {@link #heal}. */
  void always(String method, Runnable fault) {
    lasting.put(method, fault);
  }

  /** Every call of this method fails with UNAVAILABLE until {@link #heal}. */
  void away(String method) {
    always(method, Faults::refuse);
  }

  void heal(String method) {
    lasting.remove(method);
  }

  /** The next call of this method waits there; the hold tells when it has come, and lets it go. */
  Hold hold(String method, When when) {
    Hold hold = new Hold(new CountDownLatch(1), new CountDownLatch(1));
    next(method, when, hold::pass);
    return hold;
  }

  /** A call that waits in the midst. */
  record Hold(CountDownLatch come, CountDownLatch go) {
    private void pass() {
      come.countDown();
      await(go);
    }

    void awaitCall() {
      await(come);
    }

    void release() {
      go.countDown();
    }

    private static void await(CountDownLatch latch) {
      try {
        assertThat(latch.await(20, TimeUnit.SECONDS)).isTrue();
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /** So many calls of this method fail with UNAVAILABLE. */
  void unavailable(String method, When when, int times) {
    for (int i = 0; i < times; i++) {
      next(method, when, Faults::refuse);
    }
  }

  <T> T around(String method, Supplier<T> effect) {
    Runnable always = lasting.get(method);
    if (always != null) {
      always.run();
    }
    strike(method, When.BEFORE);
    T result = effect.get();
    strike(method, When.AFTER);
    return result;
  }

  private static void refuse() {
    throw Rejection.unavailable("AWAY", "the test has it so", Duration.ofMillis(1));
  }

  private void strike(String method, When when) {
    ConcurrentLinkedDeque<Runnable> queue = faults.get(new Point(method, when));
    Runnable fault = queue == null ? null : queue.poll();
    if (fault != null) {
      fault.run();
    }
  }
}
