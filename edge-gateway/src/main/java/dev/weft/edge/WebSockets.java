package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The way of a request that asks for a WebSocket: handshake, origin, identity, call. Thread-safe.
 */
final class WebSockets {
  private static final String VERSION = "13";
  private static final int KEY_BYTES = 16;

  /**
   * Begins what is no subprotocol but a token: a page can set no other header of a handshake than
   * that of its subprotocols.
   */
  private static final String TOKEN = "weft.bearer.";

  /** By which methods of HTTP a path may have a stream; the handshake itself is a GET always. */
  private static final List<String> METHODS = List.of("GET", "POST", "PUT", "PATCH", "DELETE");

  private final Identity identity;
  private final Calls calls;
  private final Cors cors;
  private final HttpLimits limits;

  WebSockets(Identity identity, Calls calls, Cors cors, HttpLimits limits) {
    this.identity = identity;
    this.calls = calls;
    this.cors = cors;
    this.limits = limits;
  }

  /** Whether a request asks for one; it may still do so wrongly. */
  static boolean areAskedFor(HttpRequest request) {
    HttpHeaders headers = request.headers();
    return request.method().equals(HttpMethod.GET)
        && request.protocolVersion().equals(HttpVersion.HTTP_1_1)
        && headers.containsValue("upgrade", "websocket", true)
        && headers.containsValue("connection", "upgrade", true);
  }

  /** The stream of messages that this path leads to, if there is one. */
  static Optional<RouteTable.Found> stream(RouteTable routes, RequestTarget target) {
    Route named = routes.named(target.path());
    if (named != null) {
      return Optional.of(new RouteTable.Found(named, List.of())).filter(WebSockets::isStream);
    }
    for (String method : METHODS) {
      if (routes.match(method, target) instanceof RouteTable.Found found && isStream(found)) {
        return Optional.of(found);
      }
    }
    return Optional.empty();
  }

  /** Files are streams too, but not of messages. */
  private static boolean isStream(RouteTable.Found found) {
    Transcoder transcoder = found.route().transcoder();
    return !found.route().rpc().unary()
        && !transcoder.takesAnything()
        && !transcoder.answersAnything();
  }

  /** Answers the request, now or later. */
  void serve(Exchange exchange, RouteTable.Found found, RequestTarget target) {
    Route route = found.route();
    exchange.route(route);
    checkHandshake(exchange);
    HttpHeaders headers = exchange.request().headers();
    if (!cors.mayConnect(headers)) {
      throw new Refused(Problems.originNotAllowed());
    }
    takeToken(headers);
    Asked asked =
        new Asked(
            found,
            target,
            Accept.parse(headers.getAll("accept")),
            Transcoder.Headers.NONE,
            Prefer.parse(headers.getAll("prefer")),
            route.transcoder().fields(target.query()),
            Optional.empty(),
            Timeouts.grpc(headers.getAll("grpc-timeout")));
    WebSocketCall call = new WebSocketCall(exchange, asked, calls, limits);
    identity.authorise(
        exchange,
        route.rpc().access(),
        () ->
            exchange
                .body()
                .read(
                    // When all that came with the request was read as what it is not to be.
                    _ -> exchange.loop().execute(() -> Gateway.guarded(exchange, call::start))));
  }

  private static void checkHandshake(Exchange exchange) {
    HttpHeaders headers = exchange.request().headers();
    if (!headers.getAll("sec-websocket-version").equals(List.of(VERSION))) {
      exchange.alsoAnswer("Sec-WebSocket-Version", VERSION);
      throw new Refused(Problems.webSocketVersion());
    }
    List<String> keys = headers.getAll("sec-websocket-key");
    if (keys.size() != 1 || !isKey(keys.getFirst()) || exchange.body().announced()) {
      throw Refused.badRequest("MALFORMED_REQUEST", "this is no handshake of a WebSocket");
    }
  }

  private static boolean isKey(String text) {
    try {
      return Base64.getDecoder().decode(text).length == KEY_BYTES;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /** Puts a token where all others have it. With one there already it is one too many. */
  private static void takeToken(HttpHeaders headers) {
    List<String> protocols = new ArrayList<>();
    for (String line : headers.getAll("sec-websocket-protocol")) {
      for (String element : line.split(",", -1)) {
        String name = element.strip();
        if (name.toLowerCase(Locale.ROOT).startsWith(TOKEN)) {
          headers.add("authorization", "Bearer " + name.substring(TOKEN.length()));
        } else {
          protocols.add(name);
        }
      }
    }
    headers.remove("sec-websocket-protocol");
    if (!protocols.isEmpty()) {
      headers.set("sec-websocket-protocol", String.join(",", protocols));
    }
  }
}
