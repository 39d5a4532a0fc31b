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
 * <p>The pool by itself serves whoever comes by, and knows one bound for all: short enough for a
 * database that is away, it fails a wave of calls that a few seconds more would have served.
 *
 * <p>Thread-safe.
 */
final class ConnectionQueue {
  static final Duration LONGEST = Duration.ofSeconds(5);

  private final Semaphore free;
  private final UnaryOperator<Duration> patience;

  /** When the database was last found to be away, in nanoTime. */
  private volatile long away = System.nanoTime();

  /**
   * @param connections how many there are
   * @param patience how long the caller of this thread still waits, at most as long as it is given
   */
  ConnectionQueue(int connections, UnaryOperator<Duration> patience) {
    this.patience = patience;
    free = new Semaphore(connections, true);
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
      if (!free.tryAcquire(wait.toNanos(), TimeUnit.NANOSECONDS)) {
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

  void leave() {
    free.release();
  }

  /** The database is away: those who wait need not find out one by one. */
  void away() {
    away = System.nanoTime();
  }

  private static ConnectionException refused(String why) {
    return new ConnectionException(new SQLTransientConnectionException(why));
  }
}
