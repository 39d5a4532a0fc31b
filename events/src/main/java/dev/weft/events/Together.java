package dev.weft.events;

import dev.weft.durable.Event;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;

/**
 * Lets events that arrive at the same time be taken in together: while some are, those that come
 * meanwhile are the next ones. Nothing waits for company, so that with little to do each is by
 * itself and as quick as ever; the more there is to do, the less it costs.
 *
 * <p>One taking in at a time; thread-safe.
 */
final class Together {
  private final int most;
  private final TakingIn takingIn;
  private final Queue<Arrival> arrivals = new ConcurrentLinkedQueue<>();
  private final Semaphore turn = new Semaphore(1, true);

  /** Takes some events in, all or none; says whether it did. */
  @FunctionalInterface
  interface TakingIn {
    boolean takeIn(List<Event> events) throws InterruptedException;
  }

  /** An event whose bringer waits. */
  private static final class Arrival {
    final Event event;
    // Both only of whoever has the turn.
    boolean tried;
    boolean takenIn;

    Arrival(Event event) {
      this.event = event;
    }
  }

  /**
   * @param most events at once
   */
  Together(int most, TakingIn takingIn) {
    this.most = most;
    this.takingIn = takingIn;
  }

  /**
   * Takes the event in, and others with it; or says that it is to be taken in by itself. What the
   * taking in throws passes through to one of those who brought these events.
   */
  boolean takeIn(Event event) throws InterruptedException {
    Arrival mine = new Arrival(event);
    arrivals.add(mine);
    try {
      turn.acquire();
    } catch (InterruptedException e) {
      arrivals.remove(mine);
      throw e;
    }
    try {
      while (!mine.tried) {
        takeInNext();
      }
      return mine.takenIn;
    } finally {
      turn.release();
    }
  }

  private void takeInNext() throws InterruptedException {
    List<Arrival> next = new ArrayList<>();
    for (Arrival one = arrivals.poll(); one != null; one = arrivals.poll()) {
      one.tried = true;
      next.add(one);
      if (next.size() == most) {
        break;
      }
    }
    boolean takenIn = takingIn.takeIn(next.stream().map(one -> one.event).toList());
    next.forEach(one -> one.takenIn = takenIn);
  }
}
