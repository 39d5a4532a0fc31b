package dev.weft.redis;

import dev.weft.mesh.Env;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;

/**
 * Where Redis is, and who logs in there.
 *
 * @param tls {@code rediss}: encrypted, and the server's certificate has to be one for its name
 *     that this JVM trusts
 * @param user empty for Redis's default one
 * @param password never part of {@link #toString()}
 * @param patience how long somebody waits for an answer before he does without
 */
public record RedisConfig(
    boolean tls,
    String host,
    int port,
    Optional<String> user,
    Optional<String> password,
    int database,
    Duration patience) {
  private static final String VARIABLE = "REDIS_URL";
  private static final int PORT = 6379;

  /** Ten times what an answer takes nearby, and little of the second that callers have. */
  private static final Duration PATIENCE = Duration.ofMillis(50);

  /** What an address looks like. */
  public static final String FORM = "redis://user:password@host:port/database, or rediss";

  /**
   * The address in {@code REDIS_URL}, or in the file that {@code REDIS_URL_FILE} names; empty if
   * neither is set.
   *
   * @throws dev.weft.mesh.ConfigException if it is none; its text does not hold it
   */
  public static Optional<RedisConfig> from(Env env) {
    return env.secretIfSet(VARIABLE, FORM, RedisConfig::parse);
  }

  /**
   * Reads {@code redis://user:password@host:port/database}, of which only the host has to be there.
   * User and password are percent-decoded; one word before the {@code @} is the password.
   *
   * @throws IllegalArgumentException if it is no such address; the message never holds the password
   */
  public static RedisConfig parse(String url) {
    URI uri;
    try {
      uri = new URI(url);
    } catch (URISyntaxException e) {
      // Its own text quotes the address, password included.
      throw new IllegalArgumentException("not an address: " + e.getReason());
    }
    boolean tls = "rediss".equals(uri.getScheme());
    if (!(tls || "redis".equals(uri.getScheme()))
        || uri.getHost() == null
        || uri.getRawQuery() != null
        || uri.getRawFragment() != null) {
      throw new IllegalArgumentException("expected " + FORM);
    }
    String[] login = Optional.ofNullable(uri.getRawUserInfo()).orElse("").split(":", 2);
    return new RedisConfig(
        tls,
        // An IPv6 address has brackets in a URL, and nowhere else.
        uri.getHost().replaceAll("[\\[\\]]", ""),
        uri.getPort() < 0 ? PORT : uri.getPort(),
        login.length == 2 ? decoded(login[0]) : Optional.empty(),
        decoded(login[login.length - 1]),
        database(uri.getRawPath()),
        PATIENCE);
  }

  private static int database(String path) {
    try {
      int number = path.length() < 2 ? 0 : Integer.parseInt(path.substring(1));
      if (number >= 0) {
        return number;
      }
    } catch (NumberFormatException e) {
      // Refused below, together with a negative one.
    }
    throw new IllegalArgumentException("database " + path + " (expected: a number)");
  }

  private static Optional<String> decoded(String text) {
    // A plus sign is a plus sign here, not a blank.
    return Optional.of(URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8))
        .filter(decoded -> !decoded.isEmpty());
  }

  /** The same with another patience. */
  public RedisConfig patience(Duration other) {
    return new RedisConfig(tls, host, port, user, password, database, other);
  }

  @Override
  public String toString() {
    return "%s://%s%s:%d/%d"
        .formatted(
            tls ? "rediss" : "redis",
            user.map(name -> name + "@").orElse(""),
            host,
            port,
            database);
  }
}
