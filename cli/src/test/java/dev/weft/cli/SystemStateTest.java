package dev.weft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SystemStateTest {
  @TempDir private Path dir;

  @Test
  void aSystemIsLiveWhileItsSupervisorIs() {
    var stateDir = new StateDir(dir);
    new SystemState(self(0), true, false, false, List.of(), Map.of("edge", "http://localhost"))
        .write(stateDir);

    assertThat(SystemState.live(stateDir)).isPresent();
  }

  @Test
  void aPidThatBelongsToALaterProcessIsNotTheSupervisor() {
    var stateDir = new StateDir(dir);
    new SystemState(self(-5000), true, false, false, List.of(), Map.of()).write(stateDir);

    assertThat(SystemState.read(stateDir)).isPresent();
    assertThat(SystemState.live(stateDir)).isEmpty();
  }

  @Test
  void aTornFileIsNoSystem() throws Exception {
    var stateDir = new StateDir(dir);
    Files.writeString(stateDir.state(), "{\"supervisor\":");

    assertThat(SystemState.read(stateDir)).isEmpty();
  }

  private static SystemState.Running self(long offsetMillis) {
    ProcessHandle self = ProcessHandle.current();
    long started = self.info().startInstant().orElseThrow().toEpochMilli();
    return new SystemState.Running(
        "supervisor", self.pid(), started + offsetMillis, "ready", 0, 0, 0);
  }
}
