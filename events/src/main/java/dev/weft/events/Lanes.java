package dev.weft.events;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Hands deliveries to a receiver: those of one lane one after another, those of different lanes at
 * the same time. What was handed over is acknowledged; what was not when it is closed is forgotten,
 * and comes again.
 *
 * <p>Thread-safe.
 */
final class Lanes implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Lanes.class);

  /** Beyond it the stream is not read. */
  private static final int IN_FLIGHT_MAX = 256;

  private static final long FIRST_PAUSE_MILLIS = 50;
  private static final long LONGEST_PAUSE_MILLIS = 5_000;
  private static final Duration LAST_ONES_MAX = Duration.ofSeconds(10);

  private final EventTransport.Receiver receiver;
  private final Semaphore room = new Semaphore(IN_FLIGHT_MAX);
  private final Map<Integer, Lane> lanes = new HashMap<>();
  private final CountDownLatch closing = new CountDownLatch(1);

  /** Something to hand over. */
  interface Item {
    int lane();

    /** What logs call it. */
    String name();

    void handOver(EventTransport.Receiver receiver) throws InterruptedException;

    /** It was handed over: it need not come again. Throws nothing. */
    void acknowledge();
  }

  Lanes(EventTransport.Receiver receiver) {
    this.receiver = receiver;
  }

  /** Puts an item in its lane; waits while there is no room. By one thread at a time. */
  void put(Item item) throws InterruptedException {
    room.acquire();
    lanes.computeIfAbsent(item.lane(), _ -> new Lane()).add(item);
  }

  /** Waits, for so long at most, until all were handed over; says whether they were. */
  boolean drain(Duration atMost) throws InterruptedException {
    boolean drained = room.tryAcquire(IN_FLIGHT_MAX, atMost.toMillis(), TimeUnit.MILLISECONDS);
    if (drained) {
      room.release(IN_FLIGHT_MAX);
    }
    return drained && !closed();
  }

  /** Waits, for a bounded time, for those that are being handled. */
  @Override
  public void close() {
    closing.countDown();
    try {
      if (room.tryAcquire(IN_FLIGHT_MAX, LAST_ONES_MAX.toMillis(), TimeUnit.MILLISECONDS)) {
        room.release(IN_FLIGHT_MAX);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private boolean closed() {
    return closing.getCount() == 0;
  }

  private final class Lane {
    // Both guarded by this.
    private final Queue<Item> waiting = new ArrayDeque<>();
    private boolean busy;

    synchronized void add(Item item) {
      waiting.add(item);
      if (!busy) {
        busy = true;
        Thread.ofVirtual().name("lane-" + item.lane()).start(this::drain);
      }
    }

    private synchronized boolean idle() {
      busy = !waiting.isEmpty();
      return !busy;
    }

    private synchronized Item next() {
      return waiting.remove();
    }

    private void drain() {
      try {
        while (!idle()) {
          Item item = next();
          try {
            handOver(item);
          } finally {
            room.release();
          }
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    private void handOver(Item item) throws InterruptedException {
      long pause = FIRST_PAUSE_MILLIS;
      while (!closed()) {
        try {
          item.handOver(receiver);
          item.acknowledge();
          return;
        } catch (RuntimeException e) {
          // The lane waits: to go on would lose the event.
          log.warn(
              "event {} was neither handled nor parked, tried again in {} ms",
              item.name(),
              pause,
              e);
          boolean _ = closing.await(pause, TimeUnit.MILLISECONDS);
          pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
        }
      }
    }
  }
}
