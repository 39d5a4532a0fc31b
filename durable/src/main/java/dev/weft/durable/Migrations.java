package dev.weft.durable;

import java.util.Objects;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.configuration.FluentConfiguration;
import org.flywaydb.core.api.output.MigrateResult;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Two histories in one schema: this module's tables and the service's own, each with numbers of its
 * own, so that neither has to know the other's.
 */
final class Migrations {
  private static final Logger log = LoggerFactory.getLogger(Migrations.class);

  private final DatabaseConfig config;

  Migrations(DatabaseConfig config) {
    this.config = config;
  }

  void run() {
    MigrateResult shared = migrate("classpath:db/durable", "durable_history");
    MigrateResult own = migrate("classpath:db/migration", "service_history");
    log.info(
        "database is at version {} of its own tables and {} of the shared ones: {} migrations"
            + " applied in {} ms",
        version(own),
        version(shared),
        own.migrationsExecuted + shared.migrationsExecuted,
        own.getTotalMigrationTime() + shared.getTotalMigrationTime());
  }

  // Flyway names a target only when it had something to do.
  private static String version(MigrateResult result) {
    return Objects.requireNonNullElse(
        result.migrationsExecuted > 0 ? result.targetSchemaVersion : result.initialSchemaVersion,
        "0");
  }

  private MigrateResult migrate(String location, String history) {
    FluentConfiguration flyway =
        Flyway.configure(Migrations.class.getClassLoader())
            .dataSource(config.jdbcUrl(), config.user(), config.password())
            .connectRetries(15)
            .connectRetriesInterval(1)
            .locations(location)
            .table(history)
            // The schema is never empty for the second history; zero lies before its first script.
            .baselineOnMigrate(true)
            .baselineVersion("0")
            .validateMigrationNaming(true);
    return flyway.load().migrate();
  }
}
