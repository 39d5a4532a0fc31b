package dev.weft.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
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

  @Option(
      names = "--state",
      paramLabel = "DIR",
      defaultValue = "${env:WEFT_STATE_DIR}",
      description = "The folder the system was started with (default: .weft).")
  private @Nullable Path state;

  @Override
  public Integer call() throws InterruptedException, ExecutionException {
    ProcessHandle supervisor =
        SystemState.live(StateDir.of(state))
            .flatMap(running -> running.supervisor().handle())
            .orElseThrow(() -> new Trouble(3, "not running"));
    supervisor.destroy();
    try {
      supervisor.onExit().get(LIMIT.toSeconds(), TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new Trouble(
          4, "still stopping (pid " + supervisor.pid() + ") after " + LIMIT.toSeconds() + " s");
    }
    System.out.println("weft: stopped");
    return 0;
  }
}
