package dev.weft.events;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;

/**
 * Where the broker is, and who logs in there.
 *
 * @param tls {@code amqps}: encrypted, and the broker's certificate has to be one for its name that
 *     this JVM trusts
 * @param password never part of {@link #toString()}
 */
public record RabbitConfig(
    boolean tls, String host, int port, String virtualHost, String user, String password) {
  private static final int PORT = 5672;
  private static final int TLS_PORT = 5671;

  /** What an address looks like. */
  public static final String FORM = "amqp://user:password@host:port/vhost, or amqps";

  /**
   * Reads {@code amqp://user:password@host:port/vhost}. User, password and virtual host are
   * percent-decoded; without a path the virtual host is {@code /}.
   *
   * @throws IllegalArgumentException if it is no such address; the message never holds the password
   */
  public static RabbitConfig parse(String url) {
    URI uri;
    try {
      uri = new URI(url);
    } catch (URISyntaxException e) {
      // Its own text quotes the address, password included.
      throw new IllegalArgumentException("not an address: " + e.getReason());
    }
    boolean tls = "amqps".equals(uri.getScheme());
    String credentials = uri.getRawUserInfo();
    if (!(tls || "amqp".equals(uri.getScheme()))
        || uri.getHost() == null
        || credentials == null
        || credentials.indexOf(':') < 1
        || uri.getRawQuery() != null) {
      throw new IllegalArgumentException("expected " + FORM);
    }
    int colon = credentials.indexOf(':');
    String path = uri.getRawPath() == null ? "" : uri.getRawPath();
    return new RabbitConfig(
        tls,
        uri.getHost(),
        uri.getPort() >= 0 ? uri.getPort() : tls ? TLS_PORT : PORT,
        path.length() < 2 ? "/" : decode(path.substring(1)),
        decode(credentials.substring(0, colon)),
        decode(credentials.substring(colon + 1)));
  }

  private static String decode(String text) {
    // A plus sign is a plus sign here, not a blank.
    return URLDecoder.decode(text.replace("+", "%2B"), StandardCharsets.UTF_8);
  }

  @Override
  public String toString() {
    return "%s://%s@%s:%d/%s".formatted(tls ? "amqps" : "amqp", user, host, port, virtualHost);
  }
}
