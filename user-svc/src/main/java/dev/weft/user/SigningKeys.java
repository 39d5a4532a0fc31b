package dev.weft.user;

import com.nimbusds.jose.JOSEException;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.crypto.ECDSASigner;
import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.KeyUse;
import com.nimbusds.jose.jwk.gen.ECKeyGenerator;
import dev.weft.durable.Database;
import dev.weft.mesh.Rejection;
import java.text.ParseException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Handle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The keys that sign access tokens, shared by all instances through the database. A key signs for
 * {@value #PERIOD_DAYS} days. Its successor is made and published a day before, so that every
 * verifier knows it when it begins; its public half stays published until nothing it signed is
 * alive.
 *
 * <p>To replace a key at once, delete its row: within a minute it is not used and not published any
 * more.
 *
 * <p>Thread-safe.
 */
final class SigningKeys {
  static final long PERIOD_DAYS = 30;
  static final Duration PERIOD = Duration.ofDays(PERIOD_DAYS);
  static final Duration LEAD = Duration.ofDays(1);

  private static final Duration OVERLAP = AccessToken.LIFE.plus(AccessToken.LEEWAY);
  private static final Logger log = LoggerFactory.getLogger(SigningKeys.class);

  private final Database database;
  private final SigningKeyStore store;
  private final KeySeal seal;
  private final CountDownLatch loaded = new CountDownLatch(1);
  private volatile List<Key> keys = List.of();

  /**
   * A key that is published.
   *
   * @param signer empty if the private half was sealed by somebody else
   */
  private record Key(
      ECKey publicKey, Optional<ECDSASigner> signer, Instant signFrom, Instant signUntil) {
    boolean signsAt(Instant time) {
      return signer.isPresent() && !time.isBefore(signFrom) && time.isBefore(signUntil);
    }
  }

  /** A signer and the name of its key. */
  record Signer(String kid, ECDSASigner signer) {}

  SigningKeys(Database database, SigningKeyStore store, KeySeal seal) {
    this.database = database;
    this.store = store;
    this.seal = seal;
  }

  /** Reads the keys and makes those that are missing. To be called at least every minute. */
  void refresh() {
    List<Key> known = database.inTransaction(this::load);
    keys = known;
    loaded.countDown();
  }

  /** Waits for the first {@link #refresh}; false if it takes longer. */
  boolean awaitLoaded(Duration atMost) throws InterruptedException {
    return loaded.await(atMost.toNanos(), TimeUnit.NANOSECONDS);
  }

  /** The key to sign with at this time. */
  Signer signer(Instant time) {
    return current(keys, time)
        .or(
            () -> {
              // The clock jumped, or the row was deleted.
              refresh();
              return current(keys, time);
            })
        .map(key -> new Signer(key.publicKey.getKeyID(), key.signer.orElseThrow()))
        .orElseThrow(
            () ->
                Rejection.unavailable(
                    "NO_SIGNING_KEY", "no key signs at the moment", Duration.ofSeconds(1)));
  }

  /** The public halves of all keys whose tokens may be alive, and of the next one. */
  List<ECKey> published() {
    return keys.stream().map(Key::publicKey).toList();
  }

  /** {@link #published} as a JWK set in JSON. */
  String jwks() {
    return new JWKSet(new ArrayList<>(published())).toString(true);
  }

  private List<Key> load(Handle tx) {
    Instant now = store.now(tx);
    List<Key> known = opened(store.all(tx));
    if (last(known, now).filter(last -> last.signUntil.isAfter(now.plus(LEAD))).isPresent()) {
      return known;
    }
    store.lock(tx);
    // Another instance may have been faster.
    known = opened(store.all(tx));
    Optional<Key> last = last(known, now);
    if (last.isEmpty()) {
      // Tokens are dated in whole seconds, this one's included.
      make(tx, now.truncatedTo(ChronoUnit.SECONDS));
    } else if (!last.get().signUntil.isAfter(now.plus(LEAD))) {
      make(tx, last.get().signUntil);
    }
    return opened(store.all(tx));
  }

  private void make(Handle tx, Instant signFrom) {
    ECKey key;
    try {
      key =
          new ECKeyGenerator(Curve.P_256)
              .keyUse(KeyUse.SIGNATURE)
              .algorithm(JWSAlgorithm.ES256)
              .keyIDFromThumbprint(true)
              .generate();
    } catch (JOSEException e) {
      throw new IllegalStateException("no P-256 key can be made", e);
    }
    Instant signUntil = signFrom.plus(PERIOD);
    store.insert(
        tx,
        new SigningKeyStore.Row(
            key.getKeyID(),
            key.toPublicJWK().toJSONString(),
            seal.seal(key.getKeyID(), key.toJSONString()),
            signFrom,
            signUntil,
            signUntil.plus(OVERLAP)));
    log.info("made the signing key {}, which signs from {} on", key.getKeyID(), signFrom);
  }

  /** The key that signs longest, of those that sign now or later. */
  private static Optional<Key> last(List<Key> keys, Instant now) {
    return keys.stream()
        .filter(key -> key.signer.isPresent() && key.signUntil.isAfter(now))
        .reduce((a, b) -> b.signUntil.isAfter(a.signUntil) ? b : a);
  }

  private static Optional<Key> current(List<Key> keys, Instant time) {
    // The newest: after an overlap by a lost seal, everybody uses the same one.
    return keys.stream().filter(key -> key.signsAt(time)).reduce((_, newer) -> newer);
  }

  private List<Key> opened(List<SigningKeyStore.Row> rows) {
    return rows.stream().map(this::opened).toList();
  }

  private Key opened(SigningKeyStore.Row row) {
    try {
      ECKey publicKey = ECKey.parse(row.publicJwk());
      Optional<String> secret = seal.open(row.kid(), row.sealedKey());
      Optional<ECDSASigner> signer = Optional.empty();
      if (secret.isPresent()) {
        signer = Optional.of(new ECDSASigner(ECKey.parse(secret.get())));
      }
      return new Key(publicKey, signer, row.signFrom(), row.signUntil());
    } catch (ParseException | JOSEException e) {
      throw new IllegalStateException("the signing key " + row.kid() + " is damaged", e);
    }
  }
}
