package dev.weft.mesh;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/**
 * Whom a process trusts and how it proves who it is.
 *
 * @param issuer {@code iss} of the user tokens that are accepted; no other is
 * @param audience {@code aud} of the user tokens that are accepted
 * @param issuerService the service that gives the issuer's keys and revocations
 * @param serviceKeyFile this service's own private key: EC P-256, PKCS#8 in PEM. Without it calls
 *     carry no service token, so that methods for services refuse them
 * @param serviceKeysFile JWK set of the public keys of all our services, {@code kid} being the
 *     service's name. Without it no calling service can prove its name here
 * @param issuerWait how long a server that starts waits for the issuer's keys and revocations
 *     before it registers without them. The issuing service itself does not wait
 * @param tls whether calls are TLS, and who may make them
 */
public record IdentityConfig(
    String issuer,
    String audience,
    String issuerService,
    Optional<Path> serviceKeyFile,
    Optional<Path> serviceKeysFile,
    Duration issuerWait,
    TlsConfig tls) {

  private static final Duration ISSUER_WAIT = Duration.ofSeconds(10);

  /** Of a process that does without TLS and registers without waiting for the issuer. */
  public static IdentityConfig withoutTls(
      String issuer,
      String audience,
      String issuerService,
      Optional<Path> serviceKeyFile,
      Optional<Path> serviceKeysFile) {
    return new IdentityConfig(
        issuer,
        audience,
        issuerService,
        serviceKeyFile,
        serviceKeysFile,
        Duration.ZERO,
        TlsConfig.OFF);
  }

  /**
   * Reads {@code WEFT_ISSUER} (default {@code https://weft.example}), {@code WEFT_AUDIENCE} ({@code
   * weft}), {@code WEFT_ISSUER_SERVICE} ({@code user-svc}), {@code WEFT_SERVICE_KEY_FILE} and
   * {@code WEFT_SERVICE_KEYS_FILE} (none), {@code WEFT_ISSUER_WAIT} (PT10S), and what {@link
   * TlsConfig#from} reads.
   */
  public static IdentityConfig from(Env env) {
    return new IdentityConfig(
        env.or("WEFT_ISSUER", "https://weft.example"),
        env.or("WEFT_AUDIENCE", "weft"),
        env.or("WEFT_ISSUER_SERVICE", "user-svc"),
        env.file("WEFT_SERVICE_KEY_FILE"),
        env.file("WEFT_SERVICE_KEYS_FILE"),
        env.duration("WEFT_ISSUER_WAIT", ISSUER_WAIT),
        TlsConfig.from(env));
  }
}
