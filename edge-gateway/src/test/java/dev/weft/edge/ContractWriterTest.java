package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ContractWriterTest {
  private static final ContractFile.Kept WEATHER =
      new ContractFile.Kept("weather", Contracts.weather().contracts().getFirst());
  private static final ContractFile.Kept LIBRARY =
      new ContractFile.Kept("library", Contracts.library().contracts().getFirst());
  private static final Duration LONG = Duration.ofHours(1);

  @TempDir Path folder;

  private final AtomicReference<List<ContractFile.Kept>> state = new AtomicReference<>(List.of());
  private final AtomicInteger asked = new AtomicInteger();

  @Test
  void writesAtOnceAndThenTheLastStateWhenItIsClosed() {
    try (ContractWriter writer = writer(LONG)) {
      become(writer, WEATHER);
      await().until(() -> read().equals(List.of(WEATHER)));

      become(writer, LIBRARY);
      become(writer, WEATHER, LIBRARY);
    }

    assertThat(read()).containsExactly(WEATHER, LIBRARY);
    assertThat(asked).as("times that it was written").hasValue(2);
  }

  @Test
  void writesEachStateThatLastsLongEnough() {
    try (ContractWriter writer = writer(Duration.ofMillis(1))) {
      become(writer, WEATHER);
      await().until(() -> read().equals(List.of(WEATHER)));
      become(writer, LIBRARY);
      await().until(() -> read().equals(List.of(LIBRARY)));
      await().until(() -> threads() == 0);
      become(writer, WEATHER, LIBRARY);
      await().until(() -> read().equals(List.of(WEATHER, LIBRARY)));
    }
  }

  @Test
  void doesNothingIfNothingHasChanged() {
    writer(LONG).close();

    assertThat(asked).hasValue(0);
    assertThat(Files.exists(folder.resolve("contracts.bin"))).isFalse();
  }

  private ContractWriter writer(Duration pause) {
    return new ContractWriter(
        new ContractFile(folder),
        () -> {
          asked.incrementAndGet();
          return state.get();
        },
        pause);
  }

  private void become(ContractWriter writer, ContractFile.Kept... now) {
    state.set(List.of(now));
    writer.changed();
  }

  private List<ContractFile.Kept> read() {
    return new ContractFile(folder).read();
  }

  private static long threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("contracts"))
        .count();
  }
}
