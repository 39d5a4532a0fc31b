package dev.weft.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Event;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class TogetherTest {
  private final List<List<String>> takenIn = new CopyOnWriteArrayList<>();
  private final Map<String, Boolean> told = new ConcurrentHashMap<>();
  private final CountDownLatch first = new CountDownLatch(1);

  @Test
  void thoseThatComeWhileOthersAreTakenInAreTheNextOnes() throws Exception {
    bring(new Together(3, this::takeIn), "a", "b", "c", "d", "e");

    assertThat(takenIn).containsExactly(List.of("a"), List.of("b", "c", "d"), List.of("e"));
    assertThat(told).hasSize(5).doesNotContainValue(false);
  }

  @Test
  void allHearThatTheyWereNotTakenIn() throws Exception {
    Together together = new Together(9, events -> takeIn(events) && events.size() < 3);
    bring(together, "a", "b", "c", "d");

    assertThat(told)
        .containsOnly(
            Map.entry("a", true),
            Map.entry("b", false),
            Map.entry("c", false),
            Map.entry("d", false));
  }

  @Test
  void whatIsThrownConcernsOneAndTheOthersAreForThemselves() throws Exception {
    Together together =
        new Together(
            9,
            events -> {
              if (takeIn(events) && events.size() > 1) {
                throw new IllegalStateException("away");
              }
              return true;
            });
    bring(together, "a", "b", "c", "d");

    assertThat(takenIn).containsExactly(List.of("a"), List.of("b", "c", "d"));
    assertThat(told)
        .containsOnlyKeys("a", "c", "d")
        .containsEntry("c", false)
        .containsEntry("d", false);
  }

  @Test
  void oneThatGivesUpIsNotTakenIn() throws Exception {
    Together together = new Together(9, this::takeIn);
    Thread one = bringer(together, "a");
    Thread givesUp = bringer(together, "b");
    givesUp.interrupt();
    assertThat(givesUp.join(Duration.ofSeconds(10))).isTrue();
    Thread other = bringer(together, "c");
    first.countDown();
    assertThat(one.join(Duration.ofSeconds(10))).isTrue();
    assertThat(other.join(Duration.ofSeconds(10))).isTrue();

    assertThat(takenIn).containsExactly(List.of("a"), List.of("c"));
  }

  /** The first one is being taken in until all others are there. */
  private boolean takeIn(List<Event> events) throws InterruptedException {
    takenIn.add(events.stream().map(event -> event.aggregate().id()).toList());
    first.await();
    return true;
  }

  private void bring(Together together, String... names) throws InterruptedException {
    List<Thread> bringers = new ArrayList<>();
    for (String name : names) {
      bringers.add(bringer(together, name));
    }
    first.countDown();
    for (Thread one : bringers) {
      assertThat(one.join(Duration.ofSeconds(10))).isTrue();
    }
  }

  /** Returns when it waits. */
  private Thread bringer(Together together, String name) {
    Thread thread =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    told.put(name, together.takeIn(event(name)));
                  } catch (IllegalStateException | InterruptedException e) {
                    // Nothing was said to it.
                  }
                });
    await().until(() -> thread.getState() == Thread.State.WAITING);
    return thread;
  }

  private static Event event(String name) {
    Event some =
        Event.unreadable("order-svc", name.getBytes(StandardCharsets.UTF_8), Instant.EPOCH);
    return new Event(
        0,
        some.id(),
        some.source(),
        some.type(),
        0,
        new Event.Aggregate("order", name, 1),
        some.content(),
        some.origin(),
        some.recordedAt());
  }
}
