package dev.weft.prove;

import dev.weft.event.v1.Delivery;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Deliveries of one stream that are to be made three times each, out of order.
 *
 * <p>A reader acknowledges lane by lane what it has handled. So that this names nothing that it did
 * not get, the tokens of a lane stay behind until all that waits in it was delivered.
 */
final class Shuffle {
  static final int TIMES = 3;

  private final Random random;
  private final Map<Integer, List<Delivery>> waiting = new TreeMap<>(); // by lane
  private final Map<Integer, String> tokens = new HashMap<>(); // by lane, the last one handed on

  Shuffle(Random random) {
    this.random = random;
  }

  void add(Delivery delivery) {
    waiting.computeIfAbsent(delivery.getLane(), _ -> new ArrayList<>()).add(delivery);
  }

  /** All that wait, as they are to be delivered. */
  List<Delivery> next() {
    List<Delivery> next = new ArrayList<>();
    waiting.forEach((lane, deliveries) -> next(lane, deliveries, next));
    waiting.clear();
    return next;
  }

  private void next(int lane, List<Delivery> deliveries, List<Delivery> next) {
    Delivery last = deliveries.getLast();
    List<Delivery> events = deliveries.stream().filter(Delivery::hasEvent).toList();
    @Nullable String token = tokens.put(lane, last.getToken());
    if (events.isEmpty()) {
      next.add(last);
      return;
    }
    if (token == null) {
      // There is no earlier one, so the first event comes first.
      next.add(events.getFirst());
      token = events.getFirst().getToken();
    }
    List<Delivery> again = new ArrayList<>();
    for (int i = 0; i < TIMES; i++) {
      again.addAll(events);
    }
    Collections.shuffle(again, random);
    for (Delivery delivery : again.subList(0, again.size() - 1)) {
      next.add(delivery.toBuilder().setToken(token).build());
    }
    next.add(again.getLast().toBuilder().setToken(last.getToken()).build());
  }
}
