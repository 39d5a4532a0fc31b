package dev.weft.inventory;

import dev.weft.mesh.Rejection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
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
 * <p>Few wait, and not for long: the rest is sent away at once with STOCK_BUSY, so that a crowd
 * around one product takes up nobody's threads and permits. While a product is avoided, because it
 * could not be had in the database either, everybody who wants it is sent away at once.
 *
 * <p>Who wants several products does not keep one for long while it waits for another: it gives
 * back what it has and waits for the other with empty hands.
 *
 * <p>Thread-safe.
 */
final class Turns {
  static final String BUSY = "STOCK_BUSY";

  private static final Duration RETRY_AFTER = Duration.ofMillis(500);

  /** How long one waits for a product while it keeps others from theirs: many transactions. */
  private static final Duration WITH_HANDS_FULL = Duration.ofMillis(100);

  private static final Duration AVOIDED = Duration.ofMillis(300);

  /** How long a product that was avoided is the one to wait for first. */
  private static final Duration SUSPECT = Duration.ofSeconds(10);

  /** Of the products that somebody wants now, and of no others. */
  private final ConcurrentHashMap<UUID, Turn> turns = new ConcurrentHashMap<>();

  /** When products could not be had, in nanoTime. */
  private final ConcurrentHashMap<UUID, Long> missed = new ConcurrentHashMap<>();

  private final Duration wait;

  /** Of one product. */
  private static final class Turn {
    private final UUID productId;
    private final ReentrantLock lock = new ReentrantLock(true);
    // Only in the map's own atomic operations.
    private int wantedBy;

    Turn(UUID productId) {
      this.productId = productId;
    }
  }

  /**
   * @param wait how long one waits for its turn before it is sent away
   */
  Turns(Duration wait) {
    this.wait = wait;
  }

  /**
   * Does the work when it is its turn for all of these products.
   *
   * @param most how many others may be waiting for one of the products already
   */
  <T> T inTurn(Collection<UUID> productIds, int most, Supplier<T> work) {
    Map<UUID, Turn> wanted = new TreeMap<>();
    for (UUID productId : productIds) {
      wanted.computeIfAbsent(productId, this::want);
    }
    List<Turn> held = new ArrayList<>();
    try {
      take(wanted.values(), most, held);
      return work.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw busy();
    } finally {
      giveBack(held);
      wanted.keySet().forEach(this::leave);
    }
  }

  /** For a moment, sends away everybody who wants one of these, and those who wait for it. */
  void avoid(Collection<UUID> productIds) {
    long now = System.nanoTime();
    missed.values().removeIf(at -> now - at > SUSPECT.toNanos());
    productIds.forEach(id -> missed.put(id, now));
  }

  /** How many products somebody wants now. */
  int size() {
    return turns.size();
  }

  /** How many wait for a product now. */
  int waiting(UUID productId) {
    Turn turn = turns.get(productId);
    return turn == null ? 0 : turn.lock.getQueueLength();
  }

  private void take(Collection<Turn> wanted, int most, List<Turn> held)
      throws InterruptedException {
    long end = System.nanoTime() + wait.toNanos();
    // All in the same order, so that hardly anybody waits in a circle.
    List<Turn> order = new ArrayList<>();
    wanted.stream().filter(turn -> missed(turn, SUSPECT)).forEach(order::add);
    wanted.stream().filter(turn -> !order.contains(turn)).toList().forEach(order::add);
    Optional<Turn> missing = firstMissing(order, most, held, end);
    while (missing.isPresent()) {
      giveBack(held);
      if (end - System.nanoTime() <= 0) {
        throw busy();
      }
      order.remove(missing.get());
      order.addFirst(missing.get());
      missing = firstMissing(order, most, held, end);
    }
  }

  /** Takes one after the other; the first that cannot be had. */
  private Optional<Turn> firstMissing(List<Turn> order, int most, List<Turn> held, long end)
      throws InterruptedException {
    for (Turn turn : order) {
      // An estimate, which a few more do not hurt.
      if (missed(turn, AVOIDED) || turn.lock.getQueueLength() >= most) {
        throw busy();
      }
      long left = end - System.nanoTime();
      long patience = held.isEmpty() ? left : Math.min(left, WITH_HANDS_FULL.toNanos());
      if (!turn.lock.tryLock(patience, TimeUnit.NANOSECONDS)) {
        return Optional.of(turn);
      }
      held.add(turn);
      if (missed(turn, AVOIDED)) {
        throw busy();
      }
    }
    return Optional.empty();
  }

  private static void giveBack(List<Turn> held) {
    held.forEach(turn -> turn.lock.unlock());
    held.clear();
  }

  private boolean missed(Turn turn, Duration within) {
    Long at = missed.get(turn.productId);
    return at != null && System.nanoTime() - at < within.toNanos();
  }

  private Turn want(UUID productId) {
    return turns.compute(
        productId,
        (_, known) -> {
          Turn turn = known == null ? new Turn(productId) : known;
          turn.wantedBy++;
          return turn;
        });
  }

  private void leave(UUID productId) {
    turns.computeIfPresent(productId, (_, turn) -> --turn.wantedBy == 0 ? null : turn);
  }

  /** Nothing was done; it may be, in a moment. */
  static Rejection busy() {
    return Rejection.conflict(BUSY, "too many want the same products at once", RETRY_AFTER);
  }
}
