package dev.weft.mesh;

import dev.weft.admin.v1.AdminServiceGrpc;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import java.util.Iterator;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Lets a call through only if the method's contract allows its caller, and tells the service who
 * that is by {@link Caller#current}. Belongs inside the interceptor that answers for a {@link
 * Rejection}.
 *
 * <table>
 * <caption>Refusals</caption>
 * <tr><td>no token</td><td>UNAUTHENTICATED TOKEN_MISSING, SERVICE_TOKEN_MISSING</td></tr>
 * <tr><td>a token that is not good</td><td>UNAUTHENTICATED TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_REVOKED,
 *     SERVICE_TOKEN_INVALID</td></tr>
 * <tr><td>a user without the role</td><td>PERMISSION_DENIED ROLE_REQUIRED</td></tr>
 * <tr><td>a service that is not listed</td><td>PERMISSION_DENIED CALLER_NOT_ALLOWED</td></tr>
 * </table>
 *
 * <p>A service's token counts over a connection whose certificate, if it has one, is the same
 * service's.
 *
 * <p>On a public method a token that is not good counts as none; so does a service token wherever
 * none is required. Health and reflection are open to all. The contract of {@code
 * weft.admin.v1.AdminService} names nobody: its callers are those that this process names.
 */
final class AccessInterceptor implements ServerInterceptor {
  static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private static final String SCHEME = "Bearer ";

  private final TokenVerifier users;
  private final ServiceTokens services;
  private final Access.Services admins;
  private final Map<MethodDescriptor<?, ?>, Access> known = new ConcurrentHashMap<>();

  /** One that lets nobody call {@code weft.admin.v1.AdminService}. */
  AccessInterceptor(TokenVerifier users, ServiceTokens services) {
    this(users, services, Set.of());
  }

  /**
   * @param admins who may call {@code weft.admin.v1.AdminService}, whose contract leaves that to
   *     each process
   */
  AccessInterceptor(TokenVerifier users, ServiceTokens services, Set<String> admins) {
    this.users = users;
    this.services = services;
    this.admins = new Access.Services(admins);
  }

  @Override
  public <Q, P> ServerCall.Listener<Q> interceptCall(
      ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
    MethodDescriptor<Q, P> method = call.getMethodDescriptor();
    if (open(method.getServiceName())) {
      return next.startCall(call, headers);
    }
    // Methods of this server, so as many as it has.
    Caller caller =
        admit(known.computeIfAbsent(method, this::access), headers, PeerFilter.peer(call));
    return Contexts.interceptCall(caller.in(Context.current()), call, headers, next);
  }

  private Access access(MethodDescriptor<?, ?> method) {
    return AdminServiceGrpc.SERVICE_NAME.equals(method.getServiceName())
        ? admins
        : Access.of(method);
  }

  private static boolean open(@Nullable String service) {
    return service != null
        && (service.equals("grpc.health.v1.Health")
            || service.equals("grpc.reflection.v1.ServerReflection")
            || service.equals("grpc.reflection.v1alpha.ServerReflection"));
  }

  private Caller admit(Access access, Metadata headers, Optional<SpiffeId> peer) {
    return switch (access) {
      case Access.Public _ -> new Caller(userIfGood(headers), serviceIfGood(headers, peer));
      case Access.Users allowed ->
          new Caller(Optional.of(user(allowed, headers)), serviceIfGood(headers, peer));
      case Access.Services allowed -> {
        String service = service(allowed, headers, peer);
        yield new Caller(bearer(headers).map(users::verify), Optional.of(service));
      }
      case Access.Nobody _ ->
          throw Rejection.forbidden(
              "ACCESS_UNKNOWN", "the access this method asks for is not known");
    };
  }

  private Caller.User user(Access.Users allowed, Metadata headers) {
    String token =
        bearer(headers)
            .orElseThrow(
                () ->
                    Rejection.unauthenticated(TokenVerifier.MISSING, "a user's token is required"));
    Caller.User user = users.verify(token);
    if (!allowed.roles().isEmpty() && allowed.roles().stream().noneMatch(user.roles()::contains)) {
      throw Rejection.forbidden("ROLE_REQUIRED", "the user's role does not allow this");
    }
    return user;
  }

  private String service(Access.Services allowed, Metadata headers, Optional<SpiffeId> peer) {
    String token =
        single(headers, ServiceTokens.HEADER, ServiceTokens.INVALID)
            .orElseThrow(
                () ->
                    Rejection.unauthenticated(
                        ServiceTokens.MISSING, "a service's token is required"));
    String service = verified(token, peer);
    if (!allowed.allow(service)) {
      throw Rejection.forbidden(
          "CALLER_NOT_ALLOWED", "this method does not allow calls of " + service);
    }
    return service;
  }

  private Optional<Caller.User> userIfGood(Metadata headers) {
    try {
      return bearer(headers).flatMap(users::verifyIfGood);
    } catch (Rejection e) {
      return Optional.empty();
    }
  }

  /** A token that was read on its way is of no use over another service's connection. */
  private String verified(String token, Optional<SpiffeId> peer) {
    String service = services.verify(token);
    if (peer.isPresent() && !peer.get().isService(service)) {
      throw Rejection.unauthenticated(
          ServiceTokens.INVALID,
          "the service token is " + service + "'s, the connection " + peer.get().service() + "'s");
    }
    return service;
  }

  private Optional<String> serviceIfGood(Metadata headers, Optional<SpiffeId> peer) {
    try {
      return single(headers, ServiceTokens.HEADER, ServiceTokens.INVALID)
          .map(token -> verified(token, peer));
    } catch (Rejection e) {
      return Optional.empty();
    }
  }

  /**
   * The token; empty if no credentials came. Credentials of another kind are a token that is not
   * valid.
   */
  private static Optional<String> bearer(Metadata headers) {
    return single(headers, AUTHORIZATION, TokenVerifier.INVALID)
        .map(
            value -> {
              // RFC 9110 §11.1: the scheme's name is not case-sensitive.
              if (!value.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
                throw Rejection.unauthenticated(
                    TokenVerifier.INVALID, "the authorization is not of the form: Bearer <token>");
              }
              return value.substring(SCHEME.length()).strip();
            });
  }

  /** Two values would let one layer believe the first and another the second. */
  private static Optional<String> single(
      Metadata headers, Metadata.Key<String> key, String reason) {
    Iterable<String> values = headers.getAll(key);
    if (values == null) {
      return Optional.empty();
    }
    Iterator<String> all = values.iterator();
    String first = all.next();
    if (all.hasNext()) {
      throw Rejection.unauthenticated(reason, "more than one " + key.name());
    }
    return Optional.of(first);
  }
}
