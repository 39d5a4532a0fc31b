package dev.weft.cli;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code ./weft restart}: a process drains and ends, and its supervisor starts it again. */
@Command(
    name = "restart",
    description = {
      "Restarts processes one after the other: the next when the one before is ready.",
      "Of a service with two instances (./weft up --instances NAME=2) no call is lost."
    },
    mixinStandardHelpOptions = true)
final class RestartCommand implements Callable<Integer> {
  private static final Duration LIMIT = Duration.ofMinutes(2);
  private static final Duration PAUSE = Duration.ofMillis(50);

  @Parameters(
      arity = "0..*",
      paramLabel = "NAME",
      description =
          "A service, which is all of its instances, or one process, such as order-svc-2 or"
              + " edge-gateway (default: every service).")
  private List<String> names = new ArrayList<>();

  @Option(
      names = "--state",
      paramLabel = "DIR",
      defaultValue = "${env:WEFT_STATE_DIR}",
      description = "The folder the system was started with (default: .weft).")
  private @Nullable Path state;

  @Override
  public Integer call() {
    StateDir dir = StateDir.of(state);
    SystemState before = SystemState.live(dir).orElseThrow(() -> new Trouble(3, "not running"));
    List<SystemState.Running> chosen = chosen(before);
    var console = new Console(System.out);
    for (SystemState.Running process : chosen) {
      long began = System.nanoTime();
      process
          .handle()
          .orElseThrow(() -> new Trouble(process.name() + " does not run: see ./weft status"))
          .destroy();
      awaitAnother(dir, process, began);
      console.note(
          "%s restarted in %.1f s".formatted(process.name(), (System.nanoTime() - began) / 1e9));
    }
    return 0;
  }

  private List<SystemState.Running> chosen(SystemState before) {
    if (names.contains(Programs.DATABASE)) {
      throw new Trouble(
          2,
          Programs.DATABASE
              + " ends when the services have let go of it: ./weft down, then ./weft up");
    }
    List<SystemState.Running> chosen = new ArrayList<>();
    for (SystemState.Running process : before.processes()) {
      String service = Instances.service(process.name());
      boolean wanted =
          names.isEmpty()
              ? Programs.SERVICES.contains(service)
              : names.contains(process.name()) || names.contains(service);
      if (wanted) {
        chosen.add(process);
      }
    }
    for (String name : names) {
      if (chosen.stream()
          .noneMatch(p -> p.name().equals(name) || Instances.service(p.name()).equals(name))) {
        throw new Trouble(
            2,
            name
                + ": no such process (expected: "
                + String.join(
                    ", ",
                    before.processes().stream()
                        .map(SystemState.Running::name)
                        .filter(known -> !known.equals(Programs.DATABASE))
                        .toList())
                + ")");
      }
    }
    return chosen;
  }

  private static void awaitAnother(StateDir dir, SystemState.Running former, long began) {
    while (!isReadyAnew(dir, former)) {
      if (System.nanoTime() - began > LIMIT.toNanos()) {
        throw new Trouble(
            4,
            former.name()
                + " is not ready again after "
                + LIMIT.toSeconds()
                + " s; its log: "
                + dir.log(former.name()));
      }
      LockSupport.parkNanos(PAUSE.toNanos());
    }
  }

  private static boolean isReadyAnew(StateDir dir, SystemState.Running former) {
    return SystemState.live(dir)
        .orElseThrow(() -> new Trouble(3, "not running"))
        .processes()
        .stream()
        .anyMatch(
            now ->
                now.name().equals(former.name())
                    && now.pid() != former.pid()
                    && now.state().equals("ready"));
  }
}
