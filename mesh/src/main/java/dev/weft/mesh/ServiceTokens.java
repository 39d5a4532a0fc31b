package dev.weft.mesh;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.grpc.Metadata;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.security.interfaces.ECPrivateKey;
import java.security.interfaces.ECPublicKey;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How services prove their names to each other: a JWT that the caller signs with its own key for
 * one target, sent as {@code weft-service-token}. ES256, type {@value #TYPE}, {@code iss} {@value
 * #ISSUER}, {@code sub} and {@code kid} the caller, {@code aud} the target, good for 60 s.
 *
 * <p>Only services whose public key is in the keys' file are ours: only they get tokens, and only
 * they can prove who they are. The file is read again when it changes.
 *
 * <p>Thread-safe.
 */
public final class ServiceTokens {
  static final String TYPE = "weft-service+jwt";
  static final String ISSUER = "weft-services";
  static final Duration LIFETIME = Duration.ofSeconds(60);
  static final Metadata.Key<String> HEADER =
      Metadata.Key.of("weft-service-token", Metadata.ASCII_STRING_MARSHALLER);
  static final String MISSING = "SERVICE_TOKEN_MISSING";
  static final String INVALID = "SERVICE_TOKEN_INVALID";

  private static final Logger log = LoggerFactory.getLogger(ServiceTokens.class);
  private static final int REMEMBERED = 1_000;

  private final String service;
  private final Optional<ECPrivateKey> key;
  private final Optional<KeysFile> keys;
  private final InstantSource clock;
  private final Map<String, Minted> minted = new ConcurrentHashMap<>();
  private final Cache<String, Verified> verified;

  private record Minted(String token, Instant renewAt) {}

  private record Verified(String caller, Instant expiresAt, ECPublicKey key) {}

  private ServiceTokens(
      String service,
      Optional<ECPrivateKey> key,
      Optional<KeysFile> keys,
      InstantSource clock,
      LongSupplier nanoTime) {
    this.service = service;
    this.key = key;
    this.keys = keys;
    this.clock = clock;
    this.verified =
        Caffeine.newBuilder()
            .ticker(nanoTime::getAsLong)
            .executor(Runnable::run)
            .maximumSize(REMEMBERED)
            .expireAfterWrite(LIFETIME)
            .build();
  }

  /**
   * The tokens of one service.
   *
   * @throws ConfigException if a file that the configuration names does not hold what it should
   */
  public static ServiceTokens open(String service, IdentityConfig config, InstantSource clock) {
    return open(service, config, clock, System::nanoTime);
  }

  static ServiceTokens open(
      String service, IdentityConfig config, InstantSource clock, LongSupplier nanoTime) {
    return new ServiceTokens(
        service,
        config.serviceKeyFile().map(ServiceTokens::privateKey),
        config.serviceKeysFile().map(file -> new KeysFile(file, nanoTime)),
        clock,
        nanoTime);
  }

  /** Whether a service is one of ours: it has a public key in the keys' file. */
  public boolean ours(String target) {
    return keys.isPresent() && keys.get().all().containsKey(target);
  }

  /**
   * A token for a call to {@code target}; empty if that is not ours, or this process has no key.
   */
  public Optional<String> tokenFor(String target) {
    if (key.isEmpty() || !ours(target)) {
      return Optional.empty();
    }
    Instant now = clock.instant();
    Minted known = minted.get(target);
    if (known == null || !now.isBefore(known.renewAt())) {
      // Two threads may both do it; either result will do.
      known = new Minted(mint(key.get(), target, now), now.plus(LIFETIME.dividedBy(2)));
      minted.put(target, known);
    }
    return Optional.of(known.token());
  }

  private String mint(ECPrivateKey key, String target, Instant now) {
    StringBuilder claims = new StringBuilder("{");
    JsonText.field(claims, "iss", ISSUER);
    JsonText.field(claims.append(','), "sub", service);
    JsonText.field(claims.append(','), "aud", target);
    claims.append(",\"iat\":").append(now.getEpochSecond());
    claims.append(",\"exp\":").append(now.plus(LIFETIME).getEpochSecond()).append('}');
    return Jws.sign(service, TYPE, claims, key);
  }

  /**
   * The name of the service that sent this token to us.
   *
   * @throws Rejection UNAUTHENTICATED with the reason SERVICE_TOKEN_INVALID
   */
  public String verify(String token) {
    try {
      Verified known = recall(token);
      if (known == null) {
        known = check(token);
        verified.put(token, known);
      }
      if (!clock.instant().isBefore(known.expiresAt().plus(Claims.LEEWAY))) {
        throw new Jws.Malformed("expired");
      }
      return known.caller();
    } catch (Jws.Malformed e) {
      log.debug("a service token was refused: {}", e.getMessage());
      throw Rejection.unauthenticated(INVALID, "the service token is not valid");
    }
  }

  private @Nullable Verified recall(String token) {
    Verified known = token.length() <= Jws.MAX_LENGTH ? verified.getIfPresent(token) : null;
    return known != null && known.key().equals(publicKey(known.caller())) ? known : null;
  }

  private Verified check(String token) throws Jws.Malformed {
    Jws jws = Jws.parse(token, TYPE);
    ECPublicKey signer = publicKey(jws.keyId());
    if (signer == null) {
      throw new Jws.Malformed("an unknown service");
    }
    Claims claims = jws.verify(signer);
    claims.require("iss", ISSUER);
    claims.require("aud", service);
    claims.require("sub", jws.keyId());
    Claims.Validity validity = claims.validity(clock.instant(), LIFETIME);
    return new Verified(jws.keyId(), validity.expiresAt(), signer);
  }

  private @Nullable ECPublicKey publicKey(String caller) {
    return keys.isEmpty() ? null : keys.get().all().get(caller);
  }

  private static ECPrivateKey privateKey(Path file) {
    try {
      Set<PosixFilePermission> permissions = Files.getPosixFilePermissions(file);
      if (permissions.contains(PosixFilePermission.GROUP_READ)
          || permissions.contains(PosixFilePermission.OTHERS_READ)) {
        log.warn("{} can be read by others than its owner; chmod 600 it", file);
      }
    } catch (IOException | UnsupportedOperationException e) {
      log.debug("the permissions of {} cannot be read", file, e);
    }
    try {
      return ServiceKeys.read(Files.readString(file));
    } catch (IOException | IllegalArgumentException e) {
      throw ConfigException.wrong(
          "WEFT_SERVICE_KEY_FILE",
          file.toString(),
          "a file with an EC P-256 private key, PKCS#8 in PEM");
    }
  }

  /** The public keys of all services, as the file says now. */
  private static final class KeysFile {
    private static final Duration LOOK_EVERY = Duration.ofSeconds(1);

    private final Path file;
    private final LongSupplier nanoTime;
    private volatile Content content;

    private record Content(Map<String, ECPublicKey> keys, Object version, long lookedAt) {}

    KeysFile(Path file, LongSupplier nanoTime) {
      this.file = file;
      this.nanoTime = nanoTime;
      try {
        this.content = read(version());
      } catch (IOException | IllegalArgumentException e) {
        throw ConfigException.wrong(
            "WEFT_SERVICE_KEYS_FILE", file.toString(), "a file with a JWK set of P-256 keys");
      }
    }

    Map<String, ECPublicKey> all() {
      return due() ? look() : content.keys();
    }

    private boolean due() {
      return nanoTime.getAsLong() - content.lookedAt() >= LOOK_EVERY.toNanos();
    }

    private synchronized Map<String, ECPublicKey> look() {
      if (!due()) {
        return content.keys();
      }
      Content known = content;
      Object version = known.version();
      try {
        version = version();
        content =
            version.equals(known.version())
                ? new Content(known.keys(), version, nanoTime.getAsLong())
                : read(version);
      } catch (IOException | IllegalArgumentException e) {
        log.warn(
            "{} cannot be read; the {} known keys stay in use: {}",
            file,
            known.keys().size(),
            e.toString());
        content = new Content(known.keys(), version, nanoTime.getAsLong());
      }
      return content.keys();
    }

    private Content read(Object version) throws IOException {
      Map<String, ECPublicKey> keys = KeySet.parse(Files.readString(file));
      log.info("services that can prove their name: {}", keys.keySet());
      return new Content(keys, version, nanoTime.getAsLong());
    }

    /** Changes whenever the file does, a file of the same size renamed over it included. */
    private Object version() throws IOException {
      Map<String, Object> attributes = Files.readAttributes(file, "size,lastModifiedTime,fileKey");
      return Map.copyOf(attributes);
    }
  }
}
