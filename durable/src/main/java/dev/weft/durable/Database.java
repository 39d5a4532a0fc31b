package dev.weft.durable;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariConfigMXBean;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import org.jdbi.v3.core.ConnectionException;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One service's PostgreSQL database: every statement is bounded in time, every transaction commits
 * durably or leaves nothing.
 *
 * <p>Limits: 500 ms to connect, 2 s for a statement, 300 ms for a lock, 5 s idle inside a
 * transaction, 10 s for an answer on the wire. While all connections are at work, callers stand in
 * line: as long as whoever called them waits, 5 s at most. A transaction that loses a deadlock or a
 * serialization conflict runs again, three times at most; one that waits in vain for a lock, twice.
 * Failures arrive as Jdbi's exceptions with the {@link SQLException} as cause.
 *
 * <p>Thread-safe. Whoever opens it closes it. Do not open a transaction inside another: it would
 * need a second connection while it holds the first, so it is refused.
 */
public final class Database implements Transactions, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Database.class);
  private static final int CONFLICT_RETRIES_MAX = 3;
  private static final Backoff CONFLICT =
      new Backoff(Duration.ofMillis(10), Duration.ofMillis(100));

  // The server looks for a deadlock after 1 s, so most end as waits for a lock that were too long,
  // and nothing tells those from a row that is merely busy. Three waits fit into the second that
  // callers have; a pause as long as a transaction keeps those apart who waited for each other.
  private static final int LOCK_RETRIES_MAX = 2;
  private static final Backoff LOCK = new Backoff(Duration.ofMillis(30), Duration.ofMillis(60));
  private static final String SESSION =
      "-c statement_timeout=2000 -c lock_timeout=300 -c idle_in_transaction_session_timeout=5000"
          + " -c synchronous_commit=on -c TimeZone=UTC";

  /** What a database says that is well, and full. */
  private static final String TOO_MANY_CONNECTIONS = "53300";

  private static final ThreadLocal<@Nullable Hooks> current = new ThreadLocal<>();

  private final DatabaseConfig config;
  private final HikariDataSource pool;
  private final Jdbi jdbi;
  private final UnaryOperator<Duration> patience;
  private final ConnectionQueue queue;
  private final boolean owner;
  private volatile Duration clockOffset = Duration.ZERO;

  private Database(DatabaseConfig config, UnaryOperator<Duration> patience) {
    this.config = config;
    this.patience = patience;
    pool = new HikariDataSource(poolOf(config));
    jdbi = Jdbi.create(pool);
    queue = new ConnectionQueue(config.poolSize(), patience);
    owner = true;
  }

  private Database(Database shared, int connections) {
    config = shared.config;
    patience = shared.patience;
    pool = shared.pool;
    jdbi = shared.jdbi;
    queue = new ConnectionQueue(connections, patience);
    owner = false;
  }

  /** As {@link #open(DatabaseConfig, UnaryOperator)}, for work that nobody waits for. */
  public static Database open(DatabaseConfig config) {
    return open(config, UnaryOperator.identity());
  }

  /**
   * Opens the pool without waiting for the database: see {@link #migrate()}.
   *
   * @param patience how long the caller of the current thread still waits, at most as long as it is
   *     given; so that nothing is begun whose answer nobody hears
   */
  public static Database open(DatabaseConfig config, UnaryOperator<Duration> patience) {
    return new Database(config, patience);
  }

  /**
   * The same database for work of another kind: with a line and connections of its own, so that
   * neither kind waits for the other. What no kind needs is open once for all of them; a connection
   * takes some 15 MiB in the database.
   *
   * <p>To be called while objects are wired. Closed with this one.
   *
   * @param connections how many more the pool holds at most
   */
  public Database besides(int connections) {
    HikariConfigMXBean size = pool.getHikariConfigMXBean();
    size.setMaximumPoolSize(size.getMaximumPoolSize() + connections);
    return new Database(this, connections);
  }

  /**
   * Brings the tables up to date: this module's own, then the service's scripts in {@code
   * db/migration} on the class path. Waits up to 15 s for a database that is still starting.
   * Several processes may do this at once; one migrates, the others wait.
   */
  public void migrate() {
    new Migrations(config).run();
  }

  /**
   * Runs the work in one transaction (READ COMMITTED) and commits it; a throw rolls it back and
   * passes through.
   */
  @Override
  public <T> T inTransaction(Work<T> work) {
    return transaction(work, false);
  }

  /**
   * As {@link #inTransaction}, for work that is a single statement: it commits by itself, in one
   * round trip where a transaction takes two.
   */
  @Override
  public <T> T inOneStatement(Work<T> work) {
    return transaction(work, true);
  }

  private <T> T transaction(Work<T> work, boolean oneStatement) {
    for (int failures = 1; ; failures++) {
      try {
        return attempt(work, oneStatement);
      } catch (RuntimeException e) {
        Optional<Duration> pause = pause(e, failures);
        if (pause.isEmpty()) {
          throw e;
        }
        log.debug("a transaction lost a conflict (failure {}), it runs again", failures, e);
        LockSupport.parkNanos(pause.get().toNanos());
      }
    }
  }

  /** {@link #inTransaction} for work without a result. */
  public void inTransactionVoid(Consumer<Handle> work) {
    inTransaction(
        tx -> {
          work.accept(tx);
          return true;
        });
  }

  /**
   * Runs queries outside a transaction: each sees what was committed when it began. Repeated once
   * when the connection turns out to be dead, so it must not write.
   */
  public <T> T read(Work<T> queries) {
    try {
      return alone(new Hooks(false), () -> jdbi.withHandle(queries::run));
    } catch (RuntimeException e) {
      if (!connectionLost(e)) {
        throw e;
      }
      log.debug("a connection was lost under a read, it runs again", e);
      return alone(new Hooks(false), () -> jdbi.withHandle(queries::run));
    }
  }

  /**
   * Runs something once the transaction of this thread has committed, outside of it; nothing if it
   * does not. It must not throw.
   */
  @Override
  public void afterCommit(Runnable then) {
    hooks().committed.add(then);
  }

  /** Runs something if the transaction of this thread does not commit, or nobody knows. */
  @Override
  public void afterRollback(Runnable then) {
    hooks().rolledBack.add(then);
  }

  /**
   * Whether the database answers now. That all connections are at work does not count against it:
   * then it is asked on another one. Takes a second at most, or little more.
   */
  public boolean healthy() {
    try (Connection connection = pool.getConnection()) {
      return connection.isValid(1);
    } catch (SQLException e) {
      if (pool.getHikariPoolMXBean().getActiveConnections() >= pool.getMaximumPoolSize()) {
        return answersBesidesThePool();
      }
      log.debug("the database does not answer", e);
      return false;
    }
  }

  private boolean answersBesidesThePool() {
    Properties bounded = new Properties();
    bounded.setProperty("socketTimeout", "1");
    try (Connection connection = beside(bounded)) {
      return connection.isValid(1);
    } catch (SQLException e) {
      log.debug("the database does not answer, and all connections are at work", e);
      return TOO_MANY_CONNECTIONS.equals(e.getSQLState());
    }
  }

  /** A connection beside the pool, to wait on for as long as it takes; the caller closes it. */
  Connection beside() throws SQLException {
    return beside(new Properties());
  }

  private Connection beside(Properties how) throws SQLException {
    how.setProperty("user", config.user());
    how.setProperty("password", config.password());
    how.setProperty("connectTimeout", "1");
    how.setProperty("loginTimeout", "1");
    how.setProperty("tcpKeepAlive", "true");
    return DriverManager.getConnection(config.jdbcUrl(), how);
  }

  /**
   * Moves {@code weft_now()} of this pool's transactions away from the database's clock. For tests.
   */
  public void shiftClock(Duration offset) {
    clockOffset = offset;
  }

  @Override
  public void close() {
    if (owner) {
      pool.close();
    }
  }

  @Override
  public String toString() {
    return "Database[" + config + "]";
  }

  private <T> T attempt(Work<T> work, boolean oneStatement) {
    Hooks hooks = new Hooks(true);
    boolean committed = false;
    // A clock that was moved is moved for a transaction.
    boolean bare = oneStatement && clockOffset.isZero();
    try {
      T result =
          alone(
              hooks,
              () ->
                  bare
                      ? jdbi.withHandle(work::run)
                      : jdbi.inTransaction(handle -> work.run(onTheClock(handle))));
      committed = true;
      return result;
    } finally {
      (committed ? hooks.committed : hooks.rolledBack).forEach(Runnable::run);
    }
  }

  private <T> T alone(Hooks hooks, Once<T> work) {
    if (current.get() != null) {
      throw new IllegalStateException("a transaction inside another would need two connections");
    }
    queue.enter();
    current.set(hooks);
    try {
      return work.run();
    } catch (ConnectionException e) {
      queue.away();
      throw e;
    } finally {
      current.remove();
      queue.leave();
    }
  }

  private Hooks hooks() {
    Hooks hooks = current.get();
    if (hooks == null || !hooks.inTransaction) {
      throw new IllegalStateException("not inside a transaction");
    }
    return hooks;
  }

  private Handle onTheClock(Handle handle) {
    Duration offset = clockOffset;
    if (!offset.isZero()) {
      handle
          .createQuery("SELECT set_config('weft.clock_offset', :offset, true)")
          .bind("offset", offset.toMillis() + " ms")
          .mapTo(String.class)
          .one();
    }
    return handle;
  }

  /** How long to wait before the transaction runs again; empty if it does not. */
  private static Optional<Duration> pause(Throwable e, int failures) {
    return switch (sqlState(e)) {
      case "40001", "40P01" -> pause(CONFLICT, CONFLICT_RETRIES_MAX, failures);
      case "55P03" -> pause(LOCK, LOCK_RETRIES_MAX, failures);
      case null, default -> Optional.empty();
    };
  }

  private static Optional<Duration> pause(Backoff backoff, int retriesMax, int failures) {
    return failures > retriesMax
        ? Optional.empty()
        : Optional.of(backoff.after(failures, ThreadLocalRandom.current()));
  }

  private static boolean connectionLost(Throwable e) {
    String state = sqlState(e);
    return state != null && (state.startsWith("08") || state.startsWith("57P"));
  }

  private static @Nullable String sqlState(Throwable e) {
    for (Throwable cause = e; cause != null; cause = cause.getCause()) {
      if (cause instanceof SQLException sql && sql.getSQLState() != null) {
        return sql.getSQLState();
      }
    }
    return null;
  }

  private static HikariConfig poolOf(DatabaseConfig config) {
    HikariConfig hikari = new HikariConfig();
    hikari.setPoolName("database");
    hikari.setJdbcUrl(config.jdbcUrl());
    hikari.setUsername(config.user());
    hikari.setPassword(config.password());
    hikari.setMaximumPoolSize(config.poolSize());
    // Each idle connection is a process of several megabytes in the database.
    hikari.setMinimumIdle(1);
    hikari.setIdleTimeout(Duration.ofMinutes(1).toMillis());
    hikari.setConnectionTimeout(500);
    // The pool fills when the database is there; readiness tells until then.
    hikari.setInitializationFailTimeout(-1);
    hikari.addDataSourceProperty("connectTimeout", "2");
    hikari.addDataSourceProperty("loginTimeout", "2");
    hikari.addDataSourceProperty("socketTimeout", "10");
    hikari.addDataSourceProperty("tcpKeepAlive", "true");
    hikari.addDataSourceProperty("options", SESSION);
    return hikari;
  }

  /** What follows the end of a transaction. */
  private static final class Hooks {
    final boolean inTransaction;
    final List<Runnable> committed = new ArrayList<>();
    final List<Runnable> rolledBack = new ArrayList<>();

    Hooks(boolean inTransaction) {
      this.inTransaction = inTransaction;
    }
  }

  /** Work that needs no connection handed to it. */
  @FunctionalInterface
  private interface Once<T> {
    T run();
  }
}
