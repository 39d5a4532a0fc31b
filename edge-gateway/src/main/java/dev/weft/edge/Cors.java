package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaders;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;

/**
 * What pages of other origins may do: nothing, but for those of the listed origins. Never {@code
 * *}, never credentials: tokens travel in {@code Authorization}, which the page has to set itself.
 *
 * @param origins exact, as {@code https://shop.example}
 */
record Cors(Set<String> origins) implements Middleware {
  private static final String REQUEST_HEADERS =
      "authorization, content-type, accept, accept-language, idempotency-key, if-match,"
          + " if-none-match, if-range, prefer, range, x-request-id, traceparent, tracestate,"
          + " connect-protocol-version, connect-timeout-ms, connect-content-encoding, grpc-timeout,"
          + " grpc-encoding, x-grpc-web, x-user-agent, mcp-protocol-version, mcp-method, mcp-name";
  private static final String RESPONSE_HEADERS =
      "location, link, etag, age, cache-status, proxy-status, ratelimit, ratelimit-policy,"
          + " retry-after, x-request-id, x-response-time, deprecation, sunset, accept-ranges, content-range,"
          + " preference-applied, server-timing, grpc-status, grpc-message,"
          + " grpc-status-details-bin";

  Cors {
    origins = Set.copyOf(origins);
  }

  /** Whether this is a browser's question about another request. */
  static boolean isPreflight(String method, HttpHeaders headers) {
    return method.equals("OPTIONS")
        && headers.contains("origin")
        && headers.contains("access-control-request-method");
  }

  @Override
  public void serve(Exchange exchange, Consumer<Exchange> next) {
    if (!origins.isEmpty()) {
      headers(exchange.request().headers()).forEach(exchange::alsoAnswer);
    }
    next.accept(exchange);
  }

  /** What every answer to this request carries. */
  private Map<String, String> headers(HttpHeaders request) {
    Map<String, String> headers = new LinkedHashMap<>();
    headers.put("Vary", "Origin");
    if (allows(request)) {
      headers.put("Access-Control-Allow-Origin", request.get("origin"));
      headers.put("Access-Control-Expose-Headers", RESPONSE_HEADERS);
    }
    return headers;
  }

  /** What the answer to a preflight carries besides. */
  Map<String, String> preflight(HttpHeaders request, Collection<String> methods) {
    if (!allows(request)) {
      return Map.of();
    }
    return Map.of(
        "Access-Control-Allow-Methods",
        String.join(", ", methods),
        "Access-Control-Allow-Headers",
        REQUEST_HEADERS,
        "Access-Control-Max-Age",
        "600");
  }

  /**
   * Whether who names this origin may open a WebSocket, which browsers let any page do: a page of
   * this host or of a listed origin, and who names none, since that is no page.
   */
  boolean mayConnect(HttpHeaders request) {
    List<String> given = request.getAll("origin");
    return given.isEmpty()
        || allows(request)
        || (given.size() == 1 && isOwn(given.getFirst(), String.valueOf(request.get("host"))));
  }

  /** By which scheme the page came is not known here, if a proxy before the edge ends TLS. */
  private static boolean isOwn(String origin, String host) {
    return origin.equalsIgnoreCase("https://" + host) || origin.equalsIgnoreCase("http://" + host);
  }

  /** Whether who names this origin may ask: it is a listed one, or none, since that is no page. */
  boolean mayAsk(HttpHeaders request) {
    return !request.contains("origin") || allows(request);
  }

  private boolean allows(HttpHeaders request) {
    List<String> given = request.getAll("origin");
    return given.size() == 1 && origins.contains(given.getFirst());
  }
}
