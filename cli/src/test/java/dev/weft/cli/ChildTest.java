package dev.weft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChildTest {
  private static final Duration LIMIT = Duration.ofSeconds(10);

  private final Recorder recorder = new Recorder();
  private Path dir;
  private Child child;

  @BeforeEach
  void start(@TempDir Path temporary) {
    dir = temporary;
    child =
        new Child(
            new ProcessSpec(
                "sleeper",
                List.of("sh", "-c", "echo \"awake in $PLACE\"; exec sleep 600"),
                Map.of("PLACE", "bed"),
                dir,
                "TERM"),
            new LogFile(dir.resolve("sleeper.log")),
            recorder);
    child.start();
    await().atMost(LIMIT).until(() -> recorder.lines.contains("sleeper: awake in bed"));
  }

  @AfterEach
  void stop() {
    child.stop(LIMIT);
  }

  @Test
  void keepsWhatTheProcessSays() {
    assertThat(dir.resolve("sleeper.log")).content().isEqualTo("awake in bed\n");
  }

  @Test
  void startsAProcessThatDiesAgainAndNamesIt() {
    long first = child.pid();

    ProcessHandle.of(first).orElseThrow().destroyForcibly();

    await().atMost(LIMIT).until(() -> child.pid() != 0 && child.pid() != first);
    assertThat(recorder.deaths).containsExactly("sleeper 137 PT0.5S");
    assertThat(child.restarts()).isEqualTo(1);
  }

  @Test
  void stopsAProcessForGood() {
    ProcessHandle process = ProcessHandle.of(child.pid()).orElseThrow();

    child.stop(LIMIT);

    assertThat(process.isAlive()).isFalse();
    assertThat(child.state()).isEqualTo(Child.State.STOPPED);
    assertThat(child.pid()).isZero();
    assertThat(recorder.deaths).isEmpty();
  }

  @Test
  void theProcessEndsWhenItsSupervisorIsKilled() throws Exception {
    Path pidFile = dir.resolve("pid");
    Process supervisor =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xshare:auto",
                "-cp",
                System.getProperty("java.class.path"),
                Owner.class.getName(),
                pidFile.toString())
            .inheritIO()
            .start();
    try {
      await().atMost(LIMIT).until(() -> Files.exists(pidFile) && Files.size(pidFile) > 0);
      ProcessHandle orphan =
          ProcessHandle.of(Long.parseLong(Files.readString(pidFile))).orElseThrow();

      supervisor.destroyForcibly().waitFor();

      await().atMost(LIMIT).until(() -> !orphan.isAlive());
    } finally {
      supervisor.destroyForcibly();
    }
  }

  /** A supervisor that can be killed. */
  static final class Owner {
    public static void main(String[] args) throws Exception {
      Path pidFile = Path.of(args[0]);
      Path dir = pidFile.resolveSibling("work");
      Files.createDirectory(dir);
      var child =
          new Child(
              new ProcessSpec("orphan", List.of("sleep", "600"), Map.of(), dir, "TERM"),
              new LogFile(dir.resolve("orphan.log")),
              new Recorder());
      child.start();
      Files.writeString(pidFile, "" + child.pid());
      Thread.currentThread().join();
    }
  }

  private static final class Recorder implements Child.Listener {
    final List<String> lines = new CopyOnWriteArrayList<>();
    final List<String> deaths = new CopyOnWriteArrayList<>();

    @Override
    public void line(String process, String line) {
      lines.add(process + ": " + line);
    }

    @Override
    public void died(String process, int exitCode, Duration restartIn) {
      deaths.add(process + " " + exitCode + " " + restartIn);
    }

    @Override
    public void changed() {}
  }
}
