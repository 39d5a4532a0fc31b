package dev.weft.edge;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * How many unary calls of each method may be under way at once: a fixed number, until its service
 * says that it has no room for one; from then on as many as it lately took. So what the service
 * would refuse is refused here, where that costs least, and it is left to what it can do.
 *
 * <p>Found out as TCP finds what a path can carry (AIMD, RFC 5681; here with the factor 0.9): a
 * refusal makes the window a tenth smaller than what is under way, unless the call was begun before
 * the window was last made smaller; each window of calls that were served makes it larger by one,
 * if at least half of it is in use. It is never smaller than 4, which is as little as a service
 * takes, and when nothing was refused for 10 s it is forgotten. A refusal comes sooner than any
 * answer, so it keeps its place for 100 ms: else one place would be enough to refuse as many calls
 * as come. A service refuses first what matters least, so the windows of such methods close first.
 *
 * <p>Knows the methods that have calls under way, and those that had one refused and are not
 * forgotten: all of them methods of contracts. Thread-safe; a lock for each method, held for some
 * tens of nanoseconds.
 */
final class CallWindows {
  /** What {@link #enter} says when there is no place. */
  static final int FULL = -1;

  static final int LEAST = 4;

  private static final double SMALLER = 0.9;
  private static final long KEPT_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
  private static final long MEMORY_NANOS = TimeUnit.SECONDS.toNanos(10);

  private final Map<String, Window> windows = new ConcurrentHashMap<>();
  private final int max;
  private final LongSupplier nanoTime;

  /** What an ended call says of its service. */
  enum End {
    /** It was answered. */
    SERVED,
    /** There was no room for it. */
    REFUSED,
    /** Nothing, such as when the client has left. */
    OTHER
  }

  /** Of one method. */
  private final class Window {
    // Guarded by the window.
    private int taken;
    private double size = max;
    private int cuts;
    private boolean learned;
    private long lastRefusal;

    /** When places are free again that refusals keep; the first is free first. */
    private final Deque<Long> kept = new ArrayDeque<>();

    synchronized boolean isFull() {
      look();
      return taken >= (int) size;
    }

    synchronized boolean isLearned() {
      return learned;
    }

    synchronized boolean isForgotten() {
      look();
      return taken == 0 && !learned;
    }

    synchronized int enter() {
      if (isFull()) {
        return FULL;
      }
      taken++;
      return cuts;
    }

    synchronized void leave(int entered, End how) {
      switch (how) {
        case SERVED -> {
          if (learned && taken >= size / 2) {
            size = Math.min(max, size + 1 / size);
          }
          taken--;
        }
        case REFUSED -> refused(entered);
        case OTHER -> taken--;
      }
    }

    private void refused(int entered) {
      lastRefusal = nanoTime.getAsLong();
      kept.add(lastRefusal + KEPT_NANOS);
      if (entered == cuts) {
        size = Math.max(Math.min(LEAST, max), SMALLER * Math.min(size, taken));
        learned = true;
        cuts++;
      }
    }

    /** Frees what was kept for long enough, and forgets what is long ago. */
    private void look() {
      if (!learned && kept.isEmpty()) {
        return;
      }
      long now = nanoTime.getAsLong();
      while (!kept.isEmpty() && now - kept.peek() >= 0) {
        kept.remove();
        taken--;
      }
      if (learned && now - lastRefusal > MEMORY_NANOS) {
        learned = false;
        size = max;
      }
    }
  }

  /**
   * @param max of one method, whatever its service says
   */
  CallWindows(int max, LongSupplier nanoTime) {
    this.max = max;
    this.nanoTime = nanoTime;
  }

  /** Whether a call of this method would find no place. A look: others may be quicker. */
  boolean isFull(String method) {
    Window window = windows.get(method);
    return window != null && window.isFull();
  }

  /** Whether the window is as it is because its service has refused calls. */
  boolean isLearned(String method) {
    Window window = windows.get(method);
    return window != null && window.isLearned();
  }

  /** Takes a place. Returns what {@link #leave} has to be told, or {@link #FULL}. */
  int enter(String method) {
    int[] entered = new int[1];
    windows.compute(
        method,
        (_, known) -> {
          Window window = known == null ? new Window() : known;
          entered[0] = window.enter();
          return window;
        });
    return entered[0];
  }

  /**
   * Gives a place back.
   *
   * @param entered what {@link #enter} said
   */
  void leave(String method, int entered, End how) {
    windows.computeIfPresent(
        method,
        (_, window) -> {
          window.leave(entered, how);
          return window.isForgotten() ? null : window;
        });
  }
}
