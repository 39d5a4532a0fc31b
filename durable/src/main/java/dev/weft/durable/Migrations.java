package dev.weft.durable;

import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.configuration.FluentConfiguration;

/**
 * Two histories in one schema: this module's tables and the service's own, each with numbers of its
 * own, so that neither has to know the other's.
 */
final class Migrations {
  private final DatabaseConfig config;

  Migrations(DatabaseConfig config) {
    this.config = config;
  }

  void run() {
    migrate("classpath:db/durable", "durable_history");
    migrate("classpath:db/migration", "service_history");
  }

  private void migrate(String location, String history) {
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
    flyway.load().migrate();
  }
}
