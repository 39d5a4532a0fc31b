package dev.weft.events;

import dev.weft.durable.Event;
import dev.weft.event.v1.Delivery;
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
 * Hands the deliveries of a stream to a receiver: those of one lane one after another, those of
 * different lanes at the same time. What was handed over is acknowledged; what was not when it is
 * closed is forgotten, and comes again.
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
  private final Acknowledgements acknowledgements;
  private final Semaphore room = new Semaphore(IN_FLIGHT_MAX);
  private final Map<Integer, Lane> lanes = new HashMap<>();
  private final CountDownLatch closing = new CountDownLatch(1);

  Lanes(EventTransport.Receiver receiver, Acknowledgements acknowledgements) {
    this.receiver = receiver;
    this.acknowledgements = acknowledgements;
  }

  /** Puts a delivery in its lane; waits while there is no room. By one thread at a time. */
  void put(Delivery delivery) throws InterruptedException {
    room.acquire();
    lanes.computeIfAbsent(delivery.getLane(), _ -> new Lane()).add(delivery);
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
    private final Queue<Delivery> waiting = new ArrayDeque<>();
    private boolean busy;

    synchronized void add(Delivery delivery) {
      waiting.add(delivery);
      if (!busy) {
        busy = true;
        Thread.ofVirtual().name("lane-" + delivery.getLane()).start(this::drain);
      }
    }

    private synchronized boolean idle() {
      busy = !waiting.isEmpty();
      return !busy;
    }

    private synchronized Delivery next() {
      return waiting.remove();
    }

    private void drain() {
      try {
        while (!idle()) {
          Delivery delivery = next();
          try {
            handOver(delivery);
          } finally {
            room.release();
          }
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    private void handOver(Delivery delivery) throws InterruptedException {
      long pause = FIRST_PAUSE_MILLIS;
      while (!closed()) {
        try {
          if (delivery.hasEvent()) {
            receive(delivery.getEvent());
          }
          acknowledgements.done(delivery.getLane(), delivery.getToken());
          return;
        } catch (RuntimeException e) {
          // The lane waits: to go on would lose the event.
          log.warn(
              "event {} was neither handled nor parked, tried again in {} ms",
              delivery.getEvent().getEventId(),
              pause,
              e);
          boolean _ = closing.await(pause, TimeUnit.MILLISECONDS);
          pause = Math.min(2 * pause, LONGEST_PAUSE_MILLIS);
        }
      }
    }
  }

  private void receive(dev.weft.event.v1.Event message) throws InterruptedException {
    Event event;
    try {
      event = EventMessages.event(message);
    } catch (UnreadableEventException e) {
      receiver.unreadable(message.toByteArray(), e.getMessage() == null ? "" : e.getMessage());
      return;
    }
    receiver.receive(event);
  }
}
