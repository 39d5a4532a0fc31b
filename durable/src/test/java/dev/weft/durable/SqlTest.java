package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.awaitility.Awaitility.await;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.statement.UnableToExecuteStatementException;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class SqlTest {
  @RegisterExtension static final TestPostgres postgres = new TestPostgres();

  private static final Sql BOTH = Sql.of("SELECT :a || :b || :a");

  private final Database database = postgres.database();

  @Test
  void putsAValueWhereverItsNameStands() {
    String found =
        database.read(tx -> BOTH.on(tx).set("a", "x").set("b", "y").one(row -> row.getString(1)));

    assertThat(found).isEqualTo("xyx");
  }

  @Test
  void takesNothingForANameInQuotesInCommentsAndAfterACast() {
    Sql sql =
        Sql.of(
            """
            SELECT ':no' || -- nor :here
              :a::text || '\\$1'
            """);

    assertThat(database.<String>read(tx -> sql.on(tx).set("a", 7).one(row -> row.getString(1))))
        .isEqualTo(":no7\\$1");
  }

  @Test
  void givesValuesAndTheirAbsenceOneType() {
    Sql types =
        Sql.of(
            """
            SELECT pg_typeof(:uuid), pg_typeof(:noUuid), pg_typeof(:text), pg_typeof(:noText),
                   pg_typeof(:number), pg_typeof(:long), pg_typeof(:flag), pg_typeof(:bytes),
                   pg_typeof(:time), pg_typeof(:uuids), pg_typeof(:texts), pg_typeof(:numbers),
                   pg_typeof(:longs)
            """);

    List<String> found =
        database.read(
            tx ->
                types
                    .on(tx)
                    .set("uuid", UUID.randomUUID())
                    .set("noUuid", (UUID) null)
                    .set("text", "")
                    .set("noText", (String) null)
                    .set("number", 1)
                    .set("long", 1L)
                    .set("flag", true)
                    .set("bytes", new byte[] {1})
                    .set("time", OffsetDateTime.parse("2026-11-22T08:30:00Z"))
                    .set("uuids", new UUID[] {UUID.randomUUID()})
                    .set("texts", new String[] {"a"})
                    .set("numbers", new Integer[] {1})
                    .set("longs", new Long[] {1L})
                    .one(SqlTest::texts));

    assertThat(found)
        .containsExactly(
            "uuid",
            "uuid",
            "character varying",
            "character varying",
            "integer",
            "bigint",
            "boolean",
            "bytea",
            "timestamp with time zone",
            "uuid[]",
            "text[]",
            "integer[]",
            "bigint[]");
  }

  @Test
  void saysHowManyRowsThereWere() {
    Sql some = Sql.of("SELECT n FROM generate_series(1, :n) n");

    database.inTransactionVoid(
        tx -> {
          assertThat(some.on(tx).set("n", 3).list(row -> row.getInt(1))).containsExactly(1, 2, 3);
          assertThat(some.on(tx).set("n", 0).atMostOne(row -> row.getInt(1))).isEmpty();
          assertThat(some.on(tx).set("n", 1).atMostOne(row -> row.getInt(1)))
              .isEqualTo(Optional.of(1));
          assertThatIllegalStateException()
              .isThrownBy(() -> some.on(tx).set("n", 2).atMostOne(row -> row.getInt(1)));
          assertThatIllegalStateException()
              .isThrownBy(() -> some.on(tx).set("n", 0).one(row -> row.getInt(1)));
        });
  }

  @Test
  void answersWithTheLastOfSeveralStatements() {
    Sql three =
        Sql.of("SELECT :a || 'unread' -- not to be in the way")
            .then(Sql.of("SELECT :b").then(Sql.of("SELECT :b || :a || :c")));

    String found =
        database.read(
            tx ->
                three
                    .on(tx)
                    .set("a", "x")
                    .set("b", "y")
                    .set("c", "z")
                    .one(row -> row.getString(1)));

    assertThat(found).isEqualTo("yxz");
  }

  @Test
  void countsTheRowsOfTheLastOfSeveralStatements() {
    database.inTransactionVoid(tx -> tx.execute("CREATE TABLE counted (number int)"));
    Sql twoAndOne =
        Sql.of("INSERT INTO counted VALUES (1), (2)")
            .then(Sql.of("UPDATE counted SET number = 3 WHERE number = :number"));

    assertThat(database.<Integer>inTransaction(tx -> twoAndOne.on(tx).set("number", 2).update()))
        .isEqualTo(1);
  }

  // More often than the driver waits before it lets the server keep the statements.
  @RepeatedTest(8)
  void letsAStatementSeeWhatTheOneBeforeItWaitedFor() throws Exception {
    Sql lock = Sql.of("SELECT pg_advisory_xact_lock(4711)");
    Sql look = Sql.of("SELECT count(*) FROM seen");
    database.inTransactionVoid(
        tx -> {
          tx.execute("CREATE TABLE IF NOT EXISTS seen (number int)");
          tx.execute("TRUNCATE seen");
        });
    CompletableFuture<Integer> waiter = new CompletableFuture<>();

    database.inTransactionVoid(
        tx -> {
          lock.on(tx).run();
          Thread.ofVirtual()
              .start(
                  () ->
                      waiter.complete(
                          database.inTransaction(
                              other -> lock.then(look).on(other).one(row -> row.getInt(1)))));
          await()
              .pollInterval(Duration.ofMillis(5))
              .until(
                  () ->
                      tx.createQuery(
                                  "SELECT count(*) FROM pg_locks WHERE objid = 4711 AND NOT"
                                      + " granted")
                              .mapTo(Integer.class)
                              .one()
                          == 1);
          tx.execute("INSERT INTO seen VALUES (1)");
        });

    assertThat(waiter.get(10, TimeUnit.SECONDS)).isEqualTo(1);
  }

  @Test
  void refusesNamesThatItDoesNotHaveAndValuesThatAreNotSet() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> database.read(tx -> BOTH.on(tx).set("c", "x").update()));
    assertThatIllegalStateException()
        .isThrownBy(() -> database.read(tx -> BOTH.on(tx).set("a", "x").update()));
  }

  @Test
  void failsAsJdbiDoesAndShowsNoValue() {
    Sql divided = Sql.of("SELECT 1 / :zero, :secret::text");

    assertThatExceptionOfType(UnableToExecuteStatementException.class)
        .isThrownBy(
            () ->
                database.read(
                    tx ->
                        divided
                            .on(tx)
                            .set("zero", 0)
                            .set("secret", "geheim")
                            .one(row -> row.getInt(1))))
        .withMessageContaining("division by zero")
        .withMessageContaining("SELECT 1 / ?")
        .withMessageNotContaining("geheim")
        .withCauseInstanceOf(SQLException.class);
  }

  private static List<String> texts(ResultSet row) throws SQLException {
    List<String> texts = new ArrayList<>();
    for (int i = 1; i <= row.getMetaData().getColumnCount(); i++) {
      texts.add(row.getString(i));
    }
    return texts;
  }
}
