package dev.weft.operator;

import dev.weft.admin.v1.TailEventsRequest;
import dev.weft.admin.v1.TailEventsResponse;
import dev.weft.event.v1.Event;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.BiPredicate;
import java.util.function.Consumer;

/**
 * The logs of several services as one: each in its order, and between them by time as far as they
 * are read at the same moment.
 */
final class Tail {
  private static final Duration PAUSE = Duration.ofMillis(200);
  private static final Duration PAUSE_AFTER_FAILURE = Duration.ofSeconds(1);
  private static final int PAGE = 200;

  private final Services services;
  private final List<String> types;
  private final boolean follow;
  private final Consumer<String> notice;

  /**
   * @param follow whether to go on after what is there now, whatever becomes of the services
   * @param notice told when a service is away and when it is back
   */
  Tail(Services services, List<String> types, boolean follow, Consumer<String> notice) {
    this.services = services;
    this.types = List.copyOf(types);
    this.follow = follow;
    this.notice = notice;
  }

  /** How far one log is read. */
  private static final class Place {
    private final String service;
    private long after;
    private boolean onlyFindTheEnd;
    // Where to stop, if nobody follows; known with the first answer.
    private long end = -1;
    private boolean more = true;
    private boolean away;
    private Instant notBefore = Instant.MIN;

    Place(String service, long after) {
      this.service = service;
      this.onlyFindTheEnd = after == 0;
      this.after = onlyFindTheEnd ? -1 : after;
    }
  }

  private record Said(String service, Event event) {}

  /**
   * Shows events until there are no more, or nobody wants them.
   *
   * @param named the services; none means all that have events
   * @param last how many before the end to begin with, in each log; if {@code from} is 0
   * @param from the position to begin with
   * @param show takes one event of a service; false ends it
   */
  void run(List<String> named, long last, long from, BiPredicate<String, Event> show)
      throws InterruptedException {
    List<Place> places = new ArrayList<>();
    for (String service : services.chosen(named)) {
      Place place = new Place(service, -last);
      if (from > 0) {
        place.after = from - 1;
        place.onlyFindTheEnd = false;
      }
      places.add(place);
    }
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      while (true) {
        List<Deque<Said>> pages = round(threads, places, named.isEmpty());
        if (!showAll(pages, show)) {
          return;
        }
        if (!follow && places.stream().noneMatch(place -> place.more)) {
          return;
        }
        if (places.stream().noneMatch(place -> place.more && !place.away)) {
          Thread.sleep(PAUSE);
        }
      }
    }
  }

  /** Reads on in every log that there may be something in. */
  private List<Deque<Said>> round(ExecutorService threads, List<Place> places, boolean forgive)
      throws InterruptedException {
    List<Callable<Deque<Said>>> reads = new ArrayList<>();
    List<Place> read = new ArrayList<>();
    for (Place place : places) {
      if ((follow || place.more) && !Instant.now().isBefore(place.notBefore)) {
        reads.add(() -> read(place));
        read.add(place);
      }
    }
    List<Deque<Said>> pages = new ArrayList<>();
    List<Future<Deque<Said>>> results = threads.invokeAll(reads);
    for (int i = 0; i < results.size(); i++) {
      Place place = read.get(i);
      try {
        pages.add(results.get(i).get());
      } catch (ExecutionException e) {
        if (!(e.getCause() instanceof StatusRuntimeException status)) {
          throw new IllegalStateException(e.getCause());
        }
        if (forgive && Services.hasNoEvents(status)) {
          places.remove(place);
        } else if (follow && Services.passes(status)) {
          away(place, status);
        } else {
          throw Services.trouble(place.service, status);
        }
      }
    }
    if (places.isEmpty()) {
      throw Services.noneHasEvents();
    }
    return pages;
  }

  private Deque<Said> read(Place place) {
    TailEventsResponse page =
        services
            .admin(place.service)
            .tailEvents(
                TailEventsRequest.newBuilder()
                    .setAfterPosition(place.after)
                    .addAllTypes(types)
                    .setPageSize(PAGE)
                    .build());
    Deque<Said> said = new ArrayDeque<>();
    if (!place.onlyFindTheEnd) {
      page.getEventsList().forEach(event -> said.add(new Said(place.service, event)));
    }
    place.onlyFindTheEnd = false;
    place.after = page.getPosition();
    place.end = place.end < 0 || follow ? page.getLastPosition() : place.end;
    place.more = place.after < place.end;
    if (place.away) {
      place.away = false;
      notice.accept(place.service + " answers again");
    }
    return said;
  }

  private void away(Place place, StatusRuntimeException status) {
    if (!place.away) {
      place.away = true;
      notice.accept(Services.trouble(place.service, status).getMessage() + "; trying again");
    }
    place.notBefore = Instant.now().plus(PAUSE_AFTER_FAILURE);
  }

  /** Each log in its own order: the clocks of its transactions may not agree with it. */
  private static boolean showAll(List<Deque<Said>> pages, BiPredicate<String, Event> show) {
    Comparator<Deque<Said>> byTime =
        Comparator.comparing(
            page -> {
              var time = page.getFirst().event().getTime();
              return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
            });
    while (true) {
      var next = pages.stream().filter(page -> !page.isEmpty()).min(byTime);
      if (next.isEmpty()) {
        return true;
      }
      Said said = next.get().removeFirst();
      if (!show.test(said.service(), said.event())) {
        return false;
      }
    }
  }
}
