package dev.weft.durable;

import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/**
 * What a service asked of others by events, and what they replied. A question is noted with the
 * event that asks it, a reply with the memory of having taken it in; so both are there after a
 * crash, in whichever process it was, and whoever waits may be another one than takes the reply in.
 *
 * <p>Kept for a week after the question's deadline.
 *
 * <p>Thread-safe; all methods run inside the caller's transaction.
 */
public final class Questions {
  private static final Duration KEPT = Duration.ofDays(7);

  private static final Sql NOTE =
      Sql.of(
          """
          INSERT INTO event_question (asker, key, request_id, request_hash, expires_at)
          VALUES (:asker, :key, :requestId, sha256(:request),
            weft_now() + :within * interval '1 ms')
          ON CONFLICT (asker, key) DO NOTHING
          """);

  // A statement of its own, whose snapshot has the row that was in the way.
  private static final Sql FIND =
      Sql.of(
          """
          SELECT request_id, request_hash = sha256(:request) AS same,
                 extract(epoch FROM expires_at - weft_now()) * 1000 AS left
            FROM event_question WHERE asker = :asker AND key = :key
          """);

  private static final Sql REPLY =
      Sql.of("SELECT * FROM event_reply WHERE request_id = :requestId");

  private static final Sql REPLY_BY_KEY =
      Sql.of(
          """
          SELECT event_reply.* FROM event_question JOIN event_reply USING (request_id)
           WHERE asker = :asker AND key = :key
          """);

  private static final String KEEP =
      """
      WITH question AS (
        SELECT request_id, expires_at > weft_now() AS in_time FROM event_question
         WHERE asker = :asker AND request_id = :causationId::uuid),
      kept AS (
        INSERT INTO event_reply (request_id, position, %s)
        SELECT request_id, :position, %s FROM question
        ON CONFLICT (request_id) DO NOTHING RETURNING 1)
      SELECT in_time, EXISTS (SELECT FROM kept) AS kept FROM question
      """
          .formatted(EventRows.COLUMNS, EventRows.VALUES);

  private final String asker;

  /**
   * @param asker whose questions these are; a name of its own for each kind of them
   */
  public Questions(String asker) {
    this.asker = asker;
  }

  /**
   * A question that is noted.
   *
   * @param id of the event that asks it
   * @param fresh it is noted now, and still has to be said; otherwise it was before
   * @param same its content is what it was; only of use when it is not fresh
   * @param left until its deadline; zero after it
   */
  public record Noted(UUID id, boolean fresh, boolean same, Duration left) {}

  /** What becomes of a reply. */
  public enum Receipt {
    /** It is kept. */
    IN_TIME,
    /** It came after the deadline, and is kept. */
    LATE,
    /** There is one already, or the question is another's or too old: it is dropped. */
    NOT_AWAITED
  }

  /**
   * Notes a question, unless one with its key was before.
   *
   * @param id of the event that is to ask it
   * @param request what tells questions apart that have the same key
   */
  public Noted note(Handle tx, String key, UUID id, byte[] request, Duration within) {
    int noted =
        NOTE.on(tx)
            .set("asker", asker)
            .set("key", key)
            .set("requestId", id)
            .set("request", request)
            .set("within", within.toMillis())
            .update();
    return noted == 1
        ? new Noted(id, true, true, within)
        : FIND.on(tx)
            .set("asker", asker)
            .set("key", key)
            .set("request", request)
            .one(
                row ->
                    new Noted(
                        row.getObject("request_id", UUID.class),
                        false,
                        row.getBoolean("same"),
                        Duration.ofMillis(Math.max(0, row.getLong("left")))));
  }

  /** Takes a reply in: the event that it names as its cause is the question. */
  public Receipt take(Handle tx, Event reply) {
    return EventRows.bind(reply, tx.createQuery(KEEP))
        .bind("asker", asker)
        .map(
            (row, _) -> {
              if (!row.getBoolean("kept")) {
                return Receipt.NOT_AWAITED;
              }
              return row.getBoolean("in_time") ? Receipt.IN_TIME : Receipt.LATE;
            })
        .findOne()
        .orElse(Receipt.NOT_AWAITED);
  }

  /** The reply to a question, by the id of the event that asked it. */
  public static Optional<Event> reply(Handle tx, UUID id) {
    return REPLY.on(tx).set("requestId", id).atMostOne(EventRows::read);
  }

  /** The reply to the question with this key, also one that came late. */
  public Optional<Event> reply(Handle tx, String key) {
    return REPLY_BY_KEY.on(tx).set("asker", asker).set("key", key).atMostOne(EventRows::read);
  }

  /** Forgets what is older than a week, at most this many; says how many it forgot. */
  static int forget(Handle tx, int atMost) {
    return tx.createUpdate(
            """
            DELETE FROM event_question WHERE ctid = ANY (ARRAY(
              SELECT ctid FROM event_question
               WHERE expires_at < weft_now() - :kept * interval '1 s' LIMIT :atMost))
            """)
        .bind("kept", KEPT.toSeconds())
        .bind("atMost", atMost)
        .execute();
  }
}
