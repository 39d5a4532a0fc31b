package dev.weft.durable;

import dev.weft.durable.ParkedEvents.Reason;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/**
 * Lets a consumer take in each event once, and the events of an aggregate in their order, however
 * often and in whatever order they arrive.
 *
 * <p>The memory is written in the transaction of the effect: both are there after a crash, or
 * neither. Whoever brings events of one aggregate waits for the others who do, by a lock that is
 * nothing but a lock: what changes nothing writes nothing. What is ahead of its turn, or behind one
 * that could not be taken in, is parked ({@link ParkedEvents}) and comes to its turn by itself.
 * Event ids are remembered for 90 days; versions of aggregates for ever.
 *
 * <p>Thread-safe; all methods run inside the caller's transaction, before it locks anything else.
 */
public final class Inbox {
  private static final Duration KEPT = Duration.ofDays(90);

  /** Sets our advisory locks apart from those of others in the same database. */
  private static final long LOCKS = 11;

  private static final Sql LOCK =
      Sql.of(
          """
          SELECT 1 FROM pg_advisory_xact_lock(
            hashtextextended(:consumer || chr(1) || :type || chr(1) || :id, :inbox))
          """);
  private static final Sql LOOK =
      Sql.of(
          """
          WITH parked AS NOT MATERIALIZED (
            SELECT event_id, aggregate_version FROM event_parked
             WHERE consumer = :consumer AND aggregate_type = :type AND aggregate_id = :id)
          SELECT coalesce((SELECT last_version FROM inbox_aggregate
                            WHERE consumer = :consumer AND aggregate_type = :type
                              AND aggregate_id = :id), 0) AS last,
                 EXISTS (SELECT FROM inbox
                          WHERE consumer = :consumer AND event_id = :eventId) AS seen,
                 EXISTS (SELECT FROM parked WHERE event_id = :eventId) AS parked,
                 EXISTS (SELECT FROM parked WHERE aggregate_version < :version) AS behind,
                 EXISTS (SELECT FROM parked) AS any_parked
          """);
  // Two statements: the second's snapshot contains what the last holder of the lock did.
  private static final Sql LOCK_AND_LOOK = LOCK.then(LOOK);

  private static final Sql TAKE =
      Sql.of(
          """
          WITH version AS (
            INSERT INTO inbox_aggregate AS a
              (consumer, aggregate_type, aggregate_id, last_version)
            VALUES (:consumer, :type, :id, :version)
            ON CONFLICT (consumer, aggregate_type, aggregate_id)
              DO UPDATE SET last_version = excluded.last_version
               WHERE a.last_version < excluded.last_version)
          INSERT INTO inbox (consumer, event_id, received_at)
          VALUES (:consumer, :eventId, weft_now())
          """);

  // In the order of the locks, whoever else takes several.
  private static final Sql LOCK_ALL =
      Sql.of(
          """
          WITH key AS MATERIALIZED (
            SELECT hashtextextended(:consumer || chr(1) || type || chr(1) || id, :inbox) AS key
              FROM unnest(:types, :ids) AS aggregate (type, id) ORDER BY 1)
          SELECT count(pg_advisory_xact_lock(key)) FROM key
          """);
  private static final Sql LOOK_AT_ALL =
      Sql.of(
          """
          SELECT count(*) AS in_turn
            FROM unnest(:types, :ids, :eventIds, :versions) AS e (type, id, event_id, version)
           WHERE (NOT :every OR version = 1 + coalesce(
                   (SELECT last_version FROM inbox_aggregate
                     WHERE consumer = :consumer AND aggregate_type = e.type
                       AND aggregate_id = e.id), 0))
             AND NOT EXISTS (SELECT FROM inbox
                              WHERE consumer = :consumer AND event_id = e.event_id)
             AND NOT EXISTS (SELECT FROM event_parked
                              WHERE consumer = :consumer AND aggregate_type = e.type
                                AND aggregate_id = e.id)
          """);
  private static final Sql LOCK_AND_LOOK_AT_ALL = LOCK_ALL.then(LOOK_AT_ALL);

  private static final Sql TAKE_ALL =
      Sql.of(
          """
          WITH e AS (
            SELECT * FROM unnest(:types, :ids, :eventIds, :versions)
              AS e (type, id, event_id, version)),
          version AS (
            INSERT INTO inbox_aggregate AS a
              (consumer, aggregate_type, aggregate_id, last_version)
            SELECT :consumer, type, id, version FROM e
            ON CONFLICT (consumer, aggregate_type, aggregate_id)
              DO UPDATE SET last_version = excluded.last_version
               WHERE a.last_version < excluded.last_version)
          INSERT INTO inbox (consumer, event_id, received_at)
          SELECT :consumer, event_id, weft_now() FROM e
          """);

  private final String consumer;
  private final Order order;
  private final ParkedEvents parked;

  /** What a consumer expects of the versions of an aggregate. */
  public enum Order {
    /** It gets every event of its aggregates, so the versions have no gaps. */
    EVERY_VERSION,
    /** It gets some of them, so that nobody can tell a gap from what is not for it. */
    SOME_VERSIONS
  }

  /** What became of an event. */
  public enum Receipt {
    /** It had its effect now. */
    APPLIED,
    /** As that, and a parked one came to its turn by it. */
    APPLIED_AND_NEXT,
    /** It had its effect before, or an event after it had: nothing was done. */
    DUPLICATE,
    /** It is parked: it failed before, or an earlier one of its aggregate is parked. */
    PARKED,
    /** It waits for an earlier one of its aggregate that has not arrived. */
    AHEAD
  }

  /**
   * @param consumer whose memory it is; a name of its own for each effect that events have
   */
  public Inbox(String consumer, Order order) {
    this.consumer = consumer;
    this.order = order;
    this.parked = new ParkedEvents(consumer);
  }

  /**
   * Runs the effect if it is the event's turn.
   *
   * @param repairAfter when to ask for missing events, if this one is ahead of its turn
   * @param effect what the event does, in this very transaction; what it throws passes through, and
   *     nothing is remembered
   */
  public Receipt receive(Handle tx, Event event, Duration repairAfter, Runnable effect) {
    Known known = lock(tx, event);
    // A parked one comes to its turn by itself, and a dead letter by nobody but an operator.
    return known.parked() ? Receipt.PARKED : inTurn(tx, event, known, repairAfter, effect);
  }

  /**
   * Runs the effect if it is the turn of all these events; false, and nothing was done, if it is
   * not that of every one: then each is to be {@linkplain #receive received} by itself.
   *
   * @param events of different aggregates; of one, they are never all in turn
   * @param effect what they do, in this very transaction; what it throws passes through, and
   *     nothing is remembered
   */
  public boolean receiveAll(Handle tx, List<Event> events, Runnable effect) {
    long aggregates =
        events.stream()
            .map(Event::aggregate)
            .map(one -> one.type() + '/' + one.id())
            .distinct()
            .count();
    if (aggregates < events.size() || !allInTurn(tx, events)) {
      return false;
    }
    effect.run();
    Rows.exactly(events.size(), of(TAKE_ALL, tx, events).update(), "inbox");
    return true;
  }

  private boolean allInTurn(Handle tx, List<Event> events) {
    return of(LOCK_AND_LOOK_AT_ALL, tx, events)
            .set("inbox", LOCKS)
            .set("every", order == Order.EVERY_VERSION)
            .one(row -> row.getInt("in_turn"))
        == events.size();
  }

  /** As {@link #receive}, for one that is parked and was claimed. */
  public Receipt again(Handle tx, Event event, Duration repairAfter, Runnable effect) {
    Known known = lock(tx, event);
    return known.parked() ? inTurn(tx, event, known, repairAfter, effect) : Receipt.DUPLICATE;
  }

  private Receipt inTurn(
      Handle tx, Event event, Known known, Duration repairAfter, Runnable effect) {
    if (known.seen() || (order == Order.EVERY_VERSION && version(event) <= known.last())) {
      parked.remove(tx, event.id());
      return Receipt.DUPLICATE;
    }
    if (known.behind()) {
      parked.put(tx, event, Reason.BEHIND, "an earlier event is parked", Optional.empty());
      return Receipt.PARKED;
    }
    if (order == Order.EVERY_VERSION && version(event) > known.last() + 1) {
      String missing = "version " + (known.last() + 1) + " has not arrived";
      parked.put(tx, event, Reason.AHEAD, missing, Optional.of(repairAfter));
      return Receipt.AHEAD;
    }
    effect.run();
    take(tx, event);
    return known.anyParked() && letNext(tx, event) ? Receipt.APPLIED_AND_NEXT : Receipt.APPLIED;
  }

  /** Parks an event because of a failure of its own, unless it was taken in meanwhile. */
  public void park(
      Handle tx, Event event, Reason reason, String error, Optional<Duration> dueAfter) {
    if (!lock(tx, event).seen()) {
      parked.put(tx, event, reason, error, dueAfter);
    }
  }

  /**
   * Takes an event in without an effect, for good: an operator gave it up. Says whether a parked
   * one came to its turn by it.
   */
  public boolean discard(Handle tx, Event event) {
    if (!lock(tx, event).seen()) {
      take(tx, event);
    }
    return letNext(tx, event);
  }

  private boolean letNext(Handle tx, Event event) {
    parked.remove(tx, event.id());
    return parked.next(tx, event.aggregate());
  }

  /** The last version taken in of an aggregate; 0 if none was. */
  public long lastVersion(Handle tx, Event.Aggregate aggregate) {
    return tx.createQuery(
            """
            SELECT last_version FROM inbox_aggregate
             WHERE consumer = :consumer AND aggregate_type = :type AND aggregate_id = :id
            """)
        .bind("consumer", consumer)
        .bind("type", aggregate.type())
        .bind("id", aggregate.id())
        .mapTo(Long.class)
        .findOne()
        .orElse(0L);
  }

  /** Forgets everything about the consumer, so that it can begin anew. */
  public void forget(Handle tx) {
    tx.execute("DELETE FROM inbox WHERE consumer = ?", consumer);
    tx.execute("DELETE FROM inbox_aggregate WHERE consumer = ?", consumer);
    tx.execute("DELETE FROM event_parked WHERE consumer = ?", consumer);
  }

  /** Forgets what is older than 90 days, at most this many; says how many it forgot. */
  static int forget(Handle tx, int atMost) {
    return tx.createUpdate(
            """
            DELETE FROM inbox WHERE ctid = ANY (ARRAY(
              SELECT ctid FROM inbox WHERE received_at < weft_now() - :kept * interval '1 s'
               LIMIT :atMost))
            """)
        .bind("kept", KEPT.toSeconds())
        .bind("atMost", atMost)
        .execute();
  }

  /** What is remembered, which nobody else changes until this transaction ends. */
  private Known lock(Handle tx, Event event) {
    return of(LOCK_AND_LOOK, tx, event)
        .set("inbox", LOCKS)
        .one(
            row ->
                new Known(
                    row.getLong("last"),
                    row.getBoolean("seen"),
                    row.getBoolean("parked"),
                    row.getBoolean("behind"),
                    row.getBoolean("any_parked")));
  }

  private void take(Handle tx, Event event) {
    of(TAKE, tx, event).updateOne("inbox");
  }

  private Sql.Call of(Sql statement, Handle tx, Event event) {
    return statement
        .on(tx)
        .set("consumer", consumer)
        .set("type", event.aggregate().type())
        .set("id", event.aggregate().id())
        .set("eventId", event.id())
        .set("version", version(event));
  }

  private Sql.Call of(Sql statement, Handle tx, List<Event> events) {
    return statement
        .on(tx)
        .set("consumer", consumer)
        .set("types", events.stream().map(one -> one.aggregate().type()).toArray(String[]::new))
        .set("ids", events.stream().map(one -> one.aggregate().id()).toArray(String[]::new))
        .set("eventIds", events.stream().map(Event::id).toArray(UUID[]::new))
        .set("versions", events.stream().map(Inbox::version).toArray(Long[]::new));
  }

  private static long version(Event event) {
    return event.aggregate().version();
  }

  /**
   * What is remembered that concerns an event.
   *
   * @param last the last version taken in of its aggregate; 0 if none was
   * @param seen it was taken in
   * @param parked it is parked
   * @param behind an earlier one of its aggregate is parked
   * @param anyParked any one of its aggregate is
   */
  private record Known(
      long last, boolean seen, boolean parked, boolean behind, boolean anyParked) {}
}
