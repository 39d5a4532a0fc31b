package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;

class BackoffTest {
  private final Backoff backoff = new Backoff(Duration.ofMillis(200), Duration.ofSeconds(10));

  @Test
  void doublesUpToItsCap() {
    assertThat(backoff.ceilingMillis(1)).isEqualTo(200);
    assertThat(backoff.ceilingMillis(2)).isEqualTo(400);
    assertThat(backoff.ceilingMillis(6)).isEqualTo(6_400);
    assertThat(backoff.ceilingMillis(7)).isEqualTo(10_000);
    assertThat(backoff.ceilingMillis(Integer.MAX_VALUE)).isEqualTo(10_000);
  }

  @Test
  void takesAtMostHalfOfTheWaitAway() {
    for (int i = 0; i < 1_000; i++) {
      assertThat(backoff.after(3, ThreadLocalRandom.current()))
          .isBetween(Duration.ofMillis(400), Duration.ofMillis(800));
    }
  }

  @Test
  void isNoShorterThanAskedForUnlessThatIsAboveTheCap() {
    for (int i = 0; i < 1_000; i++) {
      ThreadLocalRandom random = ThreadLocalRandom.current();
      assertThat(backoff.after(1, Duration.ofSeconds(4), random))
          .isBetween(Duration.ofSeconds(4), Duration.ofSeconds(5));
      assertThat(backoff.after(1, Duration.ofHours(1), random)).isEqualTo(Duration.ofSeconds(10));
      assertThat(backoff.after(5, Duration.ofSeconds(1), random))
          .isBetween(Duration.ofMillis(1_600), Duration.ofMillis(3_200));
    }
  }

  @Test
  void goesOnToAnHourOnceAnUndoingHasStalled() {
    Backoff stalled = SagaSettings.DEFAULT.backoffOfStalled();
    assertThat(stalled.ceilingMillis(1)).isEqualTo(20_000);
    assertThat(stalled.ceilingMillis(8)).isEqualTo(2_560_000);
    assertThat(stalled.ceilingMillis(9)).isEqualTo(3_600_000);
  }
}
