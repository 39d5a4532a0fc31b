package dev.weft.events;

import java.util.Comparator;
import java.util.PriorityQueue;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Lets a bounded number of handlers of a process run at the same time: of those that wait, the one
 * of the highest priority goes first, and among equals the one that waits longest.
 *
 * <p>Thread-safe.
 */
final class PriorityGate {
  private final ReentrantLock lock = new ReentrantLock();
  private final PriorityQueue<Waiter> waiters =
      new PriorityQueue<>(
          Comparator.comparingInt(Waiter::priority).reversed().thenComparingLong(Waiter::arrival));
  private int free;
  private long arrivals;

  /** Somebody who waits; gone from the queue when let in. */
  private record Waiter(int priority, long arrival, Condition turn) {}

  PriorityGate(int slots) {
    this.free = slots;
  }

  /** Waits for a slot. */
  void enter(int priority) throws InterruptedException {
    lock.lockInterruptibly();
    try {
      if (free > 0 && waiters.isEmpty()) {
        free--;
        return;
      }
      Waiter me = new Waiter(priority, arrivals++, lock.newCondition());
      waiters.add(me);
      try {
        while (waiters.contains(me)) {
          me.turn().await();
        }
      } catch (InterruptedException e) {
        if (!waiters.remove(me)) {
          // Let in at the same moment: the slot is for somebody else.
          giveBack();
        }
        throw e;
      }
    } finally {
      lock.unlock();
    }
  }

  /** Gives the slot back. */
  void leave() {
    lock.lock();
    try {
      giveBack();
    } finally {
      lock.unlock();
    }
  }

  private void giveBack() {
    Waiter next = waiters.poll();
    if (next == null) {
      free++;
    } else {
      next.turn().signal();
    }
  }
}
