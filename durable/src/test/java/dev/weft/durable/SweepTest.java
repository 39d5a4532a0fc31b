package dev.weft.durable;

import static org.awaitility.Awaitility.await;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class SweepTest {
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
          tx.execute(
              """
              INSERT INTO step_fence
              SELECT i::text, 'TRIED', '', '', now() - interval '32 days'
                FROM generate_series(1, 2500) i
              """);
          tx.execute("INSERT INTO step_fence VALUES ('young', 'TRIED', '', '', now())");
        });
    try (Sweep sweep = new Sweep(database)) {
      sweep.start();
      await().until(() -> count("request_id") == 1 && count("step_fence") == 1);
    }
  }

  private int count(String table) {
    return database.read(
        tx -> tx.createQuery("SELECT count(*) FROM " + table).mapTo(Integer.class).one());
  }
}
