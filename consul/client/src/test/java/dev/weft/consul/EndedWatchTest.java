package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.gson.JsonPrimitive;
import dev.weft.consul.LastKnown.Page;
import dev.weft.consul.LastKnown.View;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The disk is left alone by a watch that has ended, so that its folder may go. */
@Timeout(60)
class EndedWatchTest {
  @TempDir Path temporary;
  private final CountDownLatch asked = new CountDownLatch(1);
  private final CountDownLatch mayAnswer = new CountDownLatch(1);
  private final CountDownLatch writing = new CountDownLatch(1);
  private final CountDownLatch mayWrite = new CountDownLatch(1);
  private final CountDownLatch polled = new CountDownLatch(1);
  private Path file;
  private Watch<String, View<String>> watch;

  /** One that has one answer for the disk, of which each step is to be allowed. */
  @BeforeEach
  void start() {
    Path folder = temporary.resolve("known");
    file = folder.resolve("services.json");
    DiskSnapshot.Form<String> form =
        new DiskSnapshot.Form<>(
            entries -> {
              writing.countDown();
              require(mayWrite);
              return new JsonPrimitive(entries.toString());
            },
            _ -> Map.of(),
            _ -> Instant.MAX);
    watch =
        new Watch<>(
            "the test",
            (_, _) -> {
              asked.countDown();
              require(mayAnswer);
              return new Page<>(Map.of("a", "up"), 7, false);
            },
            LastKnown.whole(Page::none),
            view -> view,
            new Semaphore(1),
            DiskSnapshot.in(Optional.of(folder), "services", form, InstantSource.system()));
    watch.start(
        () -> {
          // Between polls: the first time before any.
          boolean over = asked.getCount() == 0;
          if (over) {
            polled.countDown();
          }
          return over;
        });
  }

  private static void require(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void thePollInFlightWritesNothing() {
    mayWrite.countDown();
    require(asked);

    watch.end();
    mayAnswer.countDown();

    require(polled);
    assertThat(file.getParent()).doesNotExist();
  }

  @Test
  void aWriteThatHasBegunIsWaitedFor() throws InterruptedException {
    mayAnswer.countDown();
    require(writing);

    Thread ends = Thread.ofPlatform().start(watch::end);
    await().until(ends::getState, Thread.State.BLOCKED::equals);
    mayWrite.countDown();

    assertThat(ends.join(Duration.ofSeconds(30))).isTrue();
    assertThat(Files.exists(file)).isTrue();
  }
}
