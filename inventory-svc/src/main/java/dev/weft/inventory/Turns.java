package dev.weft.inventory;

import dev.weft.mesh.Rejection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

/**
 * Lets those who want the same products go one after the other, before they take a connection. In
 * the database they would wait for each other as well, but each with a connection in its hands, and
 * a single product that everybody wants would leave none for the others.
 *
 * <p>Thread-safe.
 */
final class Turns {
  private static final int STRIPES = 256;
  private static final Duration RETRY_AFTER = Duration.ofMillis(500);

  private final ReentrantLock[] stripes = new ReentrantLock[STRIPES];
  private final Duration wait;

  /**
   * @param wait how long one waits for its turn before it is sent away
   */
  Turns(Duration wait) {
    this.wait = wait;
    Arrays.setAll(stripes, _ -> new ReentrantLock(true));
  }

  /** Does the work when it is its turn for all of these products. */
  <T> T inTurn(Collection<UUID> productIds, Supplier<T> work) {
    List<ReentrantLock> held = new ArrayList<>();
    long end = System.nanoTime() + wait.toNanos();
    // Always in the same order: nobody waits in a circle.
    int[] wanted =
        productIds.stream()
            .mapToInt(id -> Math.floorMod(id.hashCode(), STRIPES))
            .sorted()
            .distinct()
            .toArray();
    try {
      for (int stripe : wanted) {
        if (!stripes[stripe].tryLock(end - System.nanoTime(), TimeUnit.NANOSECONDS)) {
          throw busy();
        }
        held.add(stripes[stripe]);
      }
      return work.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw busy();
    } finally {
      held.forEach(ReentrantLock::unlock);
    }
  }

  private static Rejection busy() {
    return Rejection.unavailable(
        "STOCK_BUSY", "too many want the same products at once", RETRY_AFTER);
  }
}
