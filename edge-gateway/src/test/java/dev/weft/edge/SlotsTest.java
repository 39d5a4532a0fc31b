package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class SlotsTest {
  @Test
  void givesEachHolderAsManyAsItMayHaveAtOnce() {
    Slots slots = new Slots(2);

    assertThat(slots.take("a")).isTrue();
    assertThat(slots.take("a")).isTrue();
    assertThat(slots.take("a")).isFalse();
    assertThat(slots.take("b")).isTrue();

    slots.release("a");
    assertThat(slots.take("a")).isTrue();
    assertThat(slots.take("a")).isFalse();
  }

  @Test
  void refusingTakesNothing() {
    Slots slots = new Slots(1);
    assertThat(slots.take("a")).isTrue();
    for (int i = 0; i < 3; i++) {
      assertThat(slots.take("a")).isFalse();
    }

    slots.release("a");

    assertThat(slots.take("a")).isTrue();
  }
}
