package dev.weft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ReadinessWatchTest {
  private final AtomicInteger changes = new AtomicInteger();
  private Child child;

  @BeforeEach
  void start(@TempDir Path dir) {
    child =
        new Child(
            new ProcessSpec("sleeper", List.of("sleep", "600"), Map.of(), dir, "TERM"),
            new LogFile(dir.resolve("sleeper.log")),
            new Child.Listener() {
              @Override
              public void line(String process, String line) {}

              @Override
              public void died(String process, int exitCode, Duration restartIn) {}

              @Override
              public void changed() {
                changes.incrementAndGet();
              }
            });
    child.start();
  }

  @AfterEach
  void stop() {
    child.stop(Duration.ofSeconds(10));
  }

  @Test
  void aProcessThatStartsIsReadyWhenItAnswers() throws Exception {
    watch(name -> false, name -> true).lookAtAll();
    assertThat(child.state()).isEqualTo(Child.State.STARTING);

    watch(name -> true, name -> false).lookAtStarting();
    assertThat(child.state()).isEqualTo(Child.State.READY);
  }

  @Test
  void aReadyProcessThatStopsAnsweringIsUnreadyAfterThreeMissesAndReadyAgainWhenItAnswers()
      throws Exception {
    child.ready();
    ReadinessWatch silent = watch(name -> true, name -> false);
    ReadinessWatch talking = watch(name -> false, name -> true);

    silent.lookAtAll();
    silent.lookAtAll();
    talking.lookAtAll();
    silent.lookAtAll();
    silent.lookAtAll();
    assertThat(child.state()).isEqualTo(Child.State.READY);
    int before = changes.get();

    silent.lookAtAll();
    assertThat(child.state()).isEqualTo(Child.State.UNREADY);
    assertThat(changes).hasValue(before + 1);

    talking.lookAtStarting();
    assertThat(child.state()).isEqualTo(Child.State.UNREADY);
    talking.lookAtAll();
    assertThat(child.state()).isEqualTo(Child.State.READY);
  }

  @Test
  void whatWasStoppedStaysStopped() throws Exception {
    child.ready();
    child.stop(Duration.ofSeconds(10));

    watch(name -> true, name -> true).lookAtAll();

    assertThat(child.state()).isEqualTo(Child.State.STOPPED);
  }

  @Test
  void whoAcceptsConnectionsAndSaysNothingDoesNotAnswerInTime() throws Exception {
    try (var mute = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
      long began = System.nanoTime();

      Http.Answer answer =
          new Http()
              .get("http://127.0.0.1:" + mute.getLocalPort() + "/readyz", Duration.ofMillis(200));

      assertThat(answer.ok()).isFalse();
      assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(5));
    }
  }

  private ReadinessWatch watch(Predicate<String> answers, Predicate<String> stillAnswers) {
    return new ReadinessWatch(() -> List.of(child), answers, stillAnswers);
  }
}
