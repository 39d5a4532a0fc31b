package dev.weft.durable;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Forgets old request ids, steps of sagas, events taken in and questions once an hour, in small
 * transactions, and makes the log's next partitions. Several processes may do so at once.
 *
 * <p>Whoever makes it starts and closes it.
 */
public final class Sweep implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Sweep.class);
  private static final Duration EVERY = Duration.ofHours(1);
  private static final int AT_ONCE = 1_000;

  private final Database database;
  private final CountDownLatch closed = new CountDownLatch(1);

  public Sweep(Database database) {
    this.database = database;
  }

  /** Sweeps now and then every hour, in the background. */
  public void start() {
    Thread.ofVirtual().name("sweep").start(this::run);
  }

  @Override
  public void close() {
    closed.countDown();
  }

  private void run() {
    try {
      do {
        sweep();
      } while (!closed.await(EVERY.toMinutes(), TimeUnit.MINUTES));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void sweep() {
    try {
      sweep(tx -> RequestIds.forget(tx, AT_ONCE));
      sweep(tx -> Fence.forget(tx, AT_ONCE));
      sweep(tx -> Inbox.forget(tx, AT_ONCE));
      sweep(tx -> Questions.forget(tx, AT_ONCE));
      database.inTransactionVoid(EventStore::makePartitions);
    } catch (RuntimeException e) {
      log.warn("what is old stays for another hour, and no partitions are made", e);
    }
  }

  private void sweep(Work<Integer> some) {
    int forgotten;
    do {
      forgotten = database.inTransaction(some);
    } while (forgotten == AT_ONCE && closed.getCount() > 0);
  }
}
