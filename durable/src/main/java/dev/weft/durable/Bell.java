package dev.weft.durable;

import java.time.Duration;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Tells those who wait that there may be something to do. Whoever takes the {@link #mark} before
 * looking, and waits for a ring after it, misses none.
 *
 * <p>Thread-safe.
 */
public final class Bell {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition rung = lock.newCondition();
  private long rings;

  /** To be taken before looking, for {@link #awaitAfter}. */
  public long mark() {
    lock.lock();
    try {
      return rings;
    } finally {
      lock.unlock();
    }
  }

  /** Wakes those who wait. */
  public void ring() {
    lock.lock();
    try {
      rings++;
      rung.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /** Waits until it has rung after the mark, or so long; says whether it has. */
  public boolean awaitAfter(long mark, Duration atMost) throws InterruptedException {
    long left = atMost.toNanos();
    lock.lockInterruptibly();
    try {
      while (rings == mark) {
        if (left <= 0) {
          return false;
        }
        left = rung.awaitNanos(left);
      }
      return true;
    } finally {
      lock.unlock();
    }
  }
}
