package dev.weft.user;

import dev.weft.mesh.Rejection;
import io.grpc.Context;
import io.grpc.Status;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.text.Normalizer;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Hashes passwords with Argon2id, a few at a time. A hash is meant to be expensive, so whoever may
 * ask for many could stop everything else: at most half of the cores hash at once, on threads of
 * their own, because a virtual thread that computes would keep a carrier from all other calls. At
 * most {@value #WAITING_MAX} wait, for {@value #WAIT_SECONDS} s; the rest is refused with
 * RESOURCE_EXHAUSTED LOGIN_BUSY, 503 at the edge.
 *
 * <p>Passwords are the same after Unicode compatibility normalisation (NIST SP 800-63B), so that a
 * letter typed on another keyboard does not lock its owner out.
 *
 * <p>Thread-safe.
 */
final class Passwords implements AutoCloseable {
  static final int WAITING_MAX = 64;
  static final long WAIT_SECONDS = 4;

  /**
   * Of the parameters that OWASP's cheat sheet calls equally strong, those with the least memory:
   * it is held once per hash that runs.
   */
  private static final Argon2 CURRENT = new Argon2(7 * 1024, 5, 1);

  private static final int SALT_BYTES = 16;
  private static final int HASH_BYTES = 32;

  private final SecureRandom random = new SecureRandom();
  private final Semaphore free;
  private final Duration wait;
  private final ExecutorService threads;
  private final String nobodys;

  Passwords() {
    this(
        Math.max(1, Runtime.getRuntime().availableProcessors() / 2),
        Duration.ofSeconds(WAIT_SECONDS));
  }

  Passwords(int permits, Duration wait) {
    this.wait = wait;
    free = new Semaphore(permits, true);
    threads =
        Executors.newFixedThreadPool(
            permits, Thread.ofPlatform().daemon().name("password-", 0).factory());
    // Random bytes in place of a hash: as good as the hash of a password that nobody knows.
    nobodys = CURRENT.phc(bytes(SALT_BYTES), bytes(HASH_BYTES));
  }

  /** The PHC string to keep of a password. */
  String hash(String password) {
    byte[] salt = bytes(SALT_BYTES);
    return CURRENT.phc(salt, inTurn(() -> CURRENT.hash(normalized(password), salt, HASH_BYTES)));
  }

  /** Whether the PHC string was made of this password. */
  boolean matches(String password, String phc) {
    return inTurn(() -> Argon2.matches(normalized(password), phc));
  }

  /** Takes as long as {@link #matches}, for an account that is not there. */
  void matchNobody(String password) {
    matches(password, nobodys);
  }

  /** Whether the PHC string was made with other parameters than those used now. */
  boolean outdated(String phc) {
    return !phc.startsWith(CURRENT.prefix());
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }

  /** Runs expensive work when its turn comes. */
  <T> T inTurn(Callable<T> work) {
    try {
      if (free.getQueueLength() >= WAITING_MAX
          || !free.tryAcquire(wait.toNanos(), TimeUnit.NANOSECONDS)) {
        // Not UNAVAILABLE: a circuit that opens for it would send everybody away.
        throw Rejection.tooMany(
                "LOGIN_BUSY", "too many passwords are being checked", Duration.ofSeconds(1))
            .with("http_status", "503");
      }
      try {
        if (Context.current().isCancelled()) {
          throw Status.CANCELLED.withDescription("the caller no longer waits").asRuntimeException();
        }
        Future<T> result = threads.submit(work);
        return result.get();
      } finally {
        free.release();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Status.CANCELLED.withDescription("interrupted").withCause(e).asRuntimeException();
    } catch (ExecutionException e) {
      throw new IllegalStateException("a password could not be hashed", e.getCause());
    }
  }

  private static byte[] normalized(String password) {
    return Normalizer.normalize(password, Normalizer.Form.NFKC).getBytes(StandardCharsets.UTF_8);
  }

  private byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }
}
