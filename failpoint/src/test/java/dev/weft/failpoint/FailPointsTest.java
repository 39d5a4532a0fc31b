package dev.weft.failpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FailPointsTest {
  private final Path folder;
  private final AtomicInteger halted = new AtomicInteger();
  private final FailPoints points;

  FailPointsTest(@TempDir Path folder) {
    this.folder = folder;
    points = new FailPoints(folder, _ -> halted.incrementAndGet());
  }

  @Test
  void doesNothingUnlessArmed() {
    points.hit("a.b");

    assertThat(halted).hasValue(0);
    assertThat(folder).isEmptyDirectory();
  }

  @Test
  void firesOnceAndSaysSo() throws Exception {
    arm("a.b", "halt\n");

    points.hit("a.c");
    assertThat(halted).hasValue(0);
    points.hit("a.b");
    points.hit("a.b");

    assertThat(halted).hasValue(1);
    assertThat(folder.resolve("a.b")).doesNotExist();
    assertThat(folder.resolve("a.b.fired")).exists();
  }

  @Test
  void firesOnceForManyThreads() throws Exception {
    arm("a.b", "halt");
    List<Future<?>> hits = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 50; i++) {
        hits.add(threads.submit(() -> points.hit("a.b")));
      }
    }
    for (Future<?> hit : hits) {
      hit.get();
    }

    assertThat(halted).hasValue(1);
  }

  @Test
  void throwsWhereItIsToFail() throws Exception {
    arm("a.b", "fail");

    assertThatThrownBy(() -> points.hit("a.b"))
        .isInstanceOf(FailPoint.Failure.class)
        .hasMessage("fail point a.b");
    assertThatCode(() -> points.hit("a.b")).doesNotThrowAnyException();
  }

  @Test
  void stallsAlsoAThreadThatIsInterrupted() throws Exception {
    arm("a.b", "stall 30");
    long begin = System.nanoTime();

    Thread.currentThread().interrupt();
    points.hit("a.b");

    assertThat(Thread.interrupted()).isTrue();
    assertThat(System.nanoTime() - begin).isGreaterThanOrEqualTo(30_000_000L);
  }

  @Test
  void refusesAnActionItDoesNotKnow() throws Exception {
    arm("a.b", "explode");

    assertThatThrownBy(() -> points.hit("a.b"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("explode");
  }

  @Test
  void isInertInThisProcessWhichHasNoPermit() {
    assertThat(FailPoint.class.getClassLoader().getResource(FailPoint.PERMIT)).isNull();
    assertThatCode(() -> FailPoint.hit("a.", "b", ".c")).doesNotThrowAnyException();
  }

  private void arm(String point, String action) throws IOException {
    Files.writeString(folder.resolve(point), action);
  }
}
