package dev.weft.testkit;

import dev.weft.durable.Database;
import dev.weft.durable.DatabaseConfig;
import dev.weft.durable.LocalPostgres;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Gives each test class a fresh database, migrated with the scripts on its class path.
 *
 * <pre>{@code
 * @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
 * }</pre>
 *
 * <p>One real PostgreSQL serves the whole JVM: it starts with the first class that asks, in a
 * temporary directory, and is gone when the run ends, however it ends. The scripts run once; each
 * class gets a copy of that database, owned by an ordinary role as in production. Tests of one
 * class share it.
 */
public final class PostgresExtension implements BeforeAllCallback, AfterAllCallback {
  private static final String ROLE = "service";
  private static final AtomicInteger counter = new AtomicInteger();

  private final List<Database> opened = new ArrayList<>();
  private @Nullable LocalPostgres server;
  private @Nullable String name;
  private @Nullable String url;
  private @Nullable Database database;

  @Override
  public void beforeAll(ExtensionContext context) {
    Template template =
        context
            .getRoot()
            .getStore(ExtensionContext.Namespace.create(PostgresExtension.class))
            .computeIfAbsent(Template.class, _ -> Template.make(), Template.class);
    server = template.server();
    name = "test_" + counter.incrementAndGet();
    url = server.copy(ROLE, name, ROLE);
    database = anotherDatabase();
  }

  @Override
  public void afterAll(ExtensionContext context) {
    opened.forEach(Database::close);
    if (server != null && name != null) {
      server.drop(name);
    }
  }

  /** The class's database, open and migrated; closed after the class. */
  public Database database() {
    return Objects.requireNonNull(database, "available from @BeforeAll on");
  }

  /** The same database through a pool of its own, as a second process would see it. */
  public Database anotherDatabase() {
    Database another = Database.open(DatabaseConfig.parse(url()));
    opened.add(another);
    return another;
  }

  /** The class's database as {@code DATABASE_URL}. */
  public String url() {
    return Objects.requireNonNull(url, "available from @BeforeAll on");
  }

  /** Refuses new rows of a table, in every transaction and process, as long as it is open. */
  public Refusal refuse(String table) {
    database()
        .inTransactionVoid(
            tx -> {
              tx.execute(
                  """
                  CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                  BEGIN RAISE EXCEPTION 'no rows for %, the test has it so', TG_TABLE_NAME; END $$
                  """);
              tx.execute(
                  "CREATE TRIGGER refuse BEFORE INSERT ON " + table + " EXECUTE FUNCTION refuse()");
            });
    return () -> database().inTransactionVoid(tx -> tx.execute("DROP TRIGGER refuse ON " + table));
  }

  /** A table that takes no rows. */
  public interface Refusal extends AutoCloseable {
    @Override
    void close();
  }

  /** The server with a database that holds everything a copy needs; closed with the test run. */
  private record Template(LocalPostgres server) implements AutoCloseable {
    static Template make() {
      LocalPostgres server = LocalPostgres.temporary();
      try {
        String template = server.provision(List.of(ROLE)).get(ROLE);
        try (Database database =
            Database.open(DatabaseConfig.parse(Objects.requireNonNull(template)))) {
          database.migrate();
        }
        return new Template(server);
      } catch (RuntimeException e) {
        server.close();
        throw e;
      }
    }

    @Override
    public void close() {
      server.close();
    }
  }
}
