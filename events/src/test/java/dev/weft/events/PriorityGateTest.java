package dev.weft.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;

class PriorityGateTest {
  private final PriorityGate gate = new PriorityGate(1);
  private final List<String> order = new CopyOnWriteArrayList<>();

  @Test
  void theOneOfTheHighestPriorityThatWaitsLongestGoesFirst() throws Exception {
    gate.enter(0);
    List<Thread> waiting =
        List.of(
            waiter("low", 0), waiter("first high", 5), waiter("second high", 5), waiter("mid", 1));
    gate.leave();
    for (Thread one : waiting) {
      assertThat(one.join(Duration.ofSeconds(10))).isTrue();
    }
    assertThat(order).containsExactly("first high", "second high", "mid", "low");
  }

  @Test
  void oneThatGivesUpTakesNoSlotAlong() throws Exception {
    gate.enter(0);
    Thread givesUp = waiter("gives up", 9);
    givesUp.interrupt();
    assertThat(givesUp.join(Duration.ofSeconds(10))).isTrue();
    Thread other = waiter("other", 0);
    gate.leave();
    assertThat(other.join(Duration.ofSeconds(10))).isTrue();
    assertThat(order).containsExactly("other");
  }

  /** Returns when it waits. */
  private Thread waiter(String name, int priority) {
    Thread thread =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    gate.enter(priority);
                  } catch (InterruptedException e) {
                    return;
                  }
                  order.add(name);
                  gate.leave();
                });
    await().until(() -> thread.getState() == Thread.State.WAITING);
    return thread;
  }
}
