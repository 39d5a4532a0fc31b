package dev.weft.durable;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Wakes those who read the log when events got positions, in this process or another one.
 *
 * <p>It may wake in vain, and while the database is away it may not wake at all: who waits does so
 * for a bounded time and looks again. Holds one connection beside the pool.
 *
 * <p>Thread-safe. Whoever makes it starts and closes it.
 */
public final class EventWatch implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(EventWatch.class);
  private static final String CHANNEL = "weft_event";
  private static final Duration AGAIN = Duration.ofSeconds(1);

  /** A connection that is silent for so long is asked whether it is still there. */
  private static final Duration SILENCE = Duration.ofSeconds(10);

  private final Database database;
  private final Bell bell = new Bell();
  private volatile boolean closed;
  private volatile @Nullable Connection listening;

  public EventWatch(Database database) {
    this.database = database;
  }

  /** Tells every process once the transaction commits. */
  static void tell(Handle tx) {
    tx.execute("NOTIFY " + CHANNEL);
  }

  /** Listens from now on, in the background. */
  public void start() {
    Thread.ofVirtual().name("event-watch").start(this::run);
  }

  /** To be taken before reading, for {@link #awaitAfter}. */
  public long mark() {
    return bell.mark();
  }

  /** Waits until there is something new since the mark, or so long; says whether there may be. */
  public boolean awaitAfter(long mark, Duration atMost) throws InterruptedException {
    return bell.awaitAfter(mark, atMost);
  }

  /** Wakes those who wait in this process. */
  public void ring() {
    bell.ring();
  }

  @Override
  public void close() {
    closed = true;
    bell.ring();
    Connection connection = listening;
    if (connection != null) {
      try {
        connection.abort(Runnable::run);
      } catch (SQLException e) {
        log.debug("the connection that listens was not closed in order", e);
      }
    }
  }

  private void run() {
    boolean away = false;
    while (!closed) {
      try (Connection connection = database.beside()) {
        listening = connection;
        if (away) {
          log.info("new events of other processes are heard of again");
        }
        away = false;
        listen(connection);
      } catch (SQLException e) {
        if (!closed && !away) {
          log.warn("new events of other processes are not heard of, they are looked for", e);
        }
        away = true;
        LockSupport.parkNanos(AGAIN.toNanos());
      }
    }
  }

  private void listen(Connection connection) throws SQLException {
    try (Statement statement = connection.createStatement()) {
      statement.execute("LISTEN " + CHANNEL);
    }
    PGConnection postgres = connection.unwrap(PGConnection.class);
    // For what happened before it listened.
    bell.ring();
    while (!closed) {
      if (postgres.getNotifications((int) SILENCE.toMillis()).length > 0) {
        bell.ring();
      } else if (!closed && !connection.isValid(1)) {
        throw new SQLException("the connection that listens is dead");
      }
    }
  }
}
