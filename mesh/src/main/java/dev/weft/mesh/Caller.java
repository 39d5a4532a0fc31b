package dev.weft.mesh;

import io.grpc.Context;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;

/**
 * Who makes the call that is being served: a user, by a verified token, and the service that sent
 * it, by a verified token of its own. Either may be missing.
 *
 * <p>Travels in gRPC's {@link Context}: visible on the thread that serves the call and on those
 * that were given the context, and nowhere else.
 *
 * @param user the user whose valid token came with the call
 * @param service the service of ours that proved its name
 */
public record Caller(Optional<User> user, Optional<String> service) {
  /** The role that may do what is an administrator's. */
  public static final String ADMIN = "admin";

  static final Caller NOBODY = new Caller(Optional.empty(), Optional.empty());

  private static final Context.Key<Caller> KEY = Context.keyWithDefault("weft-caller", NOBODY);

  /**
   * A user as the issuer's token describes them.
   *
   * @param id the token's {@code sub}
   * @param roles as they were when the token was issued, at most some minutes ago
   * @param tokenId the token's {@code jti}, the name by which it can be revoked
   * @param expiresAt the token's {@code exp}
   */
  public record User(String id, Set<String> roles, String tokenId, Instant expiresAt) {
    public User {
      roles = Set.copyOf(roles);
    }

    /** Whether the user is an administrator. */
    public boolean admin() {
      return roles.contains(ADMIN);
    }
  }

  /** The caller of the call this thread serves; nobody outside of one. */
  public static Caller current() {
    return KEY.get();
  }

  /** The user. Throws a {@link Rejection}, UNAUTHENTICATED, if there is none. */
  public User requireUser() {
    return user.orElseThrow(
        () -> Rejection.unauthenticated("TOKEN_MISSING", "a user's token is required"));
  }

  /** Whether a user calls who is an administrator. */
  public boolean admin() {
    return user.map(User::admin).orElse(false);
  }

  /** The calling service. Throws a {@link Rejection}, UNAUTHENTICATED, if none proved its name. */
  public String requireService() {
    return service.orElseThrow(
        () -> Rejection.unauthenticated("SERVICE_TOKEN_MISSING", "a service's token is required"));
  }

  /** The given context with this caller in it. */
  public Context in(Context context) {
    return context.withValue(KEY, this);
  }
}
