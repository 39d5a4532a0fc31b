package dev.weft.durable;

import static org.awaitility.Awaitility.await;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class RequestIdSweepTest {
  @RegisterExtension static final TestPostgres postgres = new TestPostgres();

  private final Database database = postgres.database();

  @Test
  void forgetsAllThatIsOldAndKeepsTheRest() {
    database.inTransactionVoid(
        tx -> {
          tx.execute(
              """
              INSERT INTO request_id
              SELECT 'ann', 'm', i::text, '', '', now() - interval '8 days'
                FROM generate_series(1, 2500) i
              """);
          tx.execute("INSERT INTO request_id VALUES ('ann', 'm', 'young', '', '', now())");
        });
    try (RequestIdSweep sweep = new RequestIdSweep(database)) {
      sweep.start();
      await().until(() -> count() == 1);
    }
  }

  private int count() {
    return database.read(
        tx -> tx.createQuery("SELECT count(*) FROM request_id").mapTo(Integer.class).one());
  }
}
