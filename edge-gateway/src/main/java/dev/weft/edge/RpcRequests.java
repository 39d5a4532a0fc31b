package dev.weft.edge;

import io.netty.handler.codec.http.HttpHeaders;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The way of a request that calls an RPC by its name: protocol, time, identity, call. Thread-safe.
 */
final class RpcRequests {
  private final Identity identity;
  private final Calls calls;

  RpcRequests(Identity identity, Calls calls) {
    this.identity = identity;
    this.calls = calls;
  }

  /** The methods of HTTP that this RPC is called with. */
  static List<String> methods(Route route) {
    return route.rpc().unary() && route.rpc().grpc().isSafe()
        ? List.of("GET", "POST", "OPTIONS")
        : List.of("POST", "OPTIONS");
  }

  /** Answers the request, now or later. */
  void serve(Exchange exchange, Route route) {
    exchange.route(route);
    route.rpc().endOfLife().forEach(exchange::alsoAnswer);
    exchange.holdBody();
    RpcProtocol protocol = protocol(exchange, route);
    if (protocol == null) {
      throw new Refused(Problems.protocolUnknown());
    }
    exchange.refusals(protocol::refusal);
    Optional<Duration> timeout = protocol.timeout();
    identity.authorise(
        exchange,
        route.rpc().access(),
        () -> new RpcCall(exchange, route, protocol, timeout, calls).start());
  }

  /** Whether this is a call by name, though of nothing that is known; it is refused as one then. */
  boolean isOne(Exchange exchange) {
    boolean grpc =
        mediaType(exchange.request().headers()).equals(GrpcProtocol.CONTENT_TYPE)
            && exchange.hasTrailers();
    if (grpc) {
      exchange.refusals(GrpcProtocol::refused);
    }
    return grpc;
  }

  private static @Nullable RpcProtocol protocol(Exchange exchange, Route route) {
    HttpHeaders headers = exchange.request().headers();
    String type = mediaType(headers);
    return switch (type) {
      case GrpcProtocol.CONTENT_TYPE -> {
        if (!exchange.hasTrailers()) {
          throw new Refused(Problems.needsHttp2());
        }
        exchange.refusals(GrpcProtocol::refused);
        yield new GrpcProtocol(headers, route.rpc());
      }
      default -> null;
    };
  }

  /** Lower-case, without parameters, and without the {@code +proto} that says nothing new. */
  private static String mediaType(HttpHeaders headers) {
    List<String> values = headers.getAll("content-type");
    if (values.size() != 1) {
      return "";
    }
    String type = values.getFirst().split(";", 2)[0].strip().toLowerCase(Locale.ROOT);
    return type.startsWith(GrpcProtocol.CONTENT_TYPE) && type.endsWith("+proto")
        ? type.substring(0, type.length() - "+proto".length())
        : type;
  }
}
