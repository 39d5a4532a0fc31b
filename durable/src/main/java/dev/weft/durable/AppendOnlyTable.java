package dev.weft.durable;

import java.time.Duration;
import java.util.HashSet;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.jdbi.v3.core.Handle;

/**
 * A table that only grows, to be read in pages by its identity column while others write.
 *
 * <p>Ids are given out before their transactions commit, so a row may appear behind a reader who
 * has already seen a larger id. {@link #settled} tells up to where that cannot happen any more. It
 * takes no lock: no writer ever waits for a reader.
 *
 * <p>Thread-safe.
 *
 * @param name of the table
 * @param id its identity column
 */
public record AppendOnlyTable(String name, String id) {
  private static final Duration LIMIT = Duration.ofMillis(500);
  private static final Duration POLL = Duration.ofMillis(5);

  /**
   * The largest id so far: all rows up to it that will ever be there can be read from now on,
   * whatever had committed before this call included. Waits for the transactions that are writing
   * now, but not for later ones; empty if one of them takes longer than 500 ms.
   *
   * <p>Do not call it in a transaction.
   */
  public OptionalLong settled(Database database) {
    long end = System.nanoTime() + LIMIT.toNanos();
    // In this order: who was given one of these ids is among the writers, or has ended.
    long given = database.read(this::given);
    Set<String> writers = database.read(this::writers);
    while (!writers.isEmpty()) {
      if (System.nanoTime() > end || Thread.currentThread().isInterrupted()) {
        return OptionalLong.empty();
      }
      LockSupport.parkNanos(POLL.toNanos());
      writers.retainAll(database.read(this::writers));
    }
    return OptionalLong.of(given);
  }

  private long given(Handle tx) {
    return tx.createQuery(
            "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence(:name, :id)::regclass), 0)")
        .bind("name", name)
        .bind("id", id)
        .mapTo(Long.class)
        .one();
  }

  // An insert locks its table so before it takes an id, and until its transaction has ended.
  private Set<String> writers(Handle tx) {
    return new HashSet<>(
        tx.createQuery(
                """
                SELECT virtualtransaction FROM pg_locks
                 WHERE locktype = 'relation' AND mode = 'RowExclusiveLock' AND granted
                   AND relation = :name::regclass
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """)
            .bind("name", name)
            .mapTo(String.class)
            .list());
  }
}
