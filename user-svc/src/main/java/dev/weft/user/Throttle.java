package dev.weft.user;

import dev.weft.mesh.Rejection;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import org.jdbi.v3.core.Handle;

/**
 * Counts attempts in the database, so that a restart forgives nothing and all instances count
 * together. Each limit allows a burst and then one attempt per interval (generic cell rate
 * algorithm); a row is worthless once its attempts are forgotten, and swept away.
 *
 * <p>What is counted is kept as a hash: neither e-mails nor addresses are stored here.
 */
final class Throttle {
  /** Guesses at one account's password. */
  static final Limit ACCOUNT = new Limit("account", 20, Duration.ofSeconds(30));

  /** Guesses from one address, where many people may share it. */
  static final Limit ADDRESS = new Limit("address", 100, Duration.ofSeconds(3));

  /** Registrations from one address, successful ones too. */
  static final Limit REGISTRATION = new Limit("registration", 100, Duration.ofSeconds(1));

  /**
   * So many attempts.
   *
   * @param burst attempts at once
   * @param interval after it another is allowed
   */
  record Limit(String name, int burst, Duration interval) {
    Attempt by(String subject) {
      return new Attempt(this, subject);
    }
  }

  /** One attempt that counts against one limit. */
  record Attempt(Limit limit, String subject) {
    private byte[] key() {
      try {
        return MessageDigest.getInstance("SHA-256")
            .digest((limit.name + ':' + subject).getBytes(StandardCharsets.UTF_8));
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every JDK has SHA-256", e);
      }
    }
  }

  /** Counts all of them, or refuses with RESOURCE_EXHAUSTED and counts none of them. */
  void count(Handle tx, List<Attempt> attempts) {
    // In one order, so that transactions which share two rows cannot wait for each other.
    for (Attempt attempt : inOrder(attempts)) {
      if (!counted(tx, attempt)) {
        throw Rejection.tooMany(
            "TOO_MANY_ATTEMPTS", "too many attempts: wait before the next", wait(tx, attempt));
      }
    }
  }

  /** Takes back attempts that turned out to be right. */
  void forgive(Handle tx, List<Attempt> attempts) {
    for (Attempt attempt : inOrder(attempts)) {
      tx.createUpdate(
              "UPDATE throttle SET forget_time = forget_time - :interval::interval WHERE key = :key")
          .bind("interval", seconds(attempt.limit.interval))
          .bind("key", attempt.key())
          .execute();
    }
  }

  /** Removes what no longer says anything, as many rows as one statement may take. */
  int sweep(Handle tx) {
    return tx.createUpdate(
            """
            DELETE FROM throttle WHERE key IN
              (SELECT key FROM throttle WHERE forget_time < weft_now() LIMIT 5000)
            """)
        .execute();
  }

  private static boolean counted(Handle tx, Attempt attempt) {
    return tx.createUpdate(
                """
                INSERT INTO throttle AS t (key, forget_time)
                VALUES (:key, weft_now() + :interval::interval)
                ON CONFLICT (key) DO UPDATE
                  SET forget_time = greatest(t.forget_time, weft_now()) + :interval::interval
                  WHERE t.forget_time <= weft_now() + :tolerance::interval
                """)
            .bind("key", attempt.key())
            .bind("interval", seconds(attempt.limit.interval))
            .bind("tolerance", seconds(tolerance(attempt.limit)))
            .execute()
        == 1;
  }

  private static Duration wait(Handle tx, Attempt attempt) {
    long seconds =
        tx.createQuery(
                """
                SELECT ceil(extract(epoch FROM forget_time - :tolerance::interval - weft_now()))
                FROM throttle WHERE key = :key
                """)
            .bind("tolerance", seconds(tolerance(attempt.limit)))
            .bind("key", attempt.key())
            .mapTo(Long.class)
            .findOne()
            .orElse(1L);
    return Duration.ofSeconds(Math.max(1, seconds));
  }

  private static Duration tolerance(Limit limit) {
    return limit.interval.multipliedBy(limit.burst - 1L);
  }

  private static String seconds(Duration duration) {
    return duration.toSeconds() + " s";
  }

  private static List<Attempt> inOrder(List<Attempt> attempts) {
    return attempts.stream()
        .sorted(Comparator.comparing(attempt -> HexFormat.of().formatHex(attempt.key())))
        .toList();
  }
}
