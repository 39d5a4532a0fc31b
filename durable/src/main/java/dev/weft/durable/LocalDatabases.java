package dev.weft.durable;

import dev.weft.durable.LocalPostgresException.Kind;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;

/** The databases of a local server, each with a role that owns it and can enter no other. */
final class LocalDatabases {
  /** The role that owns the server. */
  static final String SUPERUSER = "postgres";

  private final String host;
  private final int port;
  private final Passwords passwords;

  LocalDatabases(String host, int port, Passwords passwords) {
    this.host = host;
    this.port = port;
    this.passwords = passwords;
  }

  /** A connection of the superuser, to the database that is always there. */
  Connection connect() throws SQLException {
    Properties properties = new Properties();
    properties.setProperty("user", SUPERUSER);
    properties.setProperty("password", passwords.of(SUPERUSER));
    properties.setProperty("connectTimeout", "2");
    properties.setProperty("loginTimeout", "2");
    properties.setProperty("socketTimeout", "30");
    return DriverManager.getConnection(
        "jdbc:postgresql://" + host + ":" + port + "/postgres", properties);
  }

  /** As {@link LocalPostgres#provision}. */
  Map<String, String> provision(Collection<String> names) {
    Map<String, String> urls = new LinkedHashMap<>();
    try (Connection admin = connect();
        Statement statement = admin.createStatement()) {
      for (String open : List.of("postgres", "template1")) {
        statement.execute("REVOKE ALL ON DATABASE " + open + " FROM PUBLIC");
      }
      for (String name : names) {
        String role = quoted(name);
        String password = passwords.of(name);
        if (!exists(admin, "SELECT 1 FROM pg_roles WHERE rolname = ?", name)) {
          statement.execute("CREATE ROLE " + role + " LOGIN NOINHERIT");
        }
        statement.execute("ALTER ROLE " + role + " PASSWORD '" + password + "'");
        makeDatabase(admin, name, role, "template1");
        urls.put(name, url(name, name));
      }
    } catch (SQLException e) {
      throw new LocalPostgresException(Kind.FAILED, "provisioning: " + e.getMessage(), e);
    }
    return urls;
  }

  /** As {@link LocalPostgres#copy}. */
  String copy(String template, String name, String owner) {
    try (Connection admin = connect()) {
      makeDatabase(admin, name, quoted(owner), quoted(template));
      return url(owner, name);
    } catch (SQLException e) {
      throw new LocalPostgresException(Kind.FAILED, "copying: " + e.getMessage(), e);
    }
  }

  /** As {@link LocalPostgres#drop}. */
  void drop(String name) {
    try (Connection admin = connect();
        Statement statement = admin.createStatement()) {
      statement.execute("DROP DATABASE IF EXISTS " + quoted(name) + " WITH (FORCE)");
    } catch (SQLException e) {
      throw new LocalPostgresException(Kind.FAILED, "dropping: " + e.getMessage(), e);
    }
  }

  private static void makeDatabase(Connection admin, String name, String owner, String template)
      throws SQLException {
    try (Statement statement = admin.createStatement()) {
      if (!exists(admin, "SELECT 1 FROM pg_database WHERE datname = ?", name)) {
        statement.execute(
            "CREATE DATABASE " + quoted(name) + " OWNER " + owner + " TEMPLATE " + template);
      }
      statement.execute("REVOKE ALL ON DATABASE " + quoted(name) + " FROM PUBLIC");
    }
  }

  private static boolean exists(Connection connection, String sql, String name)
      throws SQLException {
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      statement.setString(1, name);
      try (ResultSet rows = statement.executeQuery()) {
        return rows.next();
      }
    }
  }

  private static String quoted(String name) {
    if (!name.matches("[a-z][a-z0-9_]{0,62}")) {
      throw new IllegalArgumentException(
          "database name: " + name + " (expected: lower-case letters, digits, underscores)");
    }
    return '"' + name + '"';
  }

  private String url(String user, String database) {
    return "postgresql://"
        + user
        + ":"
        + passwords.of(user)
        + "@"
        + host
        + ":"
        + port
        + "/"
        + database;
  }
}
