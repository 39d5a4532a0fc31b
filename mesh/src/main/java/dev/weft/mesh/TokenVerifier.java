package dev.weft.mesh;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.security.interfaces.ECPublicKey;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides whether a bearer token is one of our issuer's, still good and not revoked, and whose it
 * is.
 *
 * <p>A token is good when it is an ES256 JWT of type {@code at+jwt} signed with a key of the
 * issuer, with the configured {@code iss} and {@code aud}, a {@code sub}, a {@code jti}, {@code
 * roles}, and a lifetime of at most {@link #MAX_LIFETIME}. Clocks may be 10 s apart. Tokens that
 * were verified are remembered, so that the signature is checked once; times and revocations are
 * looked at every time.
 *
 * <p>As long as the issuer's keys and revocations have never been loaded, no token is decided on:
 * UNAVAILABLE. Later an issuer that is away hinders nobody.
 *
 * <p>Thread-safe. Methods may block for a moment to load keys, unless they say that they do not.
 */
public final class TokenVerifier implements AutoCloseable {
  /** Twice what our issuer gives, so that it may change its mind without all others. */
  public static final Duration MAX_LIFETIME = Duration.ofMinutes(10);

  static final String TYPE = "at+jwt";
  static final String MISSING = "TOKEN_MISSING";
  static final String INVALID = "TOKEN_INVALID";
  static final String EXPIRED = "TOKEN_EXPIRED";
  static final String REVOKED = "TOKEN_REVOKED";

  private static final Logger log = LoggerFactory.getLogger(TokenVerifier.class);

  /** In characters of tokens: some ten thousand of them. */
  private static final long REMEMBERED = 8L * 1024 * 1024;

  /** Less than the deadline of a call, so that its caller hears why. */
  private static final Duration FIRST_LOAD = Duration.ofMillis(500);

  private final String issuer;
  private final String audience;
  private final InstantSource clock;
  private final IssuerKeys keys;
  private final Revocations revocations;
  private final Cache<String, Verified> verified;
  private final KeySource.Watch watch;

  private volatile @Nullable Thread loader;

  private record Verified(
      Caller.User user, Claims.Validity validity, String keyId, ECPublicKey key) {}

  private TokenVerifier(
      IdentityConfig config, KeySource source, InstantSource clock, LongSupplier nanoTime) {
    this.issuer = config.issuer();
    this.audience = config.audience();
    this.clock = clock;
    this.verified =
        Caffeine.newBuilder()
            .ticker(nanoTime::getAsLong)
            .executor(Runnable::run)
            .maximumWeight(REMEMBERED)
            .weigher((String token, Verified v) -> token.length())
            .expireAfterWrite(MAX_LIFETIME)
            .build();
    this.keys = new IssuerKeys(source, nanoTime);
    this.revocations = new Revocations(clock, nanoTime, MAX_LIFETIME);
    this.watch = source.watchRevocations(revocations);
  }

  /** Begins to load keys and revocations in the background, and goes on until it has them. */
  public static TokenVerifier open(IdentityConfig config, KeySource source, InstantSource clock) {
    TokenVerifier verifier = open(config, source, clock, System::nanoTime);
    verifier.loader = Thread.ofVirtual().name("issuer-keys").start(verifier::loadUntilThere);
    return verifier;
  }

  /** As the other one, without the first load and with a clock for everything that lasts. */
  static TokenVerifier open(
      IdentityConfig config, KeySource source, InstantSource clock, LongSupplier nanoTime) {
    return new TokenVerifier(config, source, clock, nanoTime);
  }

  /** Whether keys and revocations were loaded, so that tokens can be decided on. Does not block. */
  public boolean ready() {
    return keys.loaded() && revocations.complete();
  }

  /** Waits for {@link #ready}; false if it takes longer. */
  boolean awaitReady(Duration atMost) throws InterruptedException {
    long end = System.nanoTime() + atMost.toNanos();
    return keys.awaitLoaded(atMost)
        && revocations.awaitComplete(Duration.ofNanos(end - System.nanoTime()));
  }

  /**
   * The user whose token this is.
   *
   * @param token what follows {@code Bearer} in the header
   * @throws Rejection UNAUTHENTICATED with the reason TOKEN_INVALID, TOKEN_EXPIRED or
   *     TOKEN_REVOKED; or UNAVAILABLE with ISSUER_UNAVAILABLE as long as nothing could be loaded
   */
  public Caller.User verify(String token) {
    Verified known = recall(token);
    if (known == null) {
      awaitLoaded();
      known = check(token);
    }
    return stillGood(known);
  }

  /**
   * The user whose token this is, if it was verified before: what {@link #verify} says of it.
   * Empty, and nothing said of the token, if that has to be found out. Does not block.
   *
   * @throws Rejection as {@link #verify}
   */
  public Optional<Caller.User> remembered(String token) {
    Verified known = recall(token);
    return known == null ? Optional.empty() : Optional.of(stillGood(known));
  }

  private Caller.User stillGood(Verified known) {
    if (known.validity().over(clock.instant())) {
      throw Rejection.unauthenticated(EXPIRED, "the token has expired");
    }
    Caller.User user = known.user();
    if (revocations.cover(user.tokenId(), user.id(), known.validity().issuedAt())) {
      throw Rejection.unauthenticated(REVOKED, "the token was revoked");
    }
    return user;
  }

  /** The user, if the token is good and can be decided on without waiting for the first load. */
  Optional<Caller.User> verifyIfGood(String token) {
    if (!ready()) {
      return Optional.empty();
    }
    try {
      return Optional.of(verify(token));
    } catch (Rejection e) {
      return Optional.empty();
    }
  }

  @Override
  public void close() {
    watch.close();
    Thread running = loader;
    if (running != null) {
      running.interrupt();
    }
  }

  private void loadUntilThere() {
    try {
      while (!keys.loaded()) {
        keys.load();
        Thread.sleep(IssuerKeys.FIRST.dividedBy(4));
      }
    } catch (InterruptedException e) {
      // Closed.
      Thread.currentThread().interrupt();
    }
  }

  private @Nullable Verified recall(String token) {
    Verified known = token.length() <= Jws.MAX_LENGTH ? verified.getIfPresent(token) : null;
    // A key that was withdrawn or replaced takes its tokens with it.
    return known != null && keys.known(known.keyId()).filter(known.key()::equals).isPresent()
        ? known
        : null;
  }

  private void awaitLoaded() {
    if (ready()) {
      return;
    }
    if (!keys.loaded()) {
      keys.load();
    }
    if (!loadedSoon()) {
      throw Rejection.unavailable(
          "ISSUER_UNAVAILABLE", "tokens cannot be verified at the moment", Duration.ofSeconds(1));
    }
  }

  private boolean loadedSoon() {
    try {
      return awaitReady(FIRST_LOAD);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private Verified check(String token) {
    try {
      Jws jws = Jws.parse(token, TYPE);
      ECPublicKey key =
          keys.find(jws.keyId()).orElseThrow(() -> new Jws.Malformed("an unknown key"));
      Claims claims = jws.verify(key);
      Claims.Validity validity = claims.validity(clock.instant(), MAX_LIFETIME);
      Verified result =
          new Verified(user(claims, validity.expiresAt()), validity, jws.keyId(), key);
      verified.put(token, result);
      return result;
    } catch (Jws.Malformed e) {
      log.debug("a token was refused: {}", e.getMessage());
      throw Rejection.unauthenticated(INVALID, "the token is not valid");
    }
  }

  private Caller.User user(Claims claims, Instant expiresAt) throws Jws.Malformed {
    claims.require("iss", issuer);
    claims.require("aud", audience);
    return new Caller.User(
        claims.text("sub"), claims.texts("roles"), claims.text("jti"), expiresAt);
  }
}
