package dev.weft.user;

import dev.weft.mesh.Caller;
import io.grpc.BindableService;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The address a call comes from, as attempts are counted by.
 *
 * <p>A service that proved its name, which is the edge, says whose call it forwards: in {@code
 * x-client-ip}, which knows of proxies before the edge, else as the last entry of {@code
 * x-forwarded-for}, because everything left of it is what the client claims. From anybody else the
 * headers count for nothing, and the connection's own address is taken. Of IPv6 only the first 64
 * bits count, which is what one customer of a provider has.
 */
final class ClientAddress implements ServerInterceptor {
  private static final Metadata.Key<String> CLIENT_IP =
      Metadata.Key.of("x-client-ip", Metadata.ASCII_STRING_MARSHALLER);
  private static final Metadata.Key<String> FORWARDED_FOR =
      Metadata.Key.of("x-forwarded-for", Metadata.ASCII_STRING_MARSHALLER);
  private static final Context.Key<String> KEY =
      Context.keyWithDefault("client-address", "unknown");
  private static final int PREFIX_BYTES = 8;

  private ClientAddress() {}

  /** The service, with the address known to its methods. */
  static BindableService knownTo(BindableService service) {
    return () -> ServerInterceptors.intercept(service, new ClientAddress());
  }

  /** The address of the call this thread serves. */
  static String current() {
    return KEY.get();
  }

  @Override
  public <Q, R> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
    String address =
        of(
            Caller.current().service().isPresent() ? forwarded(headers) : null,
            call.getAttributes().get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR));
    return Contexts.interceptCall(Context.current().withValue(KEY, address), call, headers, next);
  }

  static @Nullable Iterable<String> forwarded(Metadata headers) {
    return headers.getAll(headers.containsKey(CLIENT_IP) ? CLIENT_IP : FORWARDED_FOR);
  }

  static String of(@Nullable Iterable<String> forwarded, @Nullable SocketAddress peer) {
    return lastHop(forwarded)
        .or(
            () ->
                peer instanceof InetSocketAddress socket
                    ? Optional.ofNullable(socket.getAddress())
                    : Optional.empty())
        .map(ClientAddress::network)
        .orElseGet(() -> String.valueOf(peer));
  }

  private static Optional<InetAddress> lastHop(@Nullable Iterable<String> forwarded) {
    if (forwarded == null) {
      return Optional.empty();
    }
    String last = "";
    for (String value : forwarded) {
      last = value;
    }
    try {
      // A literal only: a name would be looked up.
      return Optional.of(InetAddress.ofLiteral(last.substring(last.lastIndexOf(',') + 1).strip()));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  private static String network(InetAddress address) {
    return address instanceof Inet6Address
        ? HexFormat.of().formatHex(Arrays.copyOf(address.getAddress(), PREFIX_BYTES)) + "/64"
        : address.getHostAddress();
  }
}
