package dev.weft.payment;

import dev.weft.durable.Database;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes up payments that nobody works on: after a crash, after an answer that never came, and while
 * the card network was away. Several processes share the work by leases in the table.
 *
 * <p>Looks about once a second; forgets old events about once a minute, far more than can have come
 * in one. Thread-safe.
 */
final class Resolver implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Resolver.class);

  /** Below what the card network is asked at once, so that callers find room beside it. */
  private static final int AT_ONCE = 20;

  private static final int TICKS_PER_MINUTE = 60;
  private static final int FORGET_AT_ONCE = 1_000;

  /** So that what is due does not wait for what is old. */
  private static final int FORGET_TIMES_MAX = 20;

  private final Database database;
  private final PaymentStore store;
  private final Settlement settlement;
  private final Duration interval;
  private final Semaphore room = new Semaphore(AT_ONCE);
  private volatile boolean closed;
  private @Nullable Thread thread;

  Resolver(Database database, PaymentStore store, Settlement settlement, Duration interval) {
    this.database = database;
    this.store = store;
    this.settlement = settlement;
    this.interval = interval;
  }

  synchronized void start() {
    thread = Thread.ofVirtual().name("resolver").start(this::run);
  }

  /** Claims what is due, as far as there is room, and sets to work on it. */
  void tick() {
    int claimable = room.availablePermits();
    if (claimable > 0) {
      database.<List<Payment>>inTransaction(tx -> store.claim(tx, claimable)).forEach(this::takeUp);
    }
  }

  /** Forgets old events, until none is left or there were many; the others have their next turn. */
  void forget() {
    int forgotten = FORGET_AT_ONCE;
    for (int i = 0; i < FORGET_TIMES_MAX && forgotten == FORGET_AT_ONCE && !closed; i++) {
      forgotten = database.inTransaction(tx -> store.forgetEvents(tx, FORGET_AT_ONCE));
    }
  }

  private void takeUp(Payment payment) {
    log.info("payment {} was left {}, taking it up", payment.id(), payment.state());
    room.acquireUninterruptibly();
    Thread.ofVirtual()
        .name("resolver-" + payment.orderId())
        .start(
            () -> {
              try {
                settlement.settle(payment);
              } catch (RuntimeException e) {
                log.debug("payment {}: said by the settlement", payment.id(), e);
              } finally {
                room.release();
              }
            });
  }

  @Override
  public synchronized void close() {
    closed = true;
    if (thread != null) {
      thread.interrupt();
    }
  }

  private void run() {
    // Spread, so that processes that started together do not ask together.
    long ticks = ThreadLocalRandom.current().nextInt(TICKS_PER_MINUTE);
    while (!closed) {
      try {
        tick();
        Thread.sleep(
            Duration.ofMillis(
                ThreadLocalRandom.current()
                    .nextLong(interval.toMillis() / 2, interval.toMillis() * 3 / 2 + 1)));
        if (++ticks % TICKS_PER_MINUTE == 0) {
          forget();
        }
      } catch (InterruptedException e) {
        return;
      } catch (RuntimeException e) {
        log.warn("cannot look for payments to take up, trying again: {}", e.toString());
        pause();
      }
    }
  }

  private void pause() {
    try {
      Thread.sleep(interval);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
