package dev.weft.durable;

import dev.weft.durable.Event.Aggregate;
import java.time.Duration;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/**
 * Appends events in the transaction of their effect: both are there after a crash, or neither. It
 * costs one row, and no commit of its own.
 *
 * <p>Positions are given after the commit, by the {@link Sequencer}; this process's is woken at
 * once.
 *
 * <p>Thread-safe.
 */
public final class Outbox {
  private static final Sql APPEND =
      Sql.of(
          "INSERT INTO outbox ("
              + EventRows.COLUMNS
              + ") VALUES (:id, :source, :type, :schemaVersion, :aggregateType, :aggregateId,"
              + " :aggregateVersion, :bucket, :contentType, :dataSchema, :payload,"
              + " :correlationId, :causationId, :traceparent, weft_now(),"
              + " weft_now() + :expiresAfter * interval '1 ms')");

  private final Database database;
  private final String source;
  private final Sequencer sequencer;

  /**
   * @param source the service whose events these are
   */
  public Outbox(Database database, String source, Sequencer sequencer) {
    this.database = database;
    this.source = source;
    this.sequencer = sequencer;
  }

  /**
   * What waits for a position.
   *
   * @param waiting how many events
   * @param held how many that get none, because their versions are not the next of their aggregates
   * @param oldest the age of the oldest that waits; zero if none does
   */
  public record Backlog(long waiting, long held, Duration oldest) {}

  /**
   * Appends an event, after the aggregate's row was locked by its own update or insert; returns its
   * id.
   *
   * @param tx a transaction of the {@link Database}, or of another pool on the same one
   */
  public UUID append(Handle tx, NewEvent event) {
    UUID id = UuidV7.next();
    append(tx, id, event);
    return id;
  }

  /**
   * As {@link #append(Handle, NewEvent)}, with an id that the caller has made with {@link UuidV7}.
   */
  public void append(Handle tx, UUID id, NewEvent event) {
    Aggregate aggregate = event.aggregate();
    APPEND
        .on(tx)
        .set("id", id)
        .set("source", source)
        .set("type", event.type())
        .set("schemaVersion", event.schemaVersion())
        .set("aggregateType", aggregate.type())
        .set("aggregateId", aggregate.id())
        .set("aggregateVersion", aggregate.version())
        .set("bucket", aggregate.bucket())
        .set("contentType", event.content().type())
        .set("dataSchema", event.content().schema())
        .set("payload", event.content().bytes())
        .set("correlationId", event.origin().correlationId())
        .set("causationId", event.origin().causationId().orElse(null))
        .set("traceparent", event.origin().traceparent().orElse(null))
        .set("expiresAfter", event.expiresAfter().map(Duration::toMillis).orElse(null))
        .updateOne("outbox");
    database.afterCommit(sequencer::wake);
  }

  /** What waits for a position now. */
  public Backlog backlog() {
    return database.read(
        tx ->
            tx.createQuery(
                    """
                    SELECT count(*) FILTER (WHERE held IS NULL) AS waiting, count(held) AS held,
                           coalesce(extract(epoch FROM weft_now()
                             - min(recorded_at) FILTER (WHERE held IS NULL)), 0) * 1000 AS oldest
                      FROM outbox
                    """)
                .map(
                    (row, _) ->
                        new Backlog(
                            row.getLong("waiting"),
                            row.getLong("held"),
                            Duration.ofMillis(Math.max(0, row.getLong("oldest")))))
                .one());
  }
}
