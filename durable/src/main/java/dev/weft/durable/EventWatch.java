package dev.weft.durable;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells those who read the log how far it goes, and wakes them when events got positions, in this
 * process or another one. So none of them has to ask the database for that.
 *
 * <p>In the same way it tells those who asked something by an event of the reply, which any process
 * of the service may have taken in.
 *
 * <p>While the database is away it may hear of nothing: who waits does so for a bounded time, looks
 * for itself, and says here what it {@link #saw}. Holds one connection beside the pool.
 *
 * <p>Thread-safe. Whoever makes it starts and closes it.
 */
public final class EventWatch implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(EventWatch.class);
  private static final String CHANNEL = "weft_event";

  /** Tells every process, once the transaction commits, what is {@code last} where it stands. */
  static final String TELL = "pg_notify('" + CHANNEL + "', last::text)";

  private static final String REPLIES = "weft_event_reply";

  private static final Duration AGAIN = Duration.ofSeconds(1);

  /** A connection that is silent for so long is asked whether it is still there. */
  private static final Duration SILENCE = Duration.ofSeconds(10);

  private final Database database;
  private final Bell bell = new Bell();
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private final List<Predicate<UUID>> askers = new CopyOnWriteArrayList<>();
  private final AtomicLong last = new AtomicLong();
  private volatile boolean closed;
  private volatile @Nullable Connection listening;

  public EventWatch(Database database) {
    this.database = database;
  }

  /** Listens from now on, in the background. */
  public void start() {
    Thread.ofVirtual().name("event-watch").start(this::run);
  }

  /** The last position heard of: all up to it can be read. 0 as long as none was. */
  public long last() {
    return last.get();
  }

  /** All up to this position can be read: wakes those who wait, unless it is known already. */
  public void saw(long position) {
    if (last.getAndAccumulate(position, Math::max) < position) {
      bell.ring();
      listeners.forEach(Runnable::run);
    }
  }

  /** Wakes this one, too: somebody who also waits for other things. It takes no time. */
  public void also(Runnable listener) {
    listeners.add(listener);
  }

  /** To be taken before {@link #last}, for {@link #awaitAfter}. */
  public long mark() {
    return bell.mark();
  }

  /** Waits until there is something new since the mark, or so long; says whether there is. */
  public boolean awaitAfter(long mark, Duration atMost) throws InterruptedException {
    return bell.awaitAfter(mark, atMost);
  }

  /**
   * Tells this one of replies, by the requests they answer; it says whether it waited for that. It
   * takes no time.
   */
  public void alsoOfReplies(Predicate<UUID> asker) {
    askers.add(asker);
  }

  /**
   * The reply to this request is committed: wakes who waits for it, here or in another process.
   * Others may hear nothing of it if this fails; they look for themselves, too.
   */
  public void replied(UUID request) {
    if (told(request)) {
      return;
    }
    try {
      // Not in the transaction of the reply: notifying takes a lock that all commits share who do.
      var _ =
          database.inOneStatement(
              tx ->
                  tx.createQuery("SELECT 1 FROM pg_notify(:channel, :request)")
                      .bind("channel", REPLIES)
                      .bind("request", request.toString())
                      .mapTo(Integer.class)
                      .one());
    } catch (RuntimeException e) {
      log.debug("other processes are not told of the reply to {}", request, e);
    }
  }

  private boolean told(UUID request) {
    boolean waited = false;
    for (Predicate<UUID> asker : askers) {
      waited |= asker.test(request);
    }
    return waited;
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
      statement.execute("LISTEN " + REPLIES);
      // For what happened before it listened.
      try (ResultSet counter = statement.executeQuery("SELECT last FROM event_counter")) {
        counter.next();
        saw(counter.getLong(1));
      }
    }
    PGConnection postgres = connection.unwrap(PGConnection.class);
    while (!closed) {
      PGNotification[] told = postgres.getNotifications((int) SILENCE.toMillis());
      long position = 0;
      for (PGNotification one : told) {
        if (one.getName().equals(REPLIES)) {
          boolean _ = told(UUID.fromString(one.getParameter()));
        } else {
          position = Long.parseLong(one.getParameter());
        }
      }
      saw(position);
      if (told.length == 0 && !closed && !connection.isValid(1)) {
        throw new SQLException("the connection that listens is dead");
      }
    }
  }
}
