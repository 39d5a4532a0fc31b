package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Pattern;

/**
 * Refuses what no path answers: other versions of HTTP, too much header, no host or another's, odd
 * methods.
 */
final class HttpChecks implements Middleware {
  private static final Pattern HOST =
      Pattern.compile("([A-Za-z0-9._-]{1,255}|\\[[0-9A-Fa-f:.]{2,45}])(:[0-9]{1,5})?");

  private static final Set<String> NEVER = Set.of("TRACE", "CONNECT");

  private final HttpLimits limits;
  private final Set<String> served;

  /**
   * @param served names and addresses, in small letters and without a port, that requests may be
   *     for; empty for whatever they name
   */
  HttpChecks(HttpLimits limits, Set<String> served) {
    this.limits = limits;
    this.served = Set.copyOf(served);
  }

  @Override
  public void serve(Exchange exchange, Consumer<Exchange> next) {
    check(exchange);
    next.accept(exchange);
  }

  private void check(Exchange exchange) {
    HttpRequest request = exchange.request();
    HttpHeaders headers = request.headers();
    HttpVersion version = request.protocolVersion();
    if (!version.equals(HttpVersion.HTTP_1_1) && !version.equals(HttpVersion.HTTP_1_0)) {
      exchange.closeAfterThis();
      throw new Refused(Problems.httpVersion());
    }
    if (headers.size() > limits.headerFields()) {
      exchange.closeAfterThis();
      throw new Refused(Problems.headerTooLong());
    }
    if (request.uri().length() > limits.uriBytes()) {
      exchange.closeAfterThis();
      throw new Refused(Problems.targetTooLong(limits.uriBytes()));
    }
    List<String> hosts = headers.getAll(HttpHeaderNames.HOST);
    boolean hostless = hosts.isEmpty() && version.equals(HttpVersion.HTTP_1_0);
    if (!hostless && (hosts.size() != 1 || !HOST.matcher(hosts.getFirst()).matches())) {
      exchange.closeAfterThis();
      throw new Refused(Problems.badHost());
    }
    if (!served.isEmpty() && (hostless || !served.contains(name(hosts.getFirst())))) {
      throw new Refused(Problems.misdirected());
    }
    List<String> expected = headers.getAll(HttpHeaderNames.EXPECT);
    if (!expected.isEmpty()
        && (expected.size() > 1 || !expected.getFirst().equalsIgnoreCase("100-continue"))) {
      exchange.closeAfterThis();
      throw new Refused(Problems.expectation());
    }
    if (NEVER.contains(exchange.method())) {
      throw new Refused(Problems.methodUnknown());
    }
  }

  /** What stands before the port. */
  private static String name(String host) {
    int port = host.lastIndexOf(':');
    boolean none = port < host.lastIndexOf(']') || port < 0;
    return (none ? host : host.substring(0, port)).toLowerCase(Locale.ROOT);
  }
}
