package dev.weft.durable;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/**
 * Groups of readers that share the log: each bucket is read by one member at a time, in order, and
 * each group remembers how far it has come in it.
 *
 * <p>A member holds its buckets under leases that it renews; when it falls silent, others take them
 * over where it had come to. Each new owner raises the bucket's generation, so that a former one
 * that comes back too late can move nothing. Members get equal shares: who holds more than its own
 * gives the rest away when it renews.
 *
 * <p>Thread-safe.
 */
public final class EventGroups {
  // Always locked in the same order, since a member acknowledges while it renews.
  private static final String MINE =
      """
      WITH mine AS (
        SELECT bucket FROM event_group_bucket
         WHERE group_name = :group AND owner = :member ORDER BY bucket FOR UPDATE)
      """;

  // Nobody waits for the disk: what is forgotten in a crash of the server is read and acknowledged
  // again.
  private static final Sql ACKNOWLEDGE =
      Sql.of(
          MINE
              + """
              , unhurried AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
              UPDATE event_group_bucket b
                 SET position = greatest(b.position, done.position)
                FROM unhurried, mine, unnest(:buckets, :generations, :positions)
                  AS done (bucket, generation, position)
               WHERE b.group_name = :group AND b.bucket = mine.bucket
                 AND b.bucket = done.bucket AND b.generation = done.generation
              """);

  private final Database database;

  public EventGroups(Database database) {
    this.database = database;
  }

  /** Where a group that was not there before begins. */
  public enum Start {
    BEGINNING,
    /** After what has a position when the group is made. */
    END
  }

  /**
   * A bucket in the hands of a member.
   *
   * @param position of the last event of it that the group is done with
   */
  public record Share(int bucket, long generation, long position) {}

  /**
   * How far a group has come.
   *
   * @param position it is done with everything up to here
   * @param behind how many positions there are after it
   */
  public record Progress(String group, long position, long behind, int members) {}

  /** Makes the group unless it is there. */
  public void make(String group, Start start) {
    database.inTransactionVoid(
        tx ->
            tx.createUpdate(
                    """
                    INSERT INTO event_group_bucket (group_name, bucket, position, generation,
                      lease_until)
                    SELECT :group, bucket, CASE WHEN :end THEN last ELSE 0 END, 0, weft_now()
                      FROM event_counter, generate_series(0, :buckets - 1) bucket
                    ON CONFLICT DO NOTHING
                    """)
                .bind("group", group)
                .bind("end", start == Start.END)
                .bind("buckets", Event.BUCKETS)
                .execute());
  }

  /**
   * Renews what the member holds, takes what is free and gives away what is more than its share;
   * returns what it holds from now on, until the lease ends.
   */
  public List<Share> renew(String group, UUID member, Duration lease) {
    return database.inTransaction(tx -> renew(tx, group, member, lease));
  }

  private static List<Share> renew(Handle tx, String group, UUID member, Duration lease) {
    int fair = fairShare(tx, group, member, lease);
    // Of a bucket that was taken over the owner is another one, and it is not ours to renew.
    List<Integer> held =
        tx.createQuery(
                MINE
                    + """
                    UPDATE event_group_bucket b
                       SET lease_until = weft_now() + :lease * interval '1 ms'
                      FROM mine WHERE b.group_name = :group AND b.bucket = mine.bucket
                    RETURNING b.bucket
                    """)
            .bind("lease", lease.toMillis())
            .bind("group", group)
            .bind("member", member)
            .mapTo(Integer.class)
            .list();
    if (held.size() > fair) {
      free(tx, group, member, held.stream().sorted().skip(fair).toList());
    } else if (held.size() < fair) {
      take(tx, group, member, fair - held.size(), lease);
    }
    return tx.createQuery(
            """
            SELECT bucket, generation, position FROM event_group_bucket
             WHERE group_name = :group AND owner = :member ORDER BY bucket
            """)
        .bind("group", group)
        .bind("member", member)
        .map(
            (row, _) ->
                new Share(row.getInt("bucket"), row.getLong("generation"), row.getLong("position")))
        .list();
  }

  private static int fairShare(Handle tx, String group, UUID member, Duration lease) {
    tx.createUpdate(
            """
            INSERT INTO event_group_member (group_name, member, lease_until)
            VALUES (:group, :member, weft_now() + :lease * interval '1 ms')
            ON CONFLICT (group_name, member) DO UPDATE SET lease_until = excluded.lease_until
            """)
        .bind("group", group)
        .bind("member", member)
        .bind("lease", lease.toMillis())
        .execute();
    int members =
        tx.createQuery(
                """
                SELECT count(*) FROM event_group_member
                 WHERE group_name = :group AND lease_until > weft_now()
                   -- Later than anybody writes: it was there before the clock was set back.
                   AND lease_until <= weft_now() + 2 * :lease * interval '1 ms'
                """)
            .bind("group", group)
            .bind("lease", lease.toMillis())
            .mapTo(Integer.class)
            .one();
    return Math.ceilDiv(Event.BUCKETS, members);
  }

  private static void take(Handle tx, String group, UUID member, int atMost, Duration lease) {
    tx.createUpdate(
            """
            UPDATE event_group_bucket
               SET owner = :member, generation = generation + 1,
                   lease_until = weft_now() + :lease * interval '1 ms'
             WHERE group_name = :group AND bucket IN (
               SELECT bucket FROM event_group_bucket
                WHERE group_name = :group
                  AND (owner IS NULL OR lease_until <= weft_now()
                    -- Later than anybody writes: the clock was set back since.
                    OR lease_until > weft_now() + 2 * :lease * interval '1 ms')
                ORDER BY bucket LIMIT :atMost FOR UPDATE SKIP LOCKED)
            """)
        .bind("member", member)
        .bind("lease", lease.toMillis())
        .bind("group", group)
        .bind("atMost", atMost)
        .execute();
  }

  private static void free(Handle tx, String group, UUID member, Collection<Integer> buckets) {
    tx.createUpdate(
            """
            UPDATE event_group_bucket SET owner = NULL
             WHERE group_name = :group AND owner = :member AND bucket = ANY (:buckets)
            """)
        .bind("group", group)
        .bind("member", member)
        .bind("buckets", buckets.toArray(Integer[]::new))
        .execute();
  }

  /** Gives away all that the member holds. */
  public void leave(String group, UUID member) {
    database.inTransactionVoid(
        tx -> {
          tx.execute(
              "UPDATE event_group_bucket SET owner = NULL WHERE group_name = ? AND owner = ?",
              group,
              member);
          tx.execute(
              "DELETE FROM event_group_member WHERE group_name = ? AND member = ?", group, member);
        });
  }

  /**
   * The group is done with the buckets up to these positions.
   *
   * @return how many of them count; the others have new owners
   */
  public int acknowledge(String group, UUID member, Collection<Share> done) {
    return database.inOneStatement(
        tx ->
            ACKNOWLEDGE
                .on(tx)
                .set("buckets", done.stream().map(Share::bucket).toArray(Integer[]::new))
                .set("generations", done.stream().map(Share::generation).toArray(Long[]::new))
                .set("positions", done.stream().map(Share::position).toArray(Long[]::new))
                .set("group", group)
                .set("member", member)
                .update());
  }

  /**
   * Lets the group read again, or on, from after a position, whoever reads it at the moment; says
   * whether there is such a group.
   */
  public boolean move(String group, long position) {
    return database.inTransaction(
        tx ->
            tx.execute(
                    """
                    UPDATE event_group_bucket
                       SET position = ?, owner = NULL, generation = generation + 1
                     WHERE group_name = ?
                    """,
                    position,
                    group)
                > 0);
  }

  /** All groups, by name. Forgets members that fell silent long ago. */
  public List<Progress> progress() {
    return database.inTransaction(
        tx -> {
          tx.execute(
              "DELETE FROM event_group_member WHERE lease_until < weft_now() - interval '1 h'");
          return tx.createQuery(
                  """
                  SELECT group_name, min(position) AS position,
                         max(last - position) AS behind,
                         (SELECT count(*) FROM event_group_member m
                           WHERE m.group_name = b.group_name AND m.lease_until > weft_now())
                           AS members
                    FROM event_group_bucket b, event_counter
                   GROUP BY group_name ORDER BY group_name
                  """)
              .map(
                  (row, _) ->
                      new Progress(
                          row.getString("group_name"),
                          row.getLong("position"),
                          row.getLong("behind"),
                          row.getInt("members")))
              .list();
        });
  }
}
