package dev.weft.durable;

import dev.weft.failpoint.FailPoint;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Gives committed events their positions: moves them, in batches, from the outbox into the log.
 *
 * <p>Positions are consecutive and become visible in their order, because whoever gives them holds
 * the counter's row until they are committed. So a reader who has seen a position has seen all
 * before it, whatever transaction began first or took longest. Every process of a service runs one;
 * at any moment one of them works.
 *
 * <p>Events of one aggregate keep their order. One whose version is not the next of its aggregate
 * is held back, logged and counted, since it comes of a bug; other aggregates are not affected.
 *
 * <p>Thread-safe. Whoever makes it starts and closes it.
 */
public final class Sequencer implements AutoCloseable {
  static final int BATCH = 1_000;

  private static final Logger log = LoggerFactory.getLogger(Sequencer.class);

  /** For events of a process that died before it gave them positions. */
  private static final Duration POLL = Duration.ofSeconds(1);

  /** Between the beginnings of two batches, so that in busy times one holds several events. */
  private static final Duration PACE = Duration.ofMillis(15);

  /** As many times as long as the batch itself took: a busy machine has fewer and larger ones. */
  private static final int PACE_BY_BATCH = 3;

  private static final Duration PACE_MAX = Duration.ofMillis(60);

  private static final Duration LAST_BATCH_MAX = Duration.ofSeconds(3);

  private static final Sql LAST =
      Sql.of(
          """
          SELECT last FROM event_counter
           WHERE EXISTS (SELECT FROM outbox WHERE held IS NULL) FOR UPDATE
          """);

  private static final Sql MOVE =
      Sql.of(
          """
          WITH picked AS (
            SELECT ordinal, aggregate_type, aggregate_id, aggregate_version,
                   row_number() OVER (
                     PARTITION BY aggregate_type, aggregate_id ORDER BY ordinal) AS nth
              FROM (SELECT * FROM outbox WHERE held IS NULL
                     ORDER BY ordinal LIMIT :atMost) o),
          judged AS (
            SELECT ordinal, coalesce(a.last_version, 0) + nth AS expected,
                   aggregate_version = coalesce(a.last_version, 0) + nth AS fits
              FROM picked LEFT JOIN event_aggregate a USING (aggregate_type, aggregate_id)),
          moved AS (
            DELETE FROM outbox USING judged
             WHERE outbox.ordinal = judged.ordinal AND judged.fits RETURNING outbox.*),
          held AS (
            UPDATE outbox SET held = 'expected version ' || judged.expected
              FROM judged
             WHERE outbox.ordinal = judged.ordinal AND NOT judged.fits RETURNING 1),
          stored AS (
            INSERT INTO event (position, %1$s)
            SELECT :last + row_number() OVER (ORDER BY ordinal), %1$s FROM moved
            RETURNING 1),
          versions AS (
            INSERT INTO event_aggregate (aggregate_type, aggregate_id, last_version)
            SELECT aggregate_type, aggregate_id, max(aggregate_version)
              FROM moved GROUP BY aggregate_type, aggregate_id
            ON CONFLICT (aggregate_type, aggregate_id)
              DO UPDATE SET last_version = excluded.last_version)
          UPDATE event_counter SET last = last + (SELECT count(*) FROM stored)
          RETURNING last - :last AS stored, (SELECT count(*) FROM held) AS held, last,
            CASE WHEN last > :last THEN %2$s END
          """
              .formatted(EventRows.COLUMNS, EventWatch.TELL));

  private final Database database;
  private final String source;
  private final EventWatch watch;
  private final Bell bell = new Bell();
  private volatile boolean closed;
  private @Nullable Thread thread;

  /**
   * What one batch came to.
   *
   * @param last the last position given
   */
  private record Moved(int stored, int held, long last) {
    static final Moved NOTHING = new Moved(0, 0, 0);

    boolean full() {
      return stored + held == BATCH;
    }
  }

  /**
   * @param source the service whose events these are
   * @param watch of this process, to be told of new positions at once
   */
  public Sequencer(Database database, String source, EventWatch watch) {
    this.database = database;
    this.source = source;
    this.watch = watch;
  }

  /** Gives positions from now on, in the background. */
  public void start() {
    thread = Thread.ofVirtual().name("sequencer").start(this::run);
  }

  /** Looks for events now. */
  public void wake() {
    bell.ring();
  }

  /** Waits for the batch that is under way. */
  @Override
  public void close() {
    closed = true;
    bell.ring();
    Thread running = thread;
    if (running != null) {
      try {
        running.join(LAST_BATCH_MAX);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  private void run() {
    boolean away = false;
    while (!closed) {
      long mark = bell.mark();
      long begun = System.nanoTime();
      boolean more = false;
      try {
        more = batch().full();
        if (away) {
          log.info("events get positions again");
        }
        away = false;
      } catch (RuntimeException e) {
        if (!away) {
          log.warn("events get no positions for now, tried every {} ms", POLL.toMillis(), e);
        }
        away = true;
      }
      long next = begun + pace(System.nanoTime() - begun).toNanos();
      if (!more && !rest(mark)) {
        return;
      }
      if (!more && !closed) {
        LockSupport.parkNanos(next - System.nanoTime());
      }
    }
  }

  /** From the beginning of a batch that took so many nanoseconds to that of the next one. */
  static Duration pace(long batchNanos) {
    return Duration.ofNanos(
        Math.clamp(batchNanos * PACE_BY_BATCH, PACE.toNanos(), PACE_MAX.toNanos()));
  }

  /** Waits for something to do; false if nobody wants it done any more. */
  private boolean rest(long mark) {
    try {
      long poll = POLL.toMillis();
      bell.awaitAfter(
          mark, Duration.ofMillis(ThreadLocalRandom.current().nextLong(poll / 2, poll + 1)));
      return true;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private Moved batch() {
    Moved moved = database.inTransaction(this::move);
    if (moved.stored() > 0) {
      FailPoint.hit("event.sequence.", source, ".after");
      watch.saw(moved.last());
    }
    if (moved.held() > 0) {
      log.error(
          "{} events were held back in the outbox: their versions are not the next ones of their"
              + " aggregates",
          moved.held());
    }
    return moved;
  }

  // In two statements: the second one's snapshot is taken when the counter is ours, and so contains
  // whatever its last holder moved.
  private Moved move(Handle tx) {
    Optional<Long> last = LAST.on(tx).atMostOne(row -> row.getLong("last"));
    if (last.isEmpty()) {
      return Moved.NOTHING;
    }
    FailPoint.hit("event.sequence.", source, ".before");
    return MOVE.on(tx)
        .set("atMost", BATCH)
        .set("last", last.get())
        .one(row -> new Moved(row.getInt("stored"), row.getInt("held"), row.getLong("last")));
  }
}
