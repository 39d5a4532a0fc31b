package dev.weft.order;

import dev.weft.durable.Database;
import dev.weft.mesh.Rejection;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells those who watch an order that it changed: at once when this process changed it, within a
 * second when another one did. One query a second asks for all watched orders together.
 *
 * <p>At most 1,000 watches at once, and 20 of one caller. Thread-safe. Whoever makes it starts and
 * closes it.
 */
final class OrderFeed implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(OrderFeed.class);
  static final int WATCHES_MAX = 1_000;
  static final int WATCHES_PER_CALLER_MAX = 20;
  private static final Duration RETRY_AFTER = Duration.ofSeconds(5);

  private final Database database;
  private final OrderStore store;
  private final Duration every;
  private final Map<UUID, Set<Watch>> watches = new ConcurrentHashMap<>();
  private final Map<String, Integer> byCaller = new ConcurrentHashMap<>();
  private final AtomicInteger open = new AtomicInteger();
  private final CountDownLatch closed = new CountDownLatch(1);

  OrderFeed(Database database, OrderStore store, Duration every) {
    this.database = database;
    this.store = store;
    this.every = every;
  }

  void start() {
    Thread.ofVirtual().name("order-feed").start(this::poll);
  }

  /** Says that an order changed. */
  void changed(UUID orderId) {
    watches.getOrDefault(orderId, Set.of()).forEach(Watch::wake);
  }

  /** Begins to listen; refused when too many do. The caller closes the watch. */
  Watch watch(UUID orderId, String caller) {
    Watch watch = new Watch(orderId, caller);
    admit(caller);
    watches.compute(
        orderId,
        (_, before) -> {
          Set<Watch> set = before == null ? ConcurrentHashMap.newKeySet() : before;
          set.add(watch);
          return set;
        });
    return watch;
  }

  /** How many watch. */
  int open() {
    return open.get();
  }

  @Override
  public void close() {
    closed.countDown();
  }

  private void admit(String caller) {
    if (open.incrementAndGet() > WATCHES_MAX) {
      open.decrementAndGet();
      throw tooMany();
    }
    int ofCaller = byCaller.merge(caller, 1, Integer::sum);
    if (ofCaller > WATCHES_PER_CALLER_MAX) {
      leave(caller);
      throw tooMany();
    }
  }

  private void leave(String caller) {
    open.decrementAndGet();
    byCaller.computeIfPresent(caller, (_, n) -> n == 1 ? null : n - 1);
  }

  private void poll() {
    boolean away = false;
    try {
      while (!closed.await(every.toMillis(), TimeUnit.MILLISECONDS)) {
        away = look(away);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private boolean look(boolean away) {
    Set<UUID> watched = Set.copyOf(watches.keySet());
    if (watched.isEmpty()) {
      return false;
    }
    try {
      database
          .read(tx -> store.versions(tx, watched))
          .forEach(
              (id, version) ->
                  watches.getOrDefault(id, Set.of()).stream()
                      .filter(watch -> watch.seen < version)
                      .forEach(Watch::wake));
      return false;
    } catch (RuntimeException e) {
      if (!away) {
        log.warn("{} watched orders cannot be read; tried every {} ms", watched.size(), every, e);
      }
      return true;
    }
  }

  private static Rejection tooMany() {
    return Rejection.tooMany("TOO_MANY_WATCHES", "too many orders are being watched", RETRY_AFTER);
  }

  @Override
  public String toString() {
    return "OrderFeed["
        + watches.keySet().stream().map(UUID::toString).collect(Collectors.joining(", "))
        + "]";
  }

  /** One listener's ear. */
  final class Watch implements AutoCloseable {
    private final UUID orderId;
    private final String caller;
    private final Semaphore news = new Semaphore(0);
    private volatile long seen;

    private Watch(UUID orderId, String caller) {
      this.orderId = orderId;
      this.caller = caller;
    }

    /** Waits for a change after this version of the order; may return without one. */
    void await(long version) throws InterruptedException {
      seen = version;
      news.acquire();
      news.drainPermits();
    }

    /** Ends a wait, or the next one. */
    void wake() {
      news.release();
    }

    @Override
    public void close() {
      watches.computeIfPresent(
          orderId,
          (_, set) -> {
            set.remove(this);
            return set.isEmpty() ? null : set;
          });
      leave(caller);
    }
  }
}
