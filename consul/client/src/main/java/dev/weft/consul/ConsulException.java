package dev.weft.consul;

import java.net.ConnectException;
import java.util.Optional;

/**
 * Consul did not do what was asked. The message says what was asked, what came back and what to do
 * about it; it never holds a token.
 */
public final class ConsulException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final String path;

  private ConsulException(int status, String path, String message, Throwable cause) {
    super(message, cause);
    this.status = status;
    this.path = path;
  }

  private ConsulException(int status, String path, String message) {
    super(message);
    this.status = status;
    this.path = path;
  }

  /** No answer: refused, timed out, broken off, or too large to read. */
  static ConsulException noAnswer(String address, String request, Throwable cause) {
    // The JDK's own text for a refused connection is null.
    String why =
        cause instanceof ConnectException
            ? "cannot connect"
            : Optional.ofNullable(cause.getMessage()).orElse(cause.getClass().getSimpleName());
    return new ConsulException(
        0,
        request,
        "Consul at "
            + address
            + " did not answer "
            + request
            + ": "
            + why
            + ". Is it running, and is CONSUL_HTTP_ADDR right?",
        cause);
  }

  /** Nothing was asked, because of something on our side. */
  static ConsulException notSent(String request, Throwable cause) {
    return new ConsulException(
        0, request, request + " was not sent to Consul: " + cause.getMessage(), cause);
  }

  static ConsulException refused(int status, String request, String body) {
    String advice =
        switch (status) {
          case 400 -> " (the request is wrong; asking again will not help)";
          case 401, 403 -> " (check CONSUL_HTTP_TOKEN and its policies)";
          case 429 -> " (too many connections from this address: limits.http_max_conns_per_client)";
          case 500 -> body.contains("leader") ? " (asking again will help once there is one)" : "";
          default -> "";
        };
    return new ConsulException(
        status,
        request,
        "Consul answered " + request + " with " + status + firstLine(body) + advice);
  }

  /**
   * An answer that leaves out what there is, because our token may not read it: a 403 that is not
   * said.
   *
   * @param request whose answer gave it away
   * @param proof how
   */
  static ConsulException hidden(String request, String what, String proof) {
    return new ConsulException(
        403,
        request,
        "Consul hides "
            + what
            + " from this token: "
            + proof
            + " (check CONSUL_HTTP_TOKEN and its policies)");
  }

  /** An answer whose meaning cannot be read: something else than Consul may be listening there. */
  static ConsulException unreadable(int status, String request, String what) {
    return new ConsulException(
        status,
        request,
        "the answer to "
            + request
            + " is not one of Consul's: "
            + what
            + ". Check CONSUL_HTTP_ADDR");
  }

  private static String firstLine(String body) {
    String line = body.lines().findFirst().orElse("").strip();
    if (line.isEmpty()) {
      return "";
    }
    return ": " + (line.length() > 300 ? line.substring(0, 300) + "…" : line);
  }

  /** The HTTP status; 0 when no answer came. */
  public int status() {
    return status;
  }

  /** Method and path of the request, without its query. */
  public String path() {
    return path;
  }

  /** Whether the request itself is at fault, so that repeating it is of no use. */
  public boolean permanent() {
    return status == 400 || status == 413;
  }
}
