package dev.weft.mesh;

import java.security.interfaces.ECPublicKey;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The issuer's keys, kept so that an issuer that is away keeps nobody with a good token out.
 *
 * <p>They are fetched again when they are {@link #REFRESH} old, in the background, and when a token
 * names one that is not known, but then at most once in {@link #UNKNOWN}: names cost an attacker
 * nothing. A fetch that fails leaves the known keys in place.
 *
 * <p>Thread-safe.
 */
final class IssuerKeys {
  static final Duration REFRESH = Duration.ofMinutes(5);
  static final Duration UNKNOWN = Duration.ofSeconds(30);

  /** Between two attempts as long as there are no keys at all. */
  static final Duration FIRST = Duration.ofMillis(250);

  /** How long it is no news that there are no keys: the issuer may be starting, too. */
  static final Duration QUIET = Duration.ofSeconds(10);

  private static final Logger log = LoggerFactory.getLogger(IssuerKeys.class);

  private final KeySource source;
  private final LongSupplier nanoTime;
  private final ReentrantLock fetching = new ReentrantLock();
  private final AtomicBoolean refreshing = new AtomicBoolean();
  private final CountDownLatch first = new CountDownLatch(1);
  private final long began;
  private volatile Fetched fetched;
  private boolean reported;

  /**
   * @param keys none before the first fetch that succeeded
   * @param tried when the last fetch ended, whether or not it succeeded
   */
  private record Fetched(Map<String, ECPublicKey> keys, long tried, boolean ever) {}

  IssuerKeys(KeySource source, LongSupplier nanoTime) {
    this.source = source;
    this.nanoTime = nanoTime;
    this.began = nanoTime.getAsLong();
    this.fetched = new Fetched(Map.of(), began, false);
  }

  /** Whether there are keys. */
  boolean loaded() {
    return !fetched.keys().isEmpty();
  }

  /** Fetches now unless that was tried just before; for when there are no keys yet. May block. */
  void load() {
    fetchUnlessTried(FIRST);
  }

  /** Waits for {@link #loaded}; false if it takes longer. Fetches nothing. */
  boolean awaitLoaded(Duration atMost) throws InterruptedException {
    return first.await(atMost.toNanos(), TimeUnit.NANOSECONDS);
  }

  /** The key of this name. May block for one fetch. */
  Optional<ECPublicKey> find(String keyId) {
    Optional<ECPublicKey> key = known(keyId);
    if (key.isPresent()) {
      return key;
    }
    fetchUnlessTried(fetched.keys().isEmpty() ? FIRST : UNKNOWN);
    return Optional.ofNullable(fetched.keys().get(keyId));
  }

  /** The key of this name, if it was fetched already. Does not block. */
  Optional<ECPublicKey> known(String keyId) {
    Fetched now = fetched;
    ECPublicKey key = now.keys().get(keyId);
    if (key != null && older(now, REFRESH) && refreshing.compareAndSet(false, true)) {
      Thread.ofVirtual()
          .name("issuer-keys")
          .start(
              () -> {
                try {
                  fetchUnlessTried(UNKNOWN);
                } finally {
                  refreshing.set(false);
                }
              });
    }
    return Optional.ofNullable(key);
  }

  private void fetchUnlessTried(Duration interval) {
    fetching.lock();
    try {
      if (!fetched.ever() || older(fetched, interval)) {
        fetch();
      }
    } finally {
      fetching.unlock();
    }
  }

  private boolean older(Fetched then, Duration age) {
    return nanoTime.getAsLong() - then.tried() >= age.toNanos();
  }

  private void fetch() {
    Map<String, ECPublicKey> known = fetched.keys();
    Map<String, ECPublicKey> keys = known;
    try {
      keys = KeySet.parse(source.jwks());
      reported = false;
    } catch (RuntimeException e) {
      report(known.size(), e);
    }
    boolean changed = !keys.equals(known);
    fetched = new Fetched(changed ? keys : known, nanoTime.getAsLong(), true);
    if (changed) {
      first.countDown();
      log.info("the issuer's keys are {}", keys.keySet());
    }
  }

  /** Once, not every time while the issuer is away. */
  private void report(int known, RuntimeException e) {
    if (known == 0 && nanoTime.getAsLong() - began < QUIET.toNanos()) {
      log.debug("the issuer's keys cannot be fetched yet: {}", e.toString());
    } else if (!reported && !Thread.currentThread().isInterrupted()) {
      log.warn(
          "the issuer's keys cannot be fetched; {} known keys stay in use, and it is tried again:"
              + " {}",
          known,
          e.toString());
      reported = true;
    }
  }
}
