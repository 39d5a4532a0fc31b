package dev.weft.inventory;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives back goods that are held beyond their time, about once a second, in small transactions.
 * Several processes may do so at once: each takes what no other is at.
 */
final class ExpirySweep implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(ExpirySweep.class);
  private static final Duration EVERY = Duration.ofSeconds(1);

  /** Few, because each keeps the stock of its products locked until all are done. */
  private static final int AT_ONCE = 20;

  private final Reservations reservations;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread thread = Thread.ofVirtual().name("expiry-sweep").unstarted(this::run);

  ExpirySweep(Reservations reservations) {
    this.reservations = reservations;
  }

  void start() {
    thread.start();
  }

  /** Gives back all that is overdue now; says how many reservations. */
  int sweep() {
    int all = 0;
    int expired;
    do {
      expired = reservations.expire(AT_ONCE);
      all += expired;
    } while (expired == AT_ONCE && closed.getCount() > 0);
    if (all > 0) {
      log.info("{} reservations expired, their goods are available again", all);
    }
    return all;
  }

  @Override
  public void close() {
    closed.countDown();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    try {
      while (!closed.await(pauseMillis(), TimeUnit.MILLISECONDS)) {
        try {
          sweep();
        } catch (RuntimeException e) {
          log.warn("overdue reservations cannot be ended, trying again: {}", e.toString());
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Not the same in all instances. */
  private static long pauseMillis() {
    return EVERY.toMillis() * ThreadLocalRandom.current().nextLong(50, 151) / 100;
  }
}
