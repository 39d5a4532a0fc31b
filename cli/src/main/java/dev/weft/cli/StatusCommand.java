package dev.weft.cli;

import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code ./weft status}. */
@Command(
    name = "status",
    description = "Says what runs, and how it is.",
    mixinStandardHelpOptions = true)
final class StatusCommand implements Callable<Integer> {
  @Option(names = "--json", description = "For programs.")
  private boolean json;

  @Option(
      names = "--state",
      paramLabel = "DIR",
      defaultValue = "${env:WEFT_STATE_DIR}",
      description = "The folder the system was started with (default: .weft).")
  private @Nullable Path state;

  @Override
  public Integer call() {
    SystemState current =
        SystemState.live(StateDir.of(state))
            .orElseThrow(() -> new Trouble(3, "not running: start it with ./weft up"));
    if (json) {
      System.out.println(current.json());
      return 0;
    }
    System.out.println(line("PROCESS", "PID", "STATE", "PORT", "MANAGEMENT", "RESTARTS"));
    for (SystemState.Running process : current.processes()) {
      System.out.println(
          line(
              process.name(),
              process.pid() == 0 ? "-" : "" + process.pid(),
              state(process),
              "" + process.port(),
              process.managementPort() == 0 ? "-" : "" + process.managementPort(),
              "" + process.restarts()));
    }
    current.urls().forEach((name, url) -> System.out.println("  " + name + "  " + url));
    return 0;
  }

  private static String state(SystemState.Running process) {
    return switch (process.state()) {
      case "ready" -> "✔ ready";
      case "unready" -> "! not ready";
      default -> "! " + process.state();
    };
  }

  private static String line(String... cells) {
    return String.format(Locale.ROOT, "%-16s %8s  %-12s %6s %11s %9s", (Object[]) cells);
  }
}
