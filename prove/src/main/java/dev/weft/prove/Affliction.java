package dev.weft.prove;

import java.time.Duration;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Predicate;

/** What is done to the connections of a line at the moment, and what was done. Thread-safe. */
final class Affliction {
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition changed = lock.newCondition();
  private final LongAdder held = new LongAdder();
  private final LongAdder slowed = new LongAdder();
  private final LongAdder broken = new LongAdder();
  private volatile Now now = new Now(Mischief.NONE, _ -> false);

  private record Now(Mischief mischief, Predicate<LineConnection> whom) {}

  /** From now on this is done, to those and no others. */
  void change(Mischief mischief, Predicate<LineConnection> whom) {
    lock.lock();
    try {
      now = new Now(mischief, whom);
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  Mischief of(LineConnection connection) {
    Now present = now;
    return present.whom.test(connection) ? present.mischief : Mischief.NONE;
  }

  /** Waits while this is done to the connection, and it has not ended. */
  void awaitChange(LineConnection connection, Mischief from) {
    lock.lock();
    try {
      while (of(connection).equals(from) && !connection.ended()) {
        changed.awaitUninterruptibly();
      }
    } finally {
      lock.unlock();
    }
  }

  /** As that, for so long at most. */
  void awaitChange(LineConnection connection, Mischief from, Duration atMost) {
    long left = atMost.toNanos();
    lock.lock();
    try {
      while (left > 0 && of(connection).equals(from) && !connection.ended()) {
        left = changed.awaitNanos(left);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      lock.unlock();
    }
  }

  /** A connection ended: whoever waits looks. */
  void ended() {
    lock.lock();
    try {
      changed.signalAll();
    } finally {
      lock.unlock();
    }
  }

  void held(int bytes) {
    held.add(bytes);
  }

  void slowed(int bytes) {
    slowed.add(bytes);
  }

  void broke() {
    broken.increment();
  }

  Line.Done done() {
    return new Line.Done(held.sum(), slowed.sum(), broken.sum());
  }
}
