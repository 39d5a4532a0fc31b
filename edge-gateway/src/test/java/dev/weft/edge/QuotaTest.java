package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class QuotaTest {
  @Test
  void readsRequestsAndTheirWindow() {
    assertThat(Quota.parse("600/1m")).isEqualTo(new Quota(600, 60));
    assertThat(Quota.parse("1/30s")).isEqualTo(new Quota(1, 30));
    assertThat(Quota.parse("1000000/24h")).isEqualTo(new Quota(1_000_000, 86_400));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "600",
        "600/m",
        "/1m",
        "600/1",
        "600/1d",
        "-1/1m",
        "0/1m",
        "1/0s",
        "1/25h",
        "1000001/1m",
        "9999999999/1m",
        "600/1m ",
        "6/1M"
      })
  void refusesWhatIsNone(String text) {
    assertThatThrownBy(() -> Quota.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("such as 600/1m");
  }
}
