package dev.weft.mesh;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Expiry;
import com.github.benmanes.caffeine.cache.RemovalCause;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which tokens are revoked. An entry is forgotten once the tokens it speaks of have expired, at the
 * latest after the longest lifetime a token may have; so their number is bounded by how many can be
 * made in that time.
 *
 * <p>Thread-safe.
 */
final class Revocations implements KeySource.RevocationListener {
  private static final Logger log = LoggerFactory.getLogger(Revocations.class);

  /**
   * About 100 MB. Beyond it the least recently used are forgotten early, with an error in the log.
   */
  private static final int MAX_ENTRIES = 500_000;

  private final InstantSource clock;
  private final Duration longest;
  private final Cache<String, Revocation.Token> tokens;
  private final Cache<String, Revocation.Subject> subjects;
  private final CountDownLatch caughtUp = new CountDownLatch(1);

  /**
   * @param lifetime the longest a token may live
   */
  Revocations(InstantSource clock, LongSupplier nanoTime, Duration lifetime) {
    this.clock = clock;
    this.longest = lifetime.plus(Claims.LEEWAY.multipliedBy(2));
    this.tokens = cache(nanoTime);
    this.subjects = cache(nanoTime);
  }

  private <R extends Revocation> Cache<String, R> cache(LongSupplier nanoTime) {
    return Caffeine.newBuilder()
        .ticker(nanoTime::getAsLong)
        .executor(Runnable::run)
        .maximumSize(MAX_ENTRIES)
        .expireAfter(Expiry.<String, R>writing((name, revocation) -> remaining(revocation)))
        .evictionListener(
            (name, revocation, cause) -> {
              if (cause == RemovalCause.SIZE) {
                log.error("more than {} revocations: one is forgotten early", MAX_ENTRIES);
              }
            })
        .build();
  }

  private Duration remaining(Revocation revocation) {
    Duration left = Duration.between(clock.instant(), revocation.expiresAt()).plus(Claims.LEEWAY);
    return left.isNegative() ? Duration.ZERO : left.compareTo(longest) > 0 ? longest : left;
  }

  @Override
  public void revoked(Revocation revocation) {
    switch (revocation) {
      case Revocation.Token token -> tokens.put(token.tokenId(), token);
      case Revocation.Subject subject ->
          subjects.asMap().merge(subject.subject(), subject, Revocations::wider);
    }
  }

  private static Revocation.Subject wider(Revocation.Subject a, Revocation.Subject b) {
    return new Revocation.Subject(
        a.subject(),
        later(a.issuedBefore(), b.issuedBefore()),
        later(a.expiresAt(), b.expiresAt()));
  }

  private static Instant later(Instant a, Instant b) {
    return a.isAfter(b) ? a : b;
  }

  @Override
  public void caughtUp() {
    caughtUp.countDown();
  }

  /** Whether everything revoked before the process started is known. */
  boolean complete() {
    return caughtUp.getCount() == 0;
  }

  /** Waits for {@link #complete}; false if it takes longer. */
  boolean awaitComplete(Duration atMost) throws InterruptedException {
    return caughtUp.await(atMost.toNanos(), TimeUnit.NANOSECONDS);
  }

  /** Whether a user's token is refused. */
  boolean cover(String tokenId, String subject, Instant issuedAt) {
    if (tokens.getIfPresent(tokenId) != null) {
      return true;
    }
    Revocation.Subject all = subjects.getIfPresent(subject);
    return all != null && issuedAt.getEpochSecond() <= all.issuedBefore().getEpochSecond();
  }
}
