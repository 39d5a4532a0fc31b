package dev.weft.durable;

import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** A database of its own for a test class, on one server that all classes share. */
final class TestPostgres implements BeforeAllCallback, AfterAllCallback {
  private static final AtomicInteger counter = new AtomicInteger();

  private @Nullable DatabaseConfig config;
  private @Nullable Database database;

  @Override
  public void beforeAll(ExtensionContext context) {
    LocalPostgres server =
        context
            .getRoot()
            .getStore(ExtensionContext.Namespace.GLOBAL)
            .computeIfAbsent(
                LocalPostgres.class, _ -> LocalPostgres.temporary(), LocalPostgres.class);
    String name = "test_" + counter.incrementAndGet();
    String url = server.provision(List.of(name)).get(name);
    config = DatabaseConfig.parse(Objects.requireNonNull(url));
    database = Database.open(config);
    database.migrate();
  }

  @Override
  public void afterAll(ExtensionContext context) {
    database().close();
  }

  Database database() {
    return Objects.requireNonNull(database);
  }

  /** Another pool on the same database: another process, as far as the database can tell. */
  Database another() {
    return Database.open(config());
  }

  /** Another pool, of so many connections at most. */
  Database another(int poolSize) {
    return Database.open(config(poolSize));
  }

  /** For a connection that no pool bounds. */
  String url() {
    return config().jdbcUrl() + "?user=" + config().user() + "&password=" + config().password();
  }

  DatabaseConfig config(int poolSize) {
    DatabaseConfig all = config();
    return new DatabaseConfig(all.jdbcUrl(), all.user(), all.password(), poolSize);
  }

  DatabaseConfig config() {
    return Objects.requireNonNull(config);
  }
}
