package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

class GoDurationTest {
  @Test
  void readsWhatGoWrites() {
    assertThat(GoDuration.positive("300ms")).contains(Duration.ofMillis(300));
    assertThat(GoDuration.positive("1.5s")).contains(Duration.ofMillis(1_500));
    assertThat(GoDuration.positive("2h45m0s")).contains(Duration.ofMinutes(165));
  }

  @Test
  void takesNothingElse() {
    for (String text : new String[] {"", "0s", "0", "5", "-3s", "3 s", "3s!", "PT3S", "1us"}) {
      assertThat(GoDuration.positive(text)).as(text).isEmpty();
    }
  }
}
