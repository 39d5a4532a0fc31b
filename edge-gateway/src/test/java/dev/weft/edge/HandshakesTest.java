package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class HandshakesTest {
  private final AtomicLong now = new AtomicLong(5);

  private void pass(Duration time) {
    now.addAndGet(time.toNanos());
  }

  @Test
  void boundsWhatOneAddressBegins() {
    Handshakes handshakes = new Handshakes(5, now::get);

    for (int i = 0; i < 5; i++) {
      assertThat(handshakes.begin("a")).isTrue();
    }
    assertThat(handshakes.begin("a")).isFalse();
    assertThat(handshakes.begin("b")).as("another").isTrue();

    pass(Duration.ofMillis(1_999));
    assertThat(handshakes.begin("a")).isFalse();
    pass(Duration.ofMillis(1));
    assertThat(handshakes.begin("a")).isTrue();
    assertThat(handshakes.begin("a")).isFalse();
  }

  @Test
  void boundsWhatAllBegin() {
    Handshakes handshakes = new Handshakes(2, now::get);

    for (int i = 0; i < 80; i++) {
      assertThat(handshakes.begin("address " + i)).isTrue();
    }
    assertThat(handshakes.begin("one more")).isFalse();

    pass(Duration.ofSeconds(10));
    assertThat(handshakes.begin("one more")).isTrue();
  }
}
