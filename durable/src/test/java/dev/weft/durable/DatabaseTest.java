package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.SQLException;
import java.sql.SQLTransientConnectionException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.jdbi.v3.core.ConnectionException;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DatabaseTest {
  @RegisterExtension static final TestPostgres postgres = new TestPostgres();

  private final Database database = postgres.database();

  @BeforeEach
  void table() {
    database.inTransactionVoid(
        tx -> {
          tx.execute("DROP TABLE IF EXISTS account");
          tx.execute("CREATE TABLE account (id int PRIMARY KEY, amount int NOT NULL)");
          tx.execute("INSERT INTO account VALUES (1, 0), (2, 0)");
        });
  }

  @Test
  void commitsWhatTheWorkDid() {
    database.inTransactionVoid(tx -> add(tx, 1, 5));
    assertThat(amount(1)).isEqualTo(5);
  }

  @Test
  void leavesNothingWhenTheWorkThrows() {
    assertThatIllegalStateException()
        .isThrownBy(
            () ->
                database.inTransactionVoid(
                    tx -> {
                      add(tx, 1, 5);
                      throw new IllegalStateException("no");
                    }))
        .withMessage("no");
    assertThat(amount(1)).isZero();
  }

  @Test
  void commitsASingleStatementByItself() {
    List<String> ends = new ArrayList<>();

    database.inOneStatement(
        tx -> {
          database.afterCommit(() -> ends.add("committed"));
          add(tx, 1, 5);
          assertThat(Jdbi.open(postgres.url())).satisfies(DatabaseTest::seesFive);
          return true;
        });

    assertThat(ends).containsExactly("committed");
  }

  private static void seesFive(Handle another) {
    try (another) {
      assertThat(another.select("SELECT amount FROM account WHERE id = 1").mapTo(int.class).one())
          .isEqualTo(5);
    }
  }

  @Test
  void runsASingleStatementAgainThatLostAConflict() {
    AtomicInteger runs = new AtomicInteger();
    assertThatThrownBy(
            () ->
                database.inOneStatement(
                    tx -> {
                      runs.incrementAndGet();
                      return tx.execute(
                          "DO $$ BEGIN RAISE 'conflict' USING ERRCODE = '40001'; END $$");
                    }))
        .hasRootCauseInstanceOf(SQLException.class);
    assertThat(runs).hasValue(4);
  }

  @Test
  void movesTheClockOfASingleStatementToo() {
    database.shiftClock(Duration.ofDays(1));
    try {
      assertThat(
              Duration.between(Instant.now(), database.inOneStatement(DatabaseTest::now)).toHours())
          .isBetween(23L, 24L);
    } finally {
      database.shiftClock(Duration.ZERO);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SET LOCAL lock_timeout = '10s'", // above the time after which the server looks for it
        "SET LOCAL lock_timeout = '300ms'", // the default, at which it is no more than a long wait
      })
  void runsALostDeadlockAgain(String patience) throws Exception {
    CountDownLatch bothHoldOne = new CountDownLatch(2);
    AtomicInteger runs = new AtomicInteger();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<?> one = threads.submit(() -> transfer(1, 2, patience, bothHoldOne, runs));
      Future<?> two = threads.submit(() -> transfer(2, 1, patience, bothHoldOne, runs));
      one.get(20, TimeUnit.SECONDS);
      two.get(20, TimeUnit.SECONDS);
    }
    assertThat(runs).hasValueGreaterThan(2);
    assertThat(amount(1)).isEqualTo(2);
    assertThat(amount(2)).isEqualTo(2);
  }

  @Test
  void givesUpOnASerializationConflictAfterThreeMoreRuns() {
    AtomicInteger runs = new AtomicInteger();
    assertThatThrownBy(
            () ->
                database.inTransactionVoid(
                    tx -> {
                      runs.incrementAndGet();
                      tx.execute("DO $$ BEGIN RAISE 'conflict' USING ERRCODE = '40001'; END $$");
                    }))
        .hasRootCauseInstanceOf(SQLException.class);
    assertThat(runs).hasValue(4);
  }

  @Test
  void givesUpOnALockAfterThreeWaitsThatFitIntoTheSecondACallerHas() {
    AtomicInteger runs = new AtomicInteger();
    try (Handle holder = Jdbi.open(postgres.url())) {
      holder.begin();
      add(holder, 1, 1);
      long start = System.nanoTime();
      assertThatThrownBy(
              () ->
                  database.inTransactionVoid(
                      tx -> {
                        runs.incrementAndGet();
                        add(tx, 1, 1);
                      }))
          .hasMessageContaining("lock timeout");
      // A little more than that second on a busy machine, but no fourth wait.
      assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofSeconds(2));
      holder.rollback();
    }
    assertThat(runs).hasValue(3);
  }

  // An interrupt closes the socket under the statement, and with it the connection.
  @Test
  void goesOnAfterThreadsWereInterruptedInTheMidstOfTheirStatements() throws Exception {
    int interrupted = 5;
    // A table of its own: the server finishes a statement whose client is gone, up to its time-out.
    database.inTransactionVoid(tx -> tx.execute("CREATE TABLE interrupted (id int)"));
    List<Throwable> failures = new CopyOnWriteArrayList<>();
    try (Database single = postgres.another(1)) {
      for (int i = 0; i < interrupted; i++) {
        CountDownLatch asks = new CountDownLatch(1);
        Thread writer =
            Thread.ofVirtual()
                .uncaughtExceptionHandler((_, failure) -> failures.add(failure))
                .start(
                    () ->
                        single.inTransactionVoid(
                            tx -> {
                              tx.execute("INSERT INTO interrupted VALUES (1)");
                              asks.countDown();
                              tx.execute("SELECT pg_sleep(20)");
                            }));
        await(asks);
        writer.interrupt();
        assertThat(writer.join(Duration.ofSeconds(5))).isTrue();
        single.inTransactionVoid(tx -> add(tx, 2, 1));
      }
    }
    assertThat(failures).hasSize(interrupted);
    assertThat(amount(2)).isEqualTo(interrupted);
    assertThat(database.read(DatabaseTest::leftByInterrupted)).isZero();
  }

  @Test
  void boundsEveryStatement() {
    assertThatThrownBy(() -> database.read(tx -> tx.execute("SELECT pg_sleep(20)")))
        .hasMessageContaining("statement timeout");
  }

  @Test
  void refusesATransactionInsideAnother() {
    assertThatIllegalStateException()
        .isThrownBy(
            () -> database.inTransactionVoid(_ -> database.inTransactionVoid(tx -> add(tx, 1, 1))));
  }

  @Test
  void repeatsAReadWhoseConnectionDied() {
    AtomicInteger runs = new AtomicInteger();
    int one =
        database.read(
            tx -> {
              if (runs.incrementAndGet() == 1) {
                tx.execute("SELECT pg_terminate_backend(pg_backend_pid())");
              }
              return tx.createQuery("SELECT 1").mapTo(Integer.class).one();
            });
    assertThat(one).isEqualTo(1);
    assertThat(runs).hasValue(2);
  }

  @Test
  void movesTheClockOfItsTransactions() {
    Instant before = database.inTransaction(DatabaseTest::now);
    database.shiftClock(Duration.ofHours(1));
    try {
      assertThat(Duration.between(before, database.inTransaction(DatabaseTest::now)))
          .isBetween(Duration.ofMinutes(59), Duration.ofMinutes(61));
    } finally {
      database.shiftClock(Duration.ZERO);
    }
    assertThat(Duration.between(before, database.inTransaction(DatabaseTest::now)))
        .isLessThan(Duration.ofMinutes(1));
  }

  @Test
  void migratesAgainWithoutHarm() {
    database.migrate();
    assertThat(database.healthy()).isTrue();
  }

  @Test
  void isNotHealthyWhenNobodyAnswers() {
    try (Database nowhere = Database.open(DatabaseConfig.parse("postgresql://u:p@127.0.0.1:1/x"))) {
      assertThat(nowhere.healthy()).isFalse();
    }
  }

  @Test
  void isHealthyWhileAllConnectionsAreAtWork() {
    try (Database busy = postgres.another(1)) {
      busy.inTransactionVoid(_ -> assertThat(busy.healthy()).isTrue());
    }
  }

  @Test
  void servesAWaveThatIsLargerThanThePoolInTheOrderItCame() throws Exception {
    List<Integer> served = new CopyOnWriteArrayList<>();
    List<Thread> wave = new ArrayList<>();
    try (Database busy = postgres.another(1)) {
      busy.inTransactionVoid(
          _ -> {
            for (int i = 0; i < 20; i++) {
              int turn = i;
              Thread thread = Thread.ofVirtual().unstarted(() -> busy.read(_ -> served.add(turn)));
              wave.add(thread);
              thread.start();
              Awaitility.await()
                  .pollInterval(Duration.ofMillis(1))
                  .until(() -> thread.getState() == Thread.State.TIMED_WAITING);
            }
          });
      for (Thread thread : wave) {
        thread.join();
      }
    }
    assertThat(served).isEqualTo(IntStream.range(0, 20).boxed().toList());
  }

  @Test
  void waitsForAConnectionNoLongerThanItsCaller() {
    DatabaseConfig one = postgres.config(1);
    try (Database busy = Database.open(one, _ -> Duration.ofMillis(20))) {
      busy.inTransactionVoid(
          _ ->
              assertThatThrownBy(() -> fromAnotherThread(() -> busy.read(DatabaseTest::now)))
                  .hasRootCauseInstanceOf(SQLTransientConnectionException.class)
                  .hasMessageContaining("within 20 ms"));
    }
  }

  @Test
  void servesWorkOfAnotherKindWhileAllConnectionsAreAtWork() {
    try (Database busy = postgres.another(1);
        Database besides = busy.besides(1)) {
      busy.inTransactionVoid(
          _ ->
              assertThatCode(
                      () -> fromAnotherThread(() -> besides.inTransaction(DatabaseTest::now)))
                  .doesNotThrowAnyException());
    }
  }

  @Test
  void keepsOneConnectionForTwoKindsOfWorkThatDoNotMeet() {
    try (Database one = postgres.another(1);
        Database besides = one.besides(1)) {
      assertThat(besides.read(DatabaseTest::session)).isEqualTo(one.read(DatabaseTest::session));
    }
  }

  @Test
  void keepsNobodyInLineForADatabaseThatIsAway() {
    DatabaseConfig away = DatabaseConfig.parse("postgresql://u:p@127.0.0.1:1/x");
    List<Throwable> failures = new CopyOnWriteArrayList<>();
    try (Database nowhere =
            Database.open(new DatabaseConfig(away.jdbcUrl(), away.user(), away.password(), 1));
        ExecutorService callers = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 20; i++) {
        callers.execute(
            () -> {
              try {
                nowhere.read(DatabaseTest::now);
              } catch (ConnectionException e) {
                failures.add(e);
              }
            });
      }
    }
    assertThat(failures)
        .hasSize(20)
        .filteredOn(e -> String.valueOf(e.getMessage()).contains("went away while"))
        .hasSizeGreaterThan(9);
  }

  private static <T> T fromAnotherThread(Callable<T> work) throws Exception {
    try (ExecutorService one = Executors.newVirtualThreadPerTaskExecutor()) {
      return one.submit(work).get();
    }
  }

  private static int session(Handle tx) {
    return tx.createQuery("SELECT pg_backend_pid()").mapTo(Integer.class).one();
  }

  private void transfer(
      int from, int to, String patience, CountDownLatch bothHoldOne, AtomicInteger runs) {
    database.inTransactionVoid(
        tx -> {
          runs.incrementAndGet();
          tx.execute(patience);
          tx.execute("SET LOCAL statement_timeout = '10s'");
          add(tx, from, 1);
          bothHoldOne.countDown();
          await(bothHoldOne);
          add(tx, to, 1);
        });
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await(5, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Integer leftByInterrupted(Handle tx) {
    return tx.createQuery("SELECT count(*) FROM interrupted").mapTo(Integer.class).one();
  }

  private static Instant now(Handle tx) {
    return tx.createQuery("SELECT weft_now()").mapTo(Instant.class).one();
  }

  private static void add(Handle tx, int id, int amount) {
    Rows.one(
        tx.execute("UPDATE account SET amount = amount + ? WHERE id = ?", amount, id), "account");
  }

  private int amount(int id) {
    return database.read(
        tx -> tx.select("SELECT amount FROM account WHERE id = ?", id).mapTo(Integer.class).one());
  }
}
