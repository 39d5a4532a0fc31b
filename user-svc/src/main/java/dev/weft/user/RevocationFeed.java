package dev.weft.user;

import dev.weft.durable.Database;
import dev.weft.mesh.Revocation;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The revocations that can still matter, read from the database by one thread and followed by any
 * number of readers. What this process revokes is seen at once; what another instance revokes,
 * within {@value #POLL_MILLIS} ms.
 *
 * <p>Revocations matter for some minutes, so all of them are kept in memory, until they expire.
 *
 * <p>Thread-safe.
 */
final class RevocationFeed implements AutoCloseable {
  static final long POLL_MILLIS = 500;

  private static final Logger log = LoggerFactory.getLogger(RevocationFeed.class);
  private static final int PAGE = 1_000;
  private static final int BATCH = 500;

  /** How old the newest knowledge may be before readers are told that it is too old. */
  private static final Duration STALE = Duration.ofSeconds(20);

  private final Database database;
  private final RevocationStore store;
  private final InstantSource clock;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition readAgain = lock.newCondition();
  private final Condition wanted = lock.newCondition();
  private final Thread reader;

  // Guarded by lock.
  private final NavigableMap<Long, Revocation> live = new TreeMap<>();
  private RevocationStore.Log head = new RevocationStore.Log(new UUID(0, 0), 0);
  private long readsWanted = 1;
  private long readsDone;
  private long readAtNanos;
  private boolean failing;
  private boolean closed;

  RevocationFeed(Database database, RevocationStore store, InstantSource clock) {
    this.database = database;
    this.store = store;
    this.clock = clock;
    reader = Thread.ofVirtual().name("revocations").unstarted(this::read);
  }

  /** A place in the log: everything up to it is known to whoever holds it. */
  record Cursor(UUID logId, long seq) {
    /** Before every revocation. */
    static final Cursor START = new Cursor(new UUID(0, 0), 0);

    /** The opaque form that clients keep. */
    String text() {
      return logId + "." + seq;
    }

    /** Reads what {@link #text} wrote; the start for anything else. */
    static Cursor parse(String text) {
      int dot = text.indexOf('.');
      if (dot < 0) {
        return START;
      }
      try {
        return new Cursor(
            UUID.fromString(text.substring(0, dot)), Long.parseLong(text.substring(dot + 1)));
      } catch (IllegalArgumentException e) {
        return START;
      }
    }
  }

  /** Revocations in their order, at most {@value #BATCH}, and the place after them. */
  record Batch(List<Revocation> revocations, Cursor next) {}

  /** What is known is too old to be told: the database cannot be read. */
  static final class StaleException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private StaleException() {
      super("revocations could not be read for " + STALE.toSeconds() + " s", null, false, false);
    }
  }

  void start() {
    reader.start();
  }

  /**
   * Waits until everything committed before this call is known here; false when that takes longer.
   */
  boolean catchUp(Duration timeout) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      // A read that runs already may have begun too early; the next one has not.
      long mine = ++readsWanted;
      wanted.signal();
      long nanos = timeout.toNanos();
      while (readsDone < mine) {
        if (closed || nanos <= 0) {
          return false;
        }
        nanos = readAgain.awaitNanos(nanos);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns what comes after the cursor, after waiting for it; nothing when nothing came in time. A
   * cursor of another log, or from the future of this one, starts again from the beginning.
   *
   * @throws StaleException if the database was silent for too long
   */
  Batch after(Cursor cursor, Duration timeout) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      long nanos = timeout.toNanos();
      while (true) {
        long from = known(cursor) ? cursor.seq : 0;
        List<Revocation> revocations = new ArrayList<>();
        long seq = from;
        for (var entry : live.tailMap(from, false).entrySet()) {
          if (revocations.size() == BATCH) {
            break;
          }
          revocations.add(entry.getValue());
          seq = entry.getKey();
        }
        if (readsDone == 0 || System.nanoTime() - readAtNanos > STALE.toNanos()) {
          throw new StaleException();
        }
        if (!revocations.isEmpty() || nanos <= 0 || closed) {
          return new Batch(revocations, new Cursor(head.id(), seq));
        }
        nanos = readAgain.awaitNanos(nanos);
      }
    } finally {
      lock.unlock();
    }
  }

  private boolean known(Cursor cursor) {
    return cursor.logId.equals(head.id()) && cursor.seq <= head.seq();
  }

  @Override
  public void close() {
    lock.lock();
    try {
      closed = true;
      wanted.signalAll();
      readAgain.signalAll();
    } finally {
      lock.unlock();
    }
    try {
      reader.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void read() {
    while (true) {
      long answers;
      RevocationStore.Log known;
      lock.lock();
      try {
        if (closed) {
          return;
        }
        answers = readsWanted;
        known = head;
      } finally {
        lock.unlock();
      }
      try {
        boolean more = readPage(known, answers);
        if (!more && !pause()) {
          return;
        }
      } catch (RuntimeException e) {
        if (!failing) {
          failing = true;
          log.warn("revocations cannot be read; tried again every {} ms", POLL_MILLIS, e);
        }
        if (!pause()) {
          return;
        }
      }
    }
  }

  /** Reads a page; true if there may be more to read at once. */
  private boolean readPage(RevocationStore.Log known, long answers) {
    // The log's end first: entries up to it are committed, so none can appear before it later.
    RevocationStore.Log end = database.read(store::log);
    boolean anew = !end.id().equals(known.id()) || end.seq() < known.seq();
    long from = anew ? 0 : known.seq();
    List<RevocationStore.Entry> page =
        end.seq() == from ? List.of() : database.read(tx -> store.after(tx, from, PAGE));
    boolean more = page.size() == PAGE;
    long last = page.isEmpty() ? end.seq() : page.getLast().seq();
    if (failing) {
      failing = false;
      log.info("revocations can be read again");
    }
    lock.lock();
    try {
      if (anew) {
        if (known.seq() > 0) {
          log.warn("the database holds another log of revocations than before; read anew");
        }
        live.clear();
      }
      page.forEach(entry -> live.put(entry.seq(), entry.revocation()));
      live.values().removeIf(revocation -> revocation.expiresAt().isBefore(clock.instant()));
      head = new RevocationStore.Log(end.id(), more ? last : Math.max(last, end.seq()));
      if (!more) {
        readsDone = answers;
        readAtNanos = System.nanoTime();
      }
      readAgain.signalAll();
      return more;
    } finally {
      lock.unlock();
    }
  }

  /** Waits for the time of the next read; false when there is none. */
  private boolean pause() {
    lock.lock();
    try {
      long nanos = TimeUnit.MILLISECONDS.toNanos(POLL_MILLIS);
      // After a failure, waiting readers must not make it busy.
      while (!closed && nanos > 0 && (failing || readsWanted == readsDone)) {
        nanos = wanted.awaitNanos(nanos);
      }
      return !closed;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      lock.unlock();
    }
  }
}
