package dev.weft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code ./weft restart} leaves alone; what it does to a system is in e2e. */
final class RestartCommandTest {
  @TempDir private Path folder;
  private Process database;

  @BeforeEach
  void start() throws IOException {
    database = new ProcessBuilder("sleep", "600").start();
    ProcessHandle self = ProcessHandle.current();
    long started = self.info().startInstant().orElseThrow().toEpochMilli();
    long since = database.info().startInstant().orElseThrow().toEpochMilli();
    new SystemState(
            new SystemState.Running("supervisor", self.pid(), started, "ready", 0, 0, 0),
            true,
            false,
            false,
            List.of(
                new SystemState.Running("postgres", database.pid(), since, "ready", 9432, 0, 0),
                new SystemState.Running("order-svc", 1, 0, "ready", 9102, 0, 0)),
            Map.of())
        .write(new StateDir(folder).create());
  }

  @AfterEach
  void stop() {
    database.destroyForcibly();
  }

  @Test
  void theDatabaseIsNotRestartedUnderTheServices() {
    var err = new StringWriter();
    int exit =
        Weft.commandLine(Map.of())
            .setErr(new PrintWriter(err, true))
            .execute("restart", "postgres", "--state", folder.toString());

    assertThat(exit).isEqualTo(2);
    assertThat(err.toString())
        .isEqualTo(
            "weft: postgres ends when the services have let go of it: ./weft down, then ./weft up\n");
    assertThat(database.isAlive()).isTrue();
  }

  @Test
  void whatDoesNotRunIsNotRestarted() {
    var err = new StringWriter();
    int exit =
        Weft.commandLine(Map.of())
            .setErr(new PrintWriter(err, true))
            .execute("restart", "nope", "--state", folder.toString());

    assertThat(exit).isEqualTo(2);
    assertThat(err.toString()).isEqualTo("weft: nope: no such process (expected: order-svc)\n");
  }
}
