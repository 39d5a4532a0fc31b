package dev.weft.durable;

import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Supplier;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/**
 * Remembers requests by the id their callers chose (AIP-155), so that a request sent twice has one
 * effect and one answer.
 *
 * <p>The memory is written in the transaction of the effect: both are there after a crash, or
 * neither. A request that is refused by a throw leaves no memory, so its id may be used again.
 * Replies are kept for a week.
 *
 * <p>Thread-safe; all methods run inside the caller's transaction.
 */
// Replies are handed on as they are; nobody compares these records.
@SuppressWarnings("ArrayRecordComponent")
public final class RequestIds {
  private static final Duration KEPT = Duration.ofDays(7);

  // The lock tells a request that is being served from one that was: without it, the insert would
  // wait for the other transaction and hold a connection meanwhile.
  private static final Sql CLAIM =
      Sql.of(
          """
          WITH lock AS MATERIALIZED (
            SELECT pg_try_advisory_xact_lock(
              hashtextextended(:principal || chr(1) || :method || chr(1) || :requestId, 7)) AS ok),
          inserted AS (
            INSERT INTO request_id (principal, method, request_id, request_hash, created_at)
            SELECT :principal, :method, :requestId, :requestHash, weft_now() FROM lock WHERE ok
            ON CONFLICT DO NOTHING RETURNING 1)
          SELECT ok AS locked, EXISTS (SELECT FROM inserted) AS inserted FROM lock
          """);

  private static final Sql ANSWER =
      Sql.of(
          """
          UPDATE request_id SET reply = :reply
           WHERE principal = :principal AND method = :method AND request_id = :requestId
          """);

  private static final Sql MEMORY =
      Sql.of(
          """
          SELECT request_hash, reply FROM request_id
           WHERE principal = :principal AND method = :method AND request_id = :requestId
          """);

  private RequestIds() {}

  /**
   * Whose request it is: the same id from another principal or for another method is another
   * request.
   */
  public record Key(String principal, String method, String requestId) {
    public Key {
      Objects.requireNonNull(principal, "principal");
      Objects.requireNonNull(method, "method");
      Objects.requireNonNull(requestId, "requestId");
    }
  }

  /** What became of a request. */
  public sealed interface Outcome {
    /** It took effect now, and this is its reply. */
    record Fresh(byte[] reply) implements Outcome {}

    /** It took effect before; this was its reply. */
    record Replayed(byte[] reply) implements Outcome {}

    /** The id belongs to a request with other content: nothing was done. */
    record Reused() implements Outcome {}

    /** The same request is being served at this moment: nothing was done. */
    record InProgress() implements Outcome {}
  }

  /**
   * Runs the effect unless the same request had it before.
   *
   * @param requestHash tells requests apart that carry the same id; a hash of the canonical form
   * @param effect what the request does, in this very transaction; returns the reply to keep
   */
  public static Outcome once(Handle tx, Key key, byte[] requestHash, Supplier<byte[]> effect) {
    Claim claim = claim(tx, key, requestHash);
    if (!claim.locked()) {
      return new Outcome.InProgress();
    }
    if (!claim.inserted()) {
      return recall(tx, key, requestHash).orElseThrow();
    }
    byte[] reply = effect.get();
    about(key, ANSWER.on(tx)).set("reply", reply).updateOne("request id");
    return new Outcome.Fresh(reply);
  }

  /**
   * What is remembered of a request, if it took effect before: for services that have to ask others
   * before they can begin a transaction, and need not for a request that is served already.
   */
  public static Optional<Outcome> recall(Handle tx, Key key, byte[] requestHash) {
    return memory(tx, key)
        .map(
            memory ->
                Arrays.equals(memory.requestHash(), requestHash)
                    ? new Outcome.Replayed(
                        Objects.requireNonNull(memory.reply(), "a kept request has one"))
                    : new Outcome.Reused());
  }

  /** The reply that is kept for a request, if it took effect. */
  public static Optional<byte[]> reply(Handle tx, Key key) {
    return memory(tx, key).map(Memory::reply);
  }

  /** Forgets what is older than a week, at most this many; says how many it forgot. */
  public static int forget(Handle tx, int atMost) {
    return tx.createUpdate(
            """
            DELETE FROM request_id WHERE ctid = ANY (ARRAY(
              SELECT ctid FROM request_id WHERE created_at < weft_now() - :kept * interval '1 s'
               ORDER BY created_at LIMIT :atMost))
            """)
        .bind("kept", KEPT.toSeconds())
        .bind("atMost", atMost)
        .execute();
  }

  private static Claim claim(Handle tx, Key key, byte[] requestHash) {
    return about(key, CLAIM.on(tx))
        .set("requestHash", requestHash)
        .one(row -> new Claim(row.getBoolean("locked"), row.getBoolean("inserted")));
  }

  private static Optional<Memory> memory(Handle tx, Key key) {
    return about(key, MEMORY.on(tx))
        .atMostOne(row -> new Memory(row.getBytes("request_hash"), row.getBytes("reply")));
  }

  private static Sql.Call about(Key key, Sql.Call call) {
    return call.set("principal", key.principal())
        .set("method", key.method())
        .set("requestId", key.requestId());
  }

  private record Claim(boolean locked, boolean inserted) {}

  private record Memory(byte[] requestHash, byte @Nullable [] reply) {}
}
