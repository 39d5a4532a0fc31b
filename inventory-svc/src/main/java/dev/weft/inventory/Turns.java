package dev.weft.inventory;

import dev.weft.mesh.Rejection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
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
  private static final Duration RETRY_AFTER = Duration.ofMillis(500);

  /** Of the products that somebody wants now, and of no others. */
  private final ConcurrentHashMap<UUID, Turn> turns = new ConcurrentHashMap<>();

  private final Duration wait;

  /** Of one product. */
  private static final class Turn {
    private final ReentrantLock lock = new ReentrantLock(true);
    // Only in the map's own atomic operations.
    private int wantedBy;
  }

  /**
   * @param wait how long one waits for its turn before it is sent away
   */
  Turns(Duration wait) {
    this.wait = wait;
  }

  /** Does the work when it is its turn for all of these products. */
  <T> T inTurn(Collection<UUID> productIds, Supplier<T> work) {
    long end = System.nanoTime() + wait.toNanos();
    Map<UUID, Turn> wanted = new LinkedHashMap<>();
    // Always in the same order: nobody waits in a circle.
    productIds.stream().sorted().distinct().forEach(id -> wanted.put(id, want(id)));
    List<ReentrantLock> held = new ArrayList<>();
    try {
      for (Turn turn : wanted.values()) {
        if (!turn.lock.tryLock(end - System.nanoTime(), TimeUnit.NANOSECONDS)) {
          throw busy();
        }
        held.add(turn.lock);
      }
      return work.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw busy();
    } finally {
      held.forEach(ReentrantLock::unlock);
      wanted.keySet().forEach(this::leave);
    }
  }

  /** How many products somebody wants now. */
  int size() {
    return turns.size();
  }

  private Turn want(UUID productId) {
    return turns.compute(
        productId,
        (_, known) -> {
          Turn turn = known == null ? new Turn() : known;
          turn.wantedBy++;
          return turn;
        });
  }

  private void leave(UUID productId) {
    turns.computeIfPresent(productId, (_, turn) -> --turn.wantedBy == 0 ? null : turn);
  }

  private static Rejection busy() {
    return Rejection.unavailable(
        "STOCK_BUSY", "too many want the same products at once", RETRY_AFTER);
  }
}
