package dev.weft.testkit;

import dev.weft.mesh.KeySource;
import dev.weft.mesh.Revocation;
import dev.weft.mesh.ServiceKeys;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ClientInterceptor;
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * An issuer of user tokens with a key of its own, as user-svc would sign them: what it signs is
 * good for every service of an {@link InProcessMesh}.
 *
 * <p>Thread-safe.
 */
public final class TestIdentity implements KeySource {
  /** {@code iss} of its tokens. */
  public static final String ISSUER = "https://weft.example";

  /** {@code aud} of its tokens. */
  public static final String AUDIENCE = "weft";

  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
  private static final String KEY_ID = "test";
  private static final Duration LIFETIME = Duration.ofMinutes(5);

  private final KeyPair keys = ServiceKeys.pair();
  private final List<RevocationListener> listeners = new CopyOnWriteArrayList<>();

  /** Sends calls as this user; without roles as a customer. */
  public ClientInterceptor as(String userId, String... roles) {
    String[] atLeast = roles.length == 0 ? new String[] {"customer"} : roles;
    return bearer(token(userId, Instant.now(), atLeast));
  }

  /** Sends calls with this text as their token. */
  public static ClientInterceptor bearer(String token) {
    return new Bearer(token);
  }

  /** An access token of a user, good from {@code issuedAt} on for five minutes. */
  public String token(String userId, Instant issuedAt, String... roles) {
    String claims =
        """
        {"iss":"%s","aud":"%s","sub":"%s","jti":"%s","iat":%d,"exp":%d,"roles":[%s]}\
        """
            .formatted(
                ISSUER,
                AUDIENCE,
                userId,
                UUID.randomUUID(),
                issuedAt.getEpochSecond(),
                issuedAt.plus(LIFETIME).getEpochSecond(),
                Stream.of(roles).map(role -> '"' + role + '"').collect(Collectors.joining(",")));
    return signed("{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"" + KEY_ID + "\"}", claims);
  }

  /** A header and claims that may be anything, signed as those of a good token are. */
  public String signed(String header, String claims) {
    String signed = base64(header) + "." + base64(claims);
    try {
      Signature signature = Signature.getInstance("SHA256withECDSAinP1363Format");
      signature.initSign(keys.getPrivate());
      signature.update(signed.getBytes(StandardCharsets.US_ASCII));
      return signed + "." + base64(signature.sign());
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /** By which its tokens are verified. */
  public ECPublicKey publicKey() {
    return (ECPublicKey) keys.getPublic();
  }

  /** Tells every service that these tokens are refused from now on. */
  public void revoke(Revocation revocation) {
    listeners.forEach(listener -> listener.revoked(revocation));
  }

  @Override
  public String jwks() {
    return ServiceKeys.jwks(Map.of(KEY_ID, publicKey()));
  }

  @Override
  public Watch watchRevocations(RevocationListener listener) {
    listeners.add(listener);
    listener.caughtUp();
    return () -> listeners.remove(listener);
  }

  private static String base64(String text) {
    return base64(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String base64(byte[] bytes) {
    return Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
  }

  private record Bearer(String token) implements ClientInterceptor {
    @Override
    public <Q, P> ClientCall<Q, P> interceptCall(
        MethodDescriptor<Q, P> method, CallOptions options, Channel next) {
      return new SimpleForwardingClientCall<>(next.newCall(method, options)) {
        @Override
        public void start(Listener<P> listener, Metadata headers) {
          headers.put(AUTHORIZATION, "Bearer " + token);
          super.start(listener, headers);
        }
      };
    }
  }
}
