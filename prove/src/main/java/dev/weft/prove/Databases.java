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
import java.time.Duration;
import java.time.Instant;
import java.util.Properties;

/** The services' databases, reached as their administrator. */
final class Databases {
  private static final String ADMINISTRATOR = "postgres";

  // Within a second whoever was about to begin has begun.
  private static final int BEGINNINGS = 10;
  private static final Duration BEGINNING = Duration.ofMillis(100);

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
    Instant moved = Instant.now();
    int ended = endSessions(service);
    // One that was about to begin has the old time, and cannot be seen before it has begun.
    for (int again = 0; again < BEGINNINGS; again++) {
      Shop.pause(BEGINNING);
      ended +=
          execute(
              """
              SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE usename = '%s' AND backend_start <= '%s'
              """
                  .formatted(role(service), moved));
    }
    return ended;
  }

  /** Reads the rows of a query in a service's database. */
  void read(String service, String sql, RowReader reader) {
    try (Connection connection = connect(role(service));
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery(sql)) {
      while (rows.next()) {
        reader.read(rows);
      }
    } catch (SQLException e) {
      throw new ProofException("the database of " + service + " refused: " + sql, e);
    }
  }

  /** Changes something in a service's database behind its back. */
  void change(String service, String sql) {
    try (Connection connection = connect(role(service));
        Statement statement = connection.createStatement()) {
      statement.execute(sql);
    } catch (SQLException e) {
      throw new ProofException("the database of " + service + " refused: " + sql, e);
    }
  }

  /** Takes a row in. */
  @FunctionalInterface
  interface RowReader {
    void read(ResultSet row) throws SQLException;
  }

  private static String role(String service) {
    return service.replace('-', '_');
  }

  /** Returns how many rows it gave. */
  private int execute(String sql) {
    try (Connection connection = connect(ADMINISTRATOR);
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

  private Connection connect(String database) throws SQLException {
    Properties passwords = new Properties();
    try (Reader file =
        Files.newBufferedReader(shop.folder().path().resolve("postgres/passwords.properties"))) {
      passwords.load(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return DriverManager.getConnection(
        "jdbc:postgresql://127.0.0.1:" + shop.folder().port(Shop.POSTGRES) + "/" + database,
        ADMINISTRATOR,
        passwords.getProperty(ADMINISTRATOR, ""));
  }
}
