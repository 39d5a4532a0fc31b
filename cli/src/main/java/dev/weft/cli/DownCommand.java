package dev.weft.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code ./weft down}. */
@Command(
    name = "down",
    description = "Stops the system in order; its data stays.",
    mixinStandardHelpOptions = true)
final class DownCommand implements Callable<Integer> {
  private static final Duration LIMIT = Duration.ofSeconds(150);
  private static final Duration PAUSE = Duration.ofMillis(50);
  private static final Duration SILENCE = Duration.ofSeconds(5);

  @Option(
      names = "--state",
      paramLabel = "DIR",
      defaultValue = "${env:WEFT_STATE_DIR}",
      description = "The folder the system was started with (default: .weft).")
  private @Nullable Path state;

  @Override
  public Integer call() {
    StateDir dir = StateDir.of(state);
    SystemState running = SystemState.live(dir).orElseThrow(() -> new Trouble(3, "not running"));
    ProcessHandle supervisor =
        running.supervisor().handle().orElseThrow(() -> new Trouble(3, "not running"));
    var console = new Console(System.out);
    console.stopping(running);
    supervisor.destroy();
    Set<String> left = new LinkedHashSet<>();
    running.processes().forEach(process -> left.add(process.name()));
    long began = System.nanoTime();
    long told = began;
    while (supervisor.isAlive()) {
      LockSupport.parkNanos(PAUSE.toNanos());
      long now = System.nanoTime();
      for (String stopped : stopped(dir)) {
        if (left.remove(stopped)) {
          console.stopped(stopped, began);
          told = now;
        }
      }
      if (now - began > LIMIT.toNanos()) {
        throw new Trouble(
            4, "still stopping (pid " + supervisor.pid() + ") after " + LIMIT.toSeconds() + " s");
      }
      if (now - told > SILENCE.toNanos() && !left.isEmpty()) {
        console.note("still stopping: " + String.join(", ", left));
        told = now;
      }
    }
    stopped(dir).stream().filter(left::remove).forEach(name -> console.stopped(name, began));
    console.note("stopped");
    return 0;
  }

  private static List<String> stopped(StateDir dir) {
    return SystemState.read(dir).stream()
        .flatMap(state -> state.processes().stream())
        .filter(process -> process.state().equals("stopped"))
        .map(SystemState.Running::name)
        .toList();
  }
}
