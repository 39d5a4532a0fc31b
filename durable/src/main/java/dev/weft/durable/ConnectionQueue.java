package dev.weft.durable;

import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import org.jdbi.v3.core.ConnectionException;

/**
 * Where those wait who want a connection while all are at work: first come, first served, no longer
 * than their callers wait, and never for a database that turned out to be away meanwhile.
 *
 * <p>It begins with one connection, and takes another one into use when somebody waited {@value
 * #BEFORE_ANOTHER_MILLIS} ms: while everything starts, callers that come together are no reason to
 * keep a session of the database for each of them.
 *
 * <p>The pool by itself serves whoever comes by, and knows one bound for all: short enough for a
 * database that is away, it fails a wave of calls that a few seconds more would have served.
 *
 * <p>Thread-safe.
 */
final class ConnectionQueue {
  static final Duration LONGEST = Duration.ofSeconds(5);

  static final long BEFORE_ANOTHER_MILLIS = 50;

  private final Semaphore free = new Semaphore(1, true);

  /** Connections that were not needed yet. */
  private final Semaphore unused;

  private final UnaryOperator<Duration> patience;

  /** When the database was last found to be away, in nanoTime. */
  private volatile long away = System.nanoTime();

  /**
   * @param connections how many there are at most, from 1
   * @param patience how long the caller of this thread still waits, at most as long as it is given
   */
  ConnectionQueue(int connections, UnaryOperator<Duration> patience) {
    this.patience = patience;
    unused = new Semaphore(connections - 1);
  }

  /**
   * Waits for a turn, to be given back by {@link #leave}.
   *
   * @throws ConnectionException if there is none in time
   */
  void enter() {
    long came = System.nanoTime();
    Duration wait = patience.apply(LONGEST);
    try {
      if (!acquire(wait)) {
        throw refused("no connection was free within " + wait.toMillis() + " ms");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw refused("interrupted while all connections were at work");
    }
    if (away - came > 0) {
      free.release();
      throw refused("the database went away while all connections were at work");
    }
  }

  private boolean acquire(Duration wait) throws InterruptedException {
    // Whoever waits as long as it takes keeps the place in the line.
    if (unused.availablePermits() == 0) {
      return free.tryAcquire(wait.toNanos(), TimeUnit.NANOSECONDS);
    }
    long first = Math.min(wait.toNanos(), TimeUnit.MILLISECONDS.toNanos(BEFORE_ANOTHER_MILLIS));
    return free.tryAcquire(first, TimeUnit.NANOSECONDS)
        || unused.tryAcquire()
        || free.tryAcquire(wait.toNanos() - first, TimeUnit.NANOSECONDS);
  }

  void leave() {
    free.release();
  }

  /** How many connections nobody needed yet. */
  int unused() {
    return unused.availablePermits();
  }

  /** The database is away: those who wait need not find out one by one. */
  void away() {
    away = System.nanoTime();
  }

  private static ConnectionException refused(String why) {
    return new ConnectionException(new SQLTransientConnectionException(why));
  }
}
