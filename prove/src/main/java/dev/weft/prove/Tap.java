package dev.weft.prove;

import dev.weft.admin.v1.EventAdminServiceGrpc;
import dev.weft.admin.v1.TailEventsRequest;
import dev.weft.admin.v1.TailEventsResponse;
import dev.weft.event.v1.Event;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Reads the logs of all services all the time, each on from where it came to, as whoever goes by
 * positions; and now and then some of it again.
 */
final class Tap implements AutoCloseable {
  /** Who says events. */
  static final List<String> SOURCES = List.of(Shop.ORDER, Shop.USER, Shop.PAYMENT, Shop.INVENTORY);

  private static final Duration PAUSE = Duration.ofMillis(300);
  private static final int PAGE = 1_000;
  private static final int AGAIN_EVERY = 8;
  private static final int AGAIN = 200;

  private final Shop shop;
  private final List<Sighting> sightings = new ArrayList<>(); // guarded by this
  private final Map<String, Long> reached = new HashMap<>(); // by source, guarded by this
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread thread;

  Tap(Shop shop) {
    this.shop = shop;
    thread = Thread.ofVirtual().name("tap").start(this::watch);
  }

  /** Everything there is in a log, in the order of its positions. */
  static List<Event> log(Shop shop, String source) {
    List<Event> events = new ArrayList<>();
    long position = 0;
    TailEventsResponse page;
    do {
      page = page(shop, source, position);
      events.addAll(page.getEventsList());
      position = page.getPosition();
    } while (position < page.getLastPosition());
    return events;
  }

  /** What was read, as it came; some of it more than once. */
  synchronized List<Sighting> sightings() {
    return List.copyOf(sightings);
  }

  @Override
  public void close() {
    closing.countDown();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void watch() {
    try {
      for (int turn = 1; !closing.await(PAUSE.toMillis(), TimeUnit.MILLISECONDS); turn++) {
        for (String source : SOURCES) {
          look(source, turn % AGAIN_EVERY == 0 ? AGAIN : 0);
        }
      }
      SOURCES.forEach(source -> look(source, 0));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void look(String source, int again) {
    TailEventsResponse page;
    try {
      page = page(shop, source, Math.max(0, reached(source) - again));
    } catch (StatusRuntimeException | ProofException e) {
      return; // nothing is seen through a fault
    }
    synchronized (this) {
      page.getEventsList().forEach(event -> sightings.add(Sighting.of(event)));
      reached.merge(source, page.getPosition(), Math::max);
    }
  }

  private synchronized long reached(String source) {
    return reached.getOrDefault(source, 0L);
  }

  private static TailEventsResponse page(Shop shop, String source, long after) {
    try (Calls calls = Calls.to(shop, source, Calls.OPERATOR)) {
      return EventAdminServiceGrpc.newBlockingStub(calls.channel())
          .withDeadlineAfter(10, TimeUnit.SECONDS)
          .tailEvents(
              TailEventsRequest.newBuilder().setAfterPosition(after).setPageSize(PAGE).build());
    }
  }
}
