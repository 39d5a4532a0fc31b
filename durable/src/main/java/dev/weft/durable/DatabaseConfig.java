package dev.weft.durable;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/**
 * Where a service's database is and who it logs in as.
 *
 * @param jdbcUrl {@code jdbc:postgresql://host:port/name}, without credentials
 * @param user the service's own role
 * @param password never part of {@link #toString()}
 * @param poolSize connections held at most; the default is twice the cores plus one and at most 17,
 *     because more would only queue inside the database
 */
public record DatabaseConfig(String jdbcUrl, String user, String password, int poolSize) {

  static final int DEFAULT_POOL_MAX = 17;

  public DatabaseConfig {
    Objects.requireNonNull(jdbcUrl, "jdbcUrl");
    Objects.requireNonNull(user, "user");
    Objects.requireNonNull(password, "password");
    if (poolSize < 1) {
      throw new IllegalArgumentException("poolSize: " + poolSize + " (expected: > 0)");
    }
  }

  /**
   * Reads the form that {@code DATABASE_URL} has everywhere: {@code
   * postgresql://user:password@host:port/name?option=value}. User and password are percent-decoded;
   * {@code postgres://} means the same.
   *
   * @throws IllegalArgumentException if it is not such an address; the message never holds the
   *     password
   */
  public static DatabaseConfig parse(String databaseUrl) {
    URI uri;
    try {
      uri = new URI(databaseUrl);
    } catch (URISyntaxException e) {
      // The exception's own text quotes the address, password included.
      throw new IllegalArgumentException("not an address: " + e.getReason());
    }
    String scheme = uri.getScheme();
    if (!"postgresql".equals(scheme) && !"postgres".equals(scheme)) {
      throw new IllegalArgumentException("scheme " + scheme + " (expected: postgresql)");
    }
    String credentials = uri.getRawUserInfo();
    String path = uri.getRawPath();
    if (credentials == null || uri.getHost() == null || path == null || path.length() < 2) {
      throw new IllegalArgumentException("expected postgresql://user:password@host:port/database");
    }
    int colon = credentials.indexOf(':');
    String user = decode(colon < 0 ? credentials : credentials.substring(0, colon));
    String password = colon < 0 ? "" : decode(credentials.substring(colon + 1));
    int port = uri.getPort() < 0 ? 5432 : uri.getPort();
    String query = uri.getRawQuery() == null ? "" : "?" + uri.getRawQuery();
    String jdbcUrl = "jdbc:postgresql://" + uri.getHost() + ":" + port + path + query;
    return new DatabaseConfig(jdbcUrl, user, password, defaultPoolSize());
  }

  private static int defaultPoolSize() {
    return Math.min(2 * Runtime.getRuntime().availableProcessors() + 1, DEFAULT_POOL_MAX);
  }

  private static String decode(String text) {
    // A plus sign in a user name or password is a plus sign, not a blank.
    return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
  }

  @Override
  public String toString() {
    // Options may hold secrets too, such as a password.
    int options = jdbcUrl.indexOf('?');
    String shown = options < 0 ? jdbcUrl : jdbcUrl.substring(0, options) + "?...";
    return "DatabaseConfig[" + shown + ", user=" + user + ", poolSize=" + poolSize + "]";
  }
}
