package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaders;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The way of a request that calls an RPC by its name: protocol, time, identity, call. Thread-safe.
 */
final class RpcRequests {
  private static final String GRPC = GrpcProtocol.CONTENT_TYPE;
  private static final String GRPC_WEB = GrpcWebProtocol.CONTENT_TYPE;
  private static final String GRPC_WEB_TEXT = GrpcWebProtocol.TEXT;
  private static final String CONNECT_JSON = "application/connect+json";
  private static final String CONNECT_PROTO = "application/connect+proto";
  private static final String JSON = "application/json";
  private static final String PROTO = "application/proto";

  private final Identity identity;
  private final Calls calls;
  private final LongWork work;

  RpcRequests(Identity identity, Calls calls, LongWork work) {
    this.identity = identity;
    this.calls = calls;
    this.work = work;
  }

  /** The methods of HTTP that this RPC is called with. */
  static List<String> methods(Route route) {
    return route.rpc().unary() && route.rpc().grpc().isSafe()
        ? List.of("GET", "POST", "OPTIONS")
        : List.of("POST", "OPTIONS");
  }

  /** Answers the request, now or later. */
  void serve(Exchange exchange, Route route, RequestTarget target) {
    exchange.route(route);
    exchange.body().hold();
    RpcProtocol protocol = protocol(exchange, route, target);
    exchange.refusals(protocol::refusal);
    calls.expectRoom(route.rpc());
    Optional<Duration> timeout = protocol.timeout();
    identity.authorise(
        exchange,
        route.rpc().access(),
        () -> new RpcCall(exchange, route, protocol, timeout, calls, work).start());
  }

  /** Whether this is a call by name, though of nothing that is known; it is refused as one then. */
  boolean isOne(Exchange exchange) {
    String type = mediaType(exchange.request().headers());
    boolean one =
        switch (type) {
          case GRPC, GRPC_WEB, GRPC_WEB_TEXT, CONNECT_JSON, CONNECT_PROTO, PROTO -> true;
          default -> false;
        };
    if (one) {
      refuseAs(type, exchange);
    }
    return one;
  }

  /** Throws {@link Refused} if the RPC cannot be called in the way that is asked for. */
  private static RpcProtocol protocol(Exchange exchange, Route route, RequestTarget target) {
    HttpHeaders headers = exchange.request().headers();
    Rpc rpc = route.rpc();
    if (exchange.method().equals("GET")) {
      refuseAs(JSON, exchange);
      ConnectQuery query = ConnectQuery.of(target.query());
      ConnectCodec codec =
          ConnectCodec.of(query.encoding())
              .orElseThrow(() -> new Refused(Problems.protocolUnknown()));
      return new ConnectUnaryProtocol(headers, route, codec, Optional.of(query));
    }
    String type = mediaType(headers);
    refuseAs(type, exchange);
    return switch (type) {
      case GRPC -> new GrpcProtocol(headers, rpc);
      case GRPC_WEB -> new GrpcWebProtocol(headers, rpc, false);
      case GRPC_WEB_TEXT -> new GrpcWebProtocol(headers, rpc, true);
      case CONNECT_JSON, CONNECT_PROTO -> {
        check(!rpc.unary());
        yield new ConnectStreamProtocol(headers, route, codec(type));
      }
      case JSON, PROTO -> {
        check(rpc.unary());
        yield new ConnectUnaryProtocol(headers, route, codec(type), Optional.empty());
      }
      default -> throw new Refused(Problems.protocolUnknown());
    };
  }

  private static void check(boolean fits) {
    if (!fits) {
      throw new Refused(Problems.protocolUnknown());
    }
  }

  /** From now on failures are told as the protocol with this content type has it. */
  private static void refuseAs(String type, Exchange exchange) {
    switch (type) {
      case GRPC -> {
        if (!exchange.hasTrailers()) {
          throw new Refused(Problems.needsHttp2());
        }
        exchange.refusals(GrpcProtocol::refused);
      }
      case GRPC_WEB, GRPC_WEB_TEXT ->
          exchange.refusals(
              problem -> GrpcWebProtocol.refused(problem, type.equals(GRPC_WEB_TEXT)));
      case CONNECT_JSON, CONNECT_PROTO ->
          exchange.refusals(problem -> ConnectStreamProtocol.refused(problem, codec(type)));
      case JSON, PROTO -> exchange.refusals(ConnectUnaryProtocol::refused);
      default -> {
        // A problem says it to everybody.
      }
    }
  }

  private static ConnectCodec codec(String type) {
    return type.endsWith("json") ? ConnectCodec.JSON : ConnectCodec.PROTO;
  }

  /** Lower-case, without parameters, and without the {@code +proto} that says nothing new. */
  private static String mediaType(HttpHeaders headers) {
    List<String> values = headers.getAll("content-type");
    if (values.size() != 1) {
      return "";
    }
    String type = values.getFirst().split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
    return type.startsWith(GRPC) && type.endsWith("+proto")
        ? type.substring(0, type.length() - "+proto".length())
        : type;
  }
}
