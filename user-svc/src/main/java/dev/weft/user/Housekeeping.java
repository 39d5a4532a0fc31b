package dev.weft.user;

import dev.weft.durable.Database;
import dev.weft.durable.Work;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Once a minute: brings the signing keys up to date, says how accounts are that have said nothing
 * yet, and removes rows that have expired. Every instance does it; it does no harm twice.
 */
final class Housekeeping implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Housekeeping.class);
  private static final Duration EVERY = Duration.ofMinutes(1);

  private final Database database;
  private final SigningKeys keys;
  private final Users users;
  private final List<Work<Integer>> sweeps;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread thread = Thread.ofVirtual().name("housekeeping").unstarted(this::run);

  /**
   * @param sweeps each removes rows and says how many
   */
  Housekeeping(Database database, SigningKeys keys, Users users, List<Work<Integer>> sweeps) {
    this.database = database;
    this.keys = keys;
    this.users = users;
    this.sweeps = List.copyOf(sweeps);
  }

  void start() {
    thread.start();
  }

  private void run() {
    try {
      while (!closed.await(pauseMillis(), TimeUnit.MILLISECONDS)) {
        try {
          once();
        } catch (RuntimeException e) {
          log.warn("housekeeping failed, the next is in about {} s", EVERY.toSeconds(), e);
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  void once() {
    keys.refresh();
    users.sayUnsaid();
    int removed = 0;
    for (Work<Integer> sweep : sweeps) {
      removed += database.inTransaction(sweep);
    }
    log.debug("housekeeping removed {} rows", removed);
  }

  /** Not the same in all instances. */
  private static long pauseMillis() {
    return EVERY.toMillis() * ThreadLocalRandom.current().nextLong(80, 120) / 100;
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
}
