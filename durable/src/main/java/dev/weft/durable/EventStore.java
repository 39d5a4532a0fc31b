package dev.weft.durable;

import java.util.Collection;
import java.util.List;
import java.util.stream.IntStream;
import org.jdbi.v3.core.Handle;

/**
 * The log of a service's events: everything that ever happened, by position. Nothing in it changes
 * or goes; a partition holds a month.
 *
 * <p>Whoever reads on after the last position seen misses nothing.
 *
 * <p>Thread-safe.
 */
public final class EventStore {
  private static final List<Integer> ALL = IntStream.range(0, Event.BUCKETS).boxed().toList();

  private static final Sql READ =
      Sql.of(
          "SELECT position, "
              + EventRows.COLUMNS
              + " FROM event WHERE position > :after AND bucket = ANY (:buckets)"
              + " ORDER BY position LIMIT :atMost");

  private final Database database;

  public EventStore(Database database) {
    this.database = database;
  }

  /** The next events after a position, in order. */
  public List<Event> read(long after, int atMost) {
    return read(after, ALL, atMost);
  }

  /** As {@link #read(long, int)}, in the caller's transaction. */
  public List<Event> read(Handle tx, long after, int atMost) {
    return read(tx, after, ALL, atMost);
  }

  /** The next events after a position in some buckets, in order. */
  public List<Event> read(long after, Collection<Integer> buckets, int atMost) {
    return database.read(tx -> read(tx, after, buckets, atMost));
  }

  private static List<Event> read(Handle tx, long after, Collection<Integer> buckets, int atMost) {
    return READ.on(tx)
        .set("after", after)
        .set("buckets", buckets.toArray(Integer[]::new))
        .set("atMost", atMost)
        .list(EventRows::read);
  }

  /** The events of one aggregate from a version on, in order. */
  public List<Event> readAggregate(String type, String id, long fromVersion, int atMost) {
    return database.read(
        tx ->
            tx.createQuery(
                    "SELECT position, "
                        + EventRows.COLUMNS
                        + " FROM event WHERE aggregate_type = :type AND aggregate_id = :id"
                        + " AND aggregate_version >= :from ORDER BY aggregate_version LIMIT :atMost")
                .bind("type", type)
                .bind("id", id)
                .bind("from", fromVersion)
                .bind("atMost", atMost)
                .map((row, _) -> EventRows.read(row))
                .list());
  }

  /** The last position given; 0 if there is none. */
  public long last() {
    return database.read(EventStore::last);
  }

  static long last(Handle tx) {
    return tx.createQuery("SELECT last FROM event_counter").mapTo(Long.class).one();
  }

  /** Makes the partitions of this month and of the next two, those that are not there yet. */
  static void makePartitions(Handle tx) {
    tx.execute("SELECT weft_make_event_partitions()");
  }
}
