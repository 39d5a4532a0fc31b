package dev.weft.events;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.durable.Event;
import dev.weft.durable.EventGroups.Share;
import dev.weft.events.RelayLanes.Front;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RelayLanesTest {
  private static final long NOW = 1_000;

  private final List<Event> log = new ArrayList<>();
  private final RelayLanes lanes = new RelayLanes();

  @Test
  void theFirstOfARoutingKeyIsWaitedForAndThenNoneIs() {
    say("a", "b", "a", "a", "b");
    hold(1);
    assertThat(sendMore()).extracting(Event::position).containsExactly(1L, 2L);
    assertThat(sendMore()).isEmpty();
    lanes.taken(log.getFirst());
    assertThat(sendMore()).extracting(Event::position).containsExactly(3L, 4L);
    assertThat(done("a")).isEqualTo(2);
    assertThat(done("b")).isEqualTo(1);
  }

  @Test
  void theLogIsToldOfNothingThatComesAfterSomethingUnanswered() {
    say("a", "a", "a");
    proven();
    sendMore();
    lanes.taken(log.get(0));
    lanes.taken(log.get(2));
    assertThat(done("a")).isEqualTo(1);
    lanes.taken(log.get(1));
    assertThat(done("a")).isEqualTo(3);
    lanes.marked(lanes.unmarked());
    assertThat(lanes.unmarked()).isEmpty();
  }

  @Test
  void aLaneGoesBackToWhatWasRefusedAndTriesThatAloneAfterARest() {
    say("a", "a", "a", "b");
    proven();
    sendMore();
    lanes.refused(log.get(1), NOW + 5);
    lanes.taken(log.get(2));
    lanes.taken(log.get(3));
    assertThat(done("b")).isEqualTo(4);
    assertThat(sendMore()).isEmpty();
    assertThat(lanes.probes(NOW + 9)).isEmpty();
    lanes.taken(log.get(0));
    assertThat(done("a")).isEqualTo(1);
    assertThat(lanes.probes(NOW)).isEmpty();
    assertThat(lanes.nextProbe()).hasValue(NOW + 5);
    assertThat(probe(NOW + 5)).containsExactly(log.get(1));
    assertThat(sendMore()).isEmpty();
    lanes.taken(log.get(1));
    assertThat(sendMore()).containsExactly(log.get(2));
  }

  @Test
  void aLaneThatAnotherHasTakenOverSaysNothingMore() {
    say("a", "a");
    proven();
    sendMore();
    lanes.hold(List.of());
    log.forEach(lanes::taken);
    assertThat(lanes.unmarked()).isEmpty();
    hold(3);
    assertThat(sendMore()).isEqualTo(log);
  }

  static IntStream seeds() {
    return IntStream.range(0, 200);
  }

  /**
   * Against a broker that refuses, falls silent, loses connections and meets queues for the first
   * time, at random: each queue gets each aggregate's events in their order for the first time, the
   * log is told of nothing that a queue lacks, and in the end every queue has everything.
   */
  @ParameterizedTest
  @MethodSource("seeds")
  void nothingIsLostAndNothingOvertakenWhateverTheBrokerDoes(int seed) {
    Random random = new Random(seed);
    String[] ids =
        IntStream.range(0, 200).mapToObj(_ -> "order-" + random.nextInt(25)).toArray(String[]::new);
    say(ids);
    hold(1);
    BrokerModel broker = new BrokerModel(random);
    for (int i = 0; i < 2_000; i++) {
      switch (random.nextInt(100)) {
        case 0 -> {
          broker.lose(broker.main);
          broker.lose(broker.probes);
          lanes.startOver();
        }
        case 1 -> {
          lanes.doubt(NOW);
          broker.lose(broker.main);
          broker.lose(broker.probes);
          lanes.startOver();
        }
        case 2 -> {
          broker.lose(broker.probes);
          lanes.careful().forEach(lanes::probeAgain);
        }
        case 3, 4, 5, 6 -> broker.change();
        case 7, 8 -> checkMarks(broker);
        default -> goOn(broker, random);
      }
    }
    broker.heal();
    for (int i = 0; i < 10_000 && done() < (long) log.size() * Event.BUCKETS; i++) {
      goOn(broker, random);
    }
    checkMarks(broker);
    assertThat(done()).isEqualTo((long) log.size() * Event.BUCKETS);
    for (BrokerModel.Queue queue : broker.queues) {
      assertThat(queue.taken())
          .containsExactlyInAnyOrderElementsOf(log.stream().filter(queue::wants).toList());
      queue.taken().stream()
          .collect(Collectors.groupingBy(event -> event.aggregate().id()))
          .values()
          .forEach(
              some ->
                  assertThat(some)
                      .isSortedAccordingTo(
                          Comparator.comparingLong(event -> event.aggregate().version())));
    }
  }

  /** Something is sent, or answered. */
  private void goOn(BrokerModel broker, Random random) {
    switch (random.nextInt(4)) {
      case 0 -> broker.main.addAll(sendMore());
      case 1 -> broker.probes.addAll(probe(NOW));
      case 2 -> answer(broker, broker.main, random.nextInt(6));
      default -> answer(broker, broker.probes, random.nextInt(3));
    }
  }

  private void answer(BrokerModel broker, Deque<Event> channel, int atMost) {
    for (int n = 0; n < atMost && !channel.isEmpty(); n++) {
      Event event = channel.remove();
      if (broker.take(event, channel)) {
        lanes.taken(event);
      } else {
        lanes.refused(event, NOW);
      }
    }
  }

  private void checkMarks(BrokerModel broker) {
    Map<Integer, Long> told =
        lanes.unmarked().stream().collect(Collectors.toMap(Share::bucket, Share::position));
    for (Event event : log) {
      if (event.position() <= told.getOrDefault(event.aggregate().bucket(), 0L)) {
        assertThat(broker.queues).noneMatch(queue -> queue.wants(event) && !queue.has(event));
      }
    }
  }

  /** Events of these aggregates, in this order; every third one is of another type. */
  private void say(String... ids) {
    for (String id : ids) {
      long version = log.stream().filter(e -> e.aggregate().id().equals(id)).count() + 1;
      log.add(event(log.size() + 1L, id, version));
    }
  }

  private static Event event(long position, String id, long version) {
    return new Event(
        position,
        new UUID(0, position),
        "order-svc",
        version % 3 == 0 ? "shop.order.changed" : "shop.order.created",
        1,
        new Event.Aggregate("shop.order", id, version),
        new Event.Content("text/plain", "", new byte[0]),
        Event.Origin.request("request", Optional.empty()),
        Instant.EPOCH);
  }

  private void hold(long generation) {
    lanes.hold(
        IntStream.range(0, Event.BUCKETS)
            .mapToObj(lane -> new Share(lane, generation, 0))
            .toList());
  }

  /** As after a while: the broker has taken events of each routing key. */
  private void proven() {
    hold(1);
    List<Event> before = List.copyOf(log);
    for (Event event : before) {
      Front front = lanes.front().orElseThrow();
      lanes.send(front, List.of(event), event.position());
      lanes.taken(event);
    }
    hold(2);
  }

  private List<Event> sendMore() {
    return lanes.front().stream()
        .flatMap(
            front -> {
              List<Event> read = read(front, 7);
              long end = read.size() == 7 ? read.getLast().position() : log.size();
              return lanes.send(front, read, end).stream();
            })
        .toList();
  }

  private List<Event> probe(long now) {
    return lanes.probes(now).entrySet().stream()
        .flatMap(
            lane -> {
              List<Event> next = read(new Front(lane.getValue(), List.of(lane.getKey())), 1);
              lanes.probe(lane.getKey(), next);
              return next.stream();
            })
        .toList();
  }

  private List<Event> read(Front front, int atMost) {
    return log.stream()
        .filter(event -> event.position() > front.position())
        .filter(event -> front.lanes().contains(event.aggregate().bucket()))
        .limit(atMost)
        .toList();
  }

  private long done(String id) {
    int lane = new Event.Aggregate("shop.order", id, 1).bucket();
    return lanes.unmarked().stream()
        .filter(share -> share.bucket() == lane)
        .mapToLong(Share::position)
        .findFirst()
        .orElse(0);
  }

  /** The sum over all lanes. */
  private long done() {
    return lanes.unmarked().stream().mapToLong(Share::position).sum();
  }
}
