package dev.weft.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.time.Duration;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class RetryPolicyTest {
  private final RetryPolicy policy =
      new RetryPolicy(5, Duration.ofMillis(100), Duration.ofMillis(350));

  @Test
  void waitsAnyTimeUpToACeilingThatDoublesToTheCap() {
    assertThat(longestOf(1)).isBetween(90L, 100L);
    assertThat(longestOf(2)).isBetween(180L, 200L);
    assertThat(longestOf(3)).isBetween(315L, 350L);
    assertThat(longestOf(60)).isBetween(315L, 350L);
  }

  @Test
  void refusesWhatNeverEndsOrNeverBegins() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new RetryPolicy(0, Duration.ofMillis(1), Duration.ofMillis(1)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new RetryPolicy(1, Duration.ofMillis(2), Duration.ofMillis(1)));
  }

  private long longestOf(int failures) {
    Random random = new Random(7);
    return IntStream.range(0, 1_000)
        .mapToLong(_ -> policy.after(failures, random).toMillis())
        .max()
        .orElseThrow();
  }
}
