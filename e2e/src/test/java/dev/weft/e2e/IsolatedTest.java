package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.prove.StateFolder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** A system beside others, whose folder nobody chose, leaves nothing behind. */
@BesideSharedWeft
final class IsolatedTest {
  private static final Path ALL = Command.ROOT.resolve(".weft").resolve("isolated");
  private static final Duration LIMIT = Duration.ofMinutes(3);

  private final Set<Path> before = folders();

  @Test
  void itsFolderIsGoneAfterDown() {
    Command.Outcome up = Command.weft("up", "--isolated", "--detach", "--registry", "dev");
    assertThat(up.exitCode()).as(up.all()).isZero();
    Path folder = added();
    assertThat(up.out()).contains("./weft down --state " + folder);
    assertThat(folder.resolve("postgres")).isDirectory();
    StateFolder state = new StateFolder(folder);
    List<ProcessHandle> all =
        state.processes().stream()
            .map(process -> ProcessHandle.of(state.pid(process)).orElseThrow())
            .toList();

    Command.Outcome down = Command.weft("down", "--state", folder.toString());

    assertThat(down.exitCode()).as(down.all()).isZero();
    assertThat(folder).doesNotExist();
    await()
        .atMost(Duration.ofSeconds(5))
        .untilAsserted(() -> assertThat(all).noneMatch(ProcessHandle::isAlive));
    assertThat(Command.weft("down", "--state", folder.toString()).exitCode()).isEqualTo(3);
  }

  @Test
  void itsFolderIsGoneAfterItWasInterruptedWhileItStarted() throws Exception {
    Path out = Files.createTempFile(Command.TARGET, "isolated", ".txt");
    ProcessBuilder builder =
        new ProcessBuilder(
                Command.ROOT.resolve("weft").toString(), "up", "--isolated", "--registry", "dev")
            .directory(Command.ROOT.toFile())
            .redirectErrorStream(true)
            .redirectOutput(out.toFile());
    builder.environment().remove("WEFT_STATE_DIR");
    builder.environment().put("WEFT_BUILT", "1");
    Process up = builder.start();
    try {
      await("the database")
          .atMost(LIMIT)
          .until(() -> Files.readString(out).contains("✔ postgres ") || !up.isAlive());
      assertThat(up.isAlive()).as(Files.readString(out)).isTrue();
      Path folder = added();

      up.destroy();

      assertThat(up.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
      assertThat(folder).doesNotExist();
    } finally {
      up.destroyForcibly();
      Files.delete(out);
    }
  }

  /** The one that was not there before. */
  private Path added() {
    Set<Path> now = folders();
    now.removeAll(before);
    assertThat(now).hasSize(1);
    return List.copyOf(now).getFirst();
  }

  private static Set<Path> folders() {
    if (!Files.isDirectory(ALL)) {
      return new HashSet<>();
    }
    try (Stream<Path> all = Files.list(ALL)) {
      return new HashSet<>(all.toList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
