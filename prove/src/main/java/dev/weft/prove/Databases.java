package dev.weft.prove;

import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;

/** The services' databases, reached as their administrator. */
final class Databases {
  private static final String ADMINISTRATOR = "postgres";

  private final Shop shop;

  Databases(Shop shop) {
    this.shop = shop;
  }

  /** Ends every session of a service, whatever it is doing; says how many there were. */
  int endSessions(String service) {
    return execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '%s'"
            .formatted(role(service)));
  }

  /**
   * Moves the clock of a service's timers, for its next sessions, which begin at once.
   *
   * @param offset as PostgreSQL reads an interval; empty for none
   * @return how many sessions ended for it
   */
  int moveClock(String service, String offset) {
    execute("ALTER ROLE %s SET weft.clock_offset = '%s'".formatted(role(service), offset));
    return endSessions(service);
  }

  private static String role(String service) {
    return service.replace('-', '_');
  }

  /** Returns how many rows it gave. */
  private int execute(String sql) {
    Properties passwords = new Properties();
    try (Reader file =
        Files.newBufferedReader(shop.folder().path().resolve("postgres/passwords.properties"))) {
      passwords.load(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    String url = "jdbc:postgresql://127.0.0.1:" + shop.folder().port(Shop.POSTGRES) + "/postgres";
    String password = passwords.getProperty(ADMINISTRATOR, "");
    try (Connection connection = DriverManager.getConnection(url, ADMINISTRATOR, password);
        Statement statement = connection.createStatement()) {
      int rows = 0;
      if (statement.execute(sql)) {
        try (ResultSet result = statement.getResultSet()) {
          while (result.next()) {
            rows++;
          }
        }
      }
      return rows;
    } catch (SQLException e) {
      throw new ProofException("the database refused: " + sql, e);
    }
  }
}
