package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import org.junit.jupiter.api.Test;

class Rfc3339Test {
  @Test
  void writesTimesToTheMillisecond() {
    for (String text :
        new String[] {
          "2026-12-31T23:59:59.999Z", "2027-01-01T00:00:00.000Z", "2027-01-01T00:00:00.070Z"
        }) {
      assertThat(Rfc3339.of(Instant.parse(text))).isEqualTo(text);
    }
  }

  @Test
  void saysWhatTimeItIs() {
    Instant before = Instant.now();

    assertThat(Instant.parse(Rfc3339.now())).isBetween(before.minusMillis(1), Instant.now());
  }
}
