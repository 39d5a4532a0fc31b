package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class UuidV7Test {
  @Test
  void hasTheVersionTheVariantAndTheTime() {
    UUID id = new UuidV7(() -> Instant.ofEpochMilli(1_700_000_000_123L)).make();
    assertThat(id.version()).isEqualTo(7);
    assertThat(id.variant()).isEqualTo(2);
    assertThat(id.getMostSignificantBits() >>> 16).isEqualTo(1_700_000_000_123L);
  }

  @Test
  void increasesWhileTheClockStandsStillAndWhenItStepsBack() {
    AtomicLong now = new AtomicLong(1_700_000_000_000L);
    UuidV7 ids = new UuidV7(() -> Instant.ofEpochMilli(now.get()));
    List<String> made = new ArrayList<>();
    for (int i = 0; i < 10_000; i++) {
      made.add(ids.make().toString());
      if (i == 5_000) {
        now.addAndGet(-60_000);
      }
    }
    assertThat(made).isSorted();
    assertThat(new HashSet<>(made)).hasSize(10_000);
  }
}
