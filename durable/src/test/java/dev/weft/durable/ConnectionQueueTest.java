package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.jdbi.v3.core.ConnectionException;
import org.junit.jupiter.api.Test;

class ConnectionQueueTest {
  private final AtomicLong patience = new AtomicLong();
  private final ConnectionQueue queue =
      new ConnectionQueue(2, longest -> Duration.ofMillis(patience.get()));

  @Test
  void takesOneIntoUseUntilSomebodyHasWaited() {
    queue.enter();
    assertThat(queue.unused()).isEqualTo(1);

    patience.set(60_000);
    queue.enter();
    assertThat(queue.unused()).isZero();

    patience.set(0);
    assertThatThrownBy(queue::enter)
        .isInstanceOf(ConnectionException.class)
        .hasMessageContaining("no connection was free within 0 ms");
    queue.leave();
    queue.enter();
    queue.leave();
    queue.leave();
  }

  @Test
  void oneAfterTheOtherNeedsNoMoreThanOne() {
    patience.set(60_000);
    for (int i = 0; i < 100; i++) {
      queue.enter();
      queue.leave();
    }
    assertThat(queue.unused()).isEqualTo(1);
  }
}
