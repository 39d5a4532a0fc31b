package dev.weft.order;

import dev.weft.durable.Database;
import dev.weft.order.KnownUserStore.Farewell;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Calls off what deleted people ordered, as far as its money is not being taken: some orders at a
 * time, in small transactions. Several processes may do so at once; what one leaves behind, another
 * takes up within seconds.
 *
 * <p>An order that is accepted after its orders were called off, because nobody here had heard of
 * the deletion, began after the deletion: its saga asks user-svc and turns back.
 *
 * <p>Whoever makes it starts and closes it.
 */
final class Farewells implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Farewells.class);
  private static final Duration EVERY = Duration.ofSeconds(2);

  /** Few, because each one stays locked until all are done. */
  static final int AT_ONCE = 50;

  private final Database database;
  private final KnownUserStore users;
  private final OrderStore orders;
  private final OrderFeed feed;
  private final Semaphore bell = new Semaphore(0);
  private final Thread thread = Thread.ofVirtual().name("farewells").unstarted(this::run);
  private volatile boolean closed;

  Farewells(Database database, KnownUserStore users, OrderStore orders, OrderFeed feed) {
    this.database = database;
    this.users = users;
    this.orders = orders;
    this.feed = feed;
  }

  void start() {
    thread.start();
  }

  /** Looks now. */
  void wake() {
    bell.release();
  }

  /** Waits for the transaction that is under way. */
  @Override
  public void close() {
    closed = true;
    bell.release();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    try {
      while (!closed) {
        look();
        boolean _ = bell.tryAcquire(pauseMillis(), TimeUnit.MILLISECONDS);
        bell.drainPermits();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void look() {
    try {
      boolean more = true;
      while (more && !closed) {
        more = database.inTransaction(this::someOrders);
      }
    } catch (RuntimeException e) {
      log.warn("orders of deleted people cannot be called off, trying again: {}", e.toString());
    }
  }

  /** Calls some orders of one person off; false if there is nobody to do so for. */
  private boolean someOrders(Handle tx) {
    Optional<Farewell> farewell = users.lockAny(tx);
    farewell.ifPresent(one -> someOrders(tx, one));
    return farewell.isPresent();
  }

  private void someOrders(Handle tx, Farewell farewell) {
    List<UUID> calledOff =
        farewell
            .cause()
            .lead(
                () ->
                    orders.requestCancels(
                        tx, farewell.userId(), CancelReason.USER_NOT_ACTIVE, AT_ONCE));
    if (calledOff.size() < AT_ONCE) {
      users.remove(tx, farewell);
    }
    database.afterCommit(() -> calledOff.forEach(feed::changed));
  }

  /** Not the same in all instances. */
  private static long pauseMillis() {
    return EVERY.toMillis() * ThreadLocalRandom.current().nextLong(50, 151) / 100;
  }
}
