package dev.weft.consul.agent;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * The agent's one lock, its one index, and the bell that wakes blocking queries.
 *
 * <p>Every change takes the next index, so an index names a state of the whole agent. The state is
 * small and changes are rare; one lock keeps every answer consistent with the index it carries.
 *
 * <p>Thread-safe.
 */
final class Ledger {
  /** Keeps what the ledger guards on a disk. */
  interface Journal {
    /** Something changed; write it soon. Called under the ledger's lock. */
    void changed();

    /** Waits until all that has changed so far is on the disk. Called without the lock. */
    void awaitWritten() throws IOException, InterruptedException;
  }

  private static final Journal NOWHERE =
      new Journal() {
        @Override
        public void changed() {}

        @Override
        public void awaitWritten() {}
      };

  private final ReentrantLock lock = new ReentrantLock();
  private final Condition bell = lock.newCondition();
  private Journal journal = NOWHERE;
  private long index;
  private boolean closed;

  Ledger(long firstIndex) {
    index = firstIndex;
  }

  /** From now on changes are kept in {@code journal}. */
  void keepIn(Journal newJournal) {
    lock.lock();
    try {
      journal = newJournal;
    } finally {
      lock.unlock();
    }
  }

  /** Runs {@code read} with the lock held. */
  <T> T read(Supplier<T> read) {
    lock.lock();
    try {
      return read.get();
    } finally {
      lock.unlock();
    }
  }

  /** Runs {@code change} with the lock held and returns at once. */
  void change(Runnable change) {
    lock.lock();
    try {
      change.run();
    } finally {
      lock.unlock();
    }
  }

  /** Runs {@code change} with the lock held and returns when its outcome is on the disk. */
  <T> T durably(Supplier<T> change) throws InterruptedException {
    T result;
    Journal current;
    lock.lock();
    try {
      result = change.get();
      current = journal;
    } finally {
      lock.unlock();
    }
    try {
      current.awaitWritten();
    } catch (IOException e) {
      throw new ApiError(500, "the agent cannot write its state: " + e.getMessage());
    }
    return result;
  }

  /**
   * Runs {@code read} with the lock held once {@code ready} is true, the time is up or the agent
   * closes, whichever comes first.
   */
  <T> T when(BooleanSupplier ready, Duration patience, Supplier<T> read)
      throws InterruptedException {
    long nanos = patience.toNanos();
    lock.lockInterruptibly();
    try {
      while (nanos > 0 && !closed && !ready.getAsBoolean()) {
        nanos = bell.awaitNanos(nanos);
      }
      return read.get();
    } finally {
      lock.unlock();
    }
  }

  /** The index of the newest change. Only with the lock held. */
  long index() {
    return index;
  }

  /** Takes the next index and wakes every waiting query to look again. Only with the lock held. */
  long advance() {
    index++;
    touch();
    return index;
  }

  /** Something changed that deserves no index of its own. Only with the lock held. */
  void touch() {
    bell.signalAll();
    journal.changed();
  }

  /** Lets every waiting query answer with what there is. */
  void close() {
    lock.lock();
    try {
      closed = true;
      bell.signalAll();
    } finally {
      lock.unlock();
    }
  }
}
