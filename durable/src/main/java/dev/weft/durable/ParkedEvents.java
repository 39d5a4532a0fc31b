package dev.weft.durable;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;

/**
 * Events that a consumer has received and could not take in: nothing is lost, and nothing else
 * waits for them but later events of the same aggregate.
 *
 * <p>Thread-safe; all methods run inside the caller's transaction.
 */
public final class ParkedEvents {
  /** Above it nothing more is parked, so that whoever brings events has to wait. */
  static final int MAX = 10_000;

  private static final int ERROR_MAX = 1_000;

  private final String consumer;

  /** Why an event is parked. */
  public enum Reason {
    /** Its handler failed; it is tried again. */
    RETRY,
    /** An earlier one of its aggregate is parked. */
    BEHIND,
    /** An earlier one of its aggregate has not arrived. */
    AHEAD,
    /** Its handler failed too often: a dead letter. */
    DEAD,
    /** It says something this version does not understand: a dead letter. */
    UNREADABLE;

    /** Whether somebody has to look at it. */
    public boolean dead() {
      return this == DEAD || this == UNREADABLE;
    }
  }

  /**
   * An event, and why it is parked.
   *
   * @param attempts how often its handler failed
   * @param dueAt when it is looked at next
   */
  public record Parked(
      String consumer,
      Event event,
      Reason reason,
      int attempts,
      String error,
      Instant parkedAt,
      Optional<Instant> dueAt) {

    /** Its place in lists. */
    public Key key() {
      return new Key(event.id(), consumer);
    }
  }

  /** What orders lists of parked events. */
  public record Key(UUID eventId, String consumer) {}

  public ParkedEvents(String consumer) {
    this.consumer = consumer;
  }

  /**
   * Parks the event, or says anew why it is.
   *
   * @param dueAfter when to look at it next; never, if something else has to happen first
   * @throws IllegalStateException if too many are parked already
   */
  void put(Handle tx, Event event, Reason reason, String error, Optional<Duration> dueAfter) {
    int put =
        EventRows.bind(
                event,
                tx.createUpdate(
                    """
                    INSERT INTO event_parked (consumer, reason, attempts, error, due_at, parked_at,
                      position, %s)
                    SELECT :consumer, :reason, (:reason IN ('RETRY', 'DEAD'))::int, :error,
                      weft_now() + :dueAfter * interval '1 ms', weft_now(), :position, %s
                     WHERE EXISTS (SELECT FROM event_parked
                                    WHERE consumer = :consumer AND event_id = :eventId)
                        OR (SELECT count(*) FROM (SELECT FROM event_parked
                                    WHERE consumer = :consumer LIMIT :max) p) < :max
                    ON CONFLICT (consumer, event_id) DO UPDATE
                      SET reason = excluded.reason, error = excluded.error,
                          due_at = excluded.due_at,
                          attempts = event_parked.attempts + excluded.attempts
                    """
                        .formatted(EventRows.COLUMNS, EventRows.VALUES)))
            .bind("consumer", consumer)
            .bind("reason", reason.name())
            .bind("error", storable(error))
            .bind("dueAfter", dueAfter.map(Duration::toMillis).orElse(null))
            .bind("max", MAX)
            .execute();
    if (put != 1) {
      throw new IllegalStateException(
          consumer + " has " + MAX + " parked events: it takes no more until some are gone");
    }
  }

  /** A text that quotes what failed may hold what no text of the database does. */
  private static String storable(String error) {
    String text = error.replace('\0', '?');
    return text.length() > ERROR_MAX ? text.substring(0, ERROR_MAX) : text;
  }

  void remove(Handle tx, UUID eventId) {
    tx.execute("DELETE FROM event_parked WHERE consumer = ? AND event_id = ?", consumer, eventId);
  }

  /** Makes the first of those that wait for their turn due; says whether one was. */
  boolean next(Handle tx, Event.Aggregate aggregate) {
    return tx.execute(
            """
            UPDATE event_parked SET due_at = weft_now()
             WHERE consumer = ? AND reason IN ('BEHIND', 'AHEAD') AND event_id = (
               SELECT event_id FROM event_parked
                WHERE consumer = ? AND aggregate_type = ? AND aggregate_id = ?
                ORDER BY aggregate_version LIMIT 1)
            """,
            consumer,
            consumer,
            aggregate.type(),
            aggregate.id())
        > 0;
  }

  /**
   * The due ones, oldest first; nobody else gets them for so long.
   *
   * @param heldFor longer than it takes to try one
   * @param furthest nobody parks an event for longer: one that is due after that was parked before
   *     the clock was set back, and is due, too
   */
  public List<Parked> claim(Handle tx, int atMost, Duration heldFor, Duration furthest) {
    return tx.createQuery(
            """
            WITH due AS (
              SELECT event_id FROM event_parked
               WHERE consumer = :consumer
                 AND (due_at <= weft_now() OR due_at > weft_now() + :furthest * interval '1 ms')
               ORDER BY due_at, aggregate_version LIMIT :atMost FOR UPDATE SKIP LOCKED)
            UPDATE event_parked p SET due_at = weft_now() + :heldFor * interval '1 ms'
              FROM due WHERE p.consumer = :consumer AND p.event_id = due.event_id
            RETURNING p.*
            """)
        .bind("consumer", consumer)
        .bind("atMost", atMost)
        .bind("heldFor", heldFor.toMillis())
        .bind("furthest", furthest.toMillis())
        .map((row, _) -> read(row))
        .list();
  }

  /** How long until the next one is due, without those that wait for something else. */
  public Optional<Duration> nextDue(Handle tx) {
    return tx.createQuery(
            """
            SELECT extract(epoch FROM min(due_at) - weft_now()) * 1000 FROM event_parked
             WHERE consumer = :consumer AND due_at IS NOT NULL
            """)
        .bind("consumer", consumer)
        .mapTo(Double.class)
        .findOne()
        .map(millis -> Duration.ofMillis(Math.max(0, Math.round(millis))));
  }

  /** One of them. */
  public Optional<Parked> find(Handle tx, UUID eventId) {
    return tx.createQuery(
            "SELECT * FROM event_parked WHERE consumer = :consumer AND event_id = :id")
        .bind("consumer", consumer)
        .bind("id", eventId)
        .map((row, _) -> read(row))
        .findOne();
  }

  /**
   * Lets a dead letter be tried again, as if for the first time; those behind it follow when it
   * succeeds. Says whether it was one.
   */
  public boolean redrive(Handle tx, UUID eventId) {
    return tx.execute(
            """
            UPDATE event_parked SET reason = 'RETRY', attempts = 0, due_at = weft_now()
             WHERE consumer = ? AND event_id = ? AND reason IN ('DEAD', 'UNREADABLE')
            """,
            consumer,
            eventId)
        == 1;
  }

  /**
   * Dead letters of all consumers, in the order of their keys.
   *
   * @param consumer of this one alone
   * @param type of this type alone
   * @param after the last one of the page before
   */
  public static List<Parked> dead(
      Handle tx,
      Optional<String> consumer,
      Optional<String> type,
      Optional<Key> after,
      int atMost) {
    return tx.createQuery(
            """
            SELECT * FROM event_parked
             WHERE reason IN ('DEAD', 'UNREADABLE')
               AND (:consumer::text IS NULL OR consumer = :consumer)
               AND (:type::text IS NULL OR type = :type)
               AND (:after::uuid IS NULL
                 OR (event_id, consumer) > (:after::uuid, :afterConsumer::text))
             ORDER BY event_id, consumer LIMIT :atMost
            """)
        .bind("consumer", consumer.orElse(null))
        .bind("type", type.orElse(null))
        .bind("after", after.map(Key::eventId).orElse(null))
        .bind("afterConsumer", after.map(Key::consumer).orElse(null))
        .bind("atMost", atMost)
        .map((row, _) -> read(row))
        .list();
  }

  /** How many events the consumer has parked, by reason. */
  public Map<Reason, Long> counts(Handle tx) {
    return tx
        .createQuery(
            "SELECT reason, count(*) AS n FROM event_parked WHERE consumer = :consumer GROUP BY 1")
        .bind("consumer", consumer)
        .map((row, _) -> Map.entry(Reason.valueOf(row.getString("reason")), row.getLong("n")))
        .stream()
        .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue));
  }

  private static Parked read(ResultSet row) throws SQLException {
    return new Parked(
        row.getString("consumer"),
        EventRows.read(row),
        Reason.valueOf(row.getString("reason")),
        row.getInt("attempts"),
        row.getString("error"),
        row.getObject("parked_at", OffsetDateTime.class).toInstant(),
        Optional.ofNullable(row.getObject("due_at", OffsetDateTime.class))
            .map(OffsetDateTime::toInstant));
  }
}
