package dev.weft.cli;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code ./weft up}. */
@Command(
    name = "up",
    description = "Starts the whole system and keeps it running until Ctrl-C or ./weft down.",
    mixinStandardHelpOptions = true)
final class UpCommand implements Callable<Integer> {
  private static final Duration DETACH_LIMIT = Duration.ofMinutes(3);
  private static final int SUPERVISOR_HEAP_MEGABYTES = 64;

  @Option(names = "--detach", description = "Return when everything is ready; it runs on.")
  private boolean detach;

  // The supervisor of a detached start: whoever started it prints the welcome, and each process has
  // its own log.
  @Option(names = "--quiet-supervisor", hidden = true)
  private boolean quiet;

  // Likewise for a folder that nobody named: it goes when the system does.
  @Option(names = "--delete-state", hidden = true)
  private boolean deleteState;

  @Option(
      names = "--isolated",
      description =
          "Free ports and fresh data, beside a system that runs already; the data goes with it,"
              + " unless --state says where to keep it.")
  private boolean isolated;

  @Option(
      names = "--registry",
      defaultValue = "auto",
      description = "auto, consul or dev (default: auto, which prefers a consul on the PATH).")
  private RegistryChoice.Kind registry = RegistryChoice.Kind.auto;

  @Option(
      names = "--instances",
      paramLabel = "SERVICE=N",
      description = "How many processes run a service (default: 1, up to 5); may be repeated.")
  private Map<String, Integer> instances = new LinkedHashMap<>();

  @Option(
      names = "--version-of",
      paramLabel = "INSTANCE=VERSION",
      description =
          "What an instance calls its version, such as order-svc-2=v2, for ./weft split (default:"
              + " its build's); may be repeated.")
  private Map<String, String> versions = new LinkedHashMap<>();

  @Option(
      names = "--state",
      paramLabel = "DIR",
      defaultValue = "${env:WEFT_STATE_DIR}",
      description = "Where data, keys and logs are kept (default: .weft).")
  private @Nullable Path state;

  @Option(
      names = "--detours",
      paramLabel = "FILE",
      description =
          "Ports through which processes reach each other, such as order-svc>postgres=21002 on a"
              + " line: for a proxy in between.")
  private @Nullable Path detours;

  @Override
  public Integer call() throws Exception {
    Instances all = new Instances(instances, versions);
    boolean generated = isolated && state == null;
    StateDir dir = (generated ? StateDir.of(fresh()) : StateDir.of(state)).create();
    if (detach) {
      return detached(dir, generated);
    }
    var console = new Console(System.out);
    var programs =
        new Programs(
            dir,
            isolated ? Ports.free(all) : Ports.fixed(all),
            RegistryChoice.of(registry),
            StagedBuild.current(),
            Detours.of(detours),
            all,
            isolated ? Programs.isolated(System.getenv()) : System.getenv());
    var supervisor = new Supervisor(dir, programs, console);
    var ending = new Ending(supervisor, dir, generated || deleteState);
    Runtime.getRuntime().addShutdownHook(new Thread(ending::end, "stop"));
    try {
      DemoData.Accounts accounts = supervisor.start();
      if (!quiet) {
        console.print(Welcome.text(supervisor.state(), accounts, dir));
        console.showLogs();
      }
      return supervisor.awaitStopped() ? 0 : 1;
    } catch (Exception | Error e) {
      ending.keep();
      throw e;
    } finally {
      ending.end();
    }
  }

  /**
   * Stops everything, then deletes what nobody wants to keep. Whoever comes second waits: the
   * process would otherwise be gone before its folder is.
   */
  private static final class Ending {
    private final Supervisor supervisor;
    private final StateDir dir;
    private boolean delete;
    private boolean ended;

    Ending(Supervisor supervisor, StateDir dir, boolean delete) {
      this.supervisor = supervisor;
      this.dir = dir;
      this.delete = delete;
    }

    /** The logs of a start that failed say why. */
    synchronized void keep() {
      delete = false;
    }

    synchronized void end() {
      if (ended) {
        return;
      }
      ended = true;
      supervisor.close();
      if (delete) {
        dir.delete();
      }
    }
  }

  // The same command again, in a session of its own, with its words in a file.
  private int detached(StateDir dir, boolean generated) throws IOException, InterruptedException {
    if (SystemState.live(dir).isPresent()) {
      throw new Trouble("already up: see ./weft status, or ./weft down first");
    }
    Path log = dir.log("supervisor");
    List<String> command = new ArrayList<>();
    if (hasSetsid()) {
      command.add("setsid");
    }
    try (StagedBuild build = StagedBuild.current()) {
      command.addAll(build.java("cli", Weft.class.getName(), SUPERVISOR_HEAP_MEGABYTES));
    }
    command.addAll(
        List.of(
            "up",
            "--quiet-supervisor",
            "--state",
            dir.path().toString(),
            "--registry",
            registry.name()));
    if (isolated) {
      command.add("--isolated");
    }
    if (generated) {
      command.add("--delete-state");
    }
    instances.forEach(
        (service, count) -> command.addAll(List.of("--instances", service + "=" + count)));
    versions.forEach(
        (instance, version) -> command.addAll(List.of("--version-of", instance + "=" + version)));
    if (detours != null) {
      command.addAll(List.of("--detours", detours.toAbsolutePath().toString()));
    }
    Process supervisor =
        new ProcessBuilder(command)
            .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    long end = System.nanoTime() + DETACH_LIMIT.toNanos();
    var progress = new LogTail(log);
    while (true) {
      System.err.print(progress.lines());
      var current = SystemState.live(dir).filter(SystemState::ready);
      if (current.isPresent() && current.get().supervisor().pid() == supervisor.pid()) {
        System.out.println(Welcome.text(current.get(), DemoData.accounts(dir), dir));
        return 0;
      }
      if (!supervisor.isAlive()) {
        System.err.print(progress.rest());
        return supervisor.exitValue() == 0 ? 1 : supervisor.exitValue();
      }
      if (System.nanoTime() > end) {
        supervisor.destroy();
        throw new Trouble(4, "not ready after " + DETACH_LIMIT.toSeconds() + " s; see " + log);
      }
      LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
    }
  }

  private static boolean hasSetsid() {
    return Arrays.stream(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1))
        .anyMatch(folder -> Files.isExecutable(Path.of(folder, "setsid")));
  }

  private static Path fresh() {
    String name = HexFormat.of().toHexDigits(ThreadLocalRandom.current().nextInt());
    return StateDir.of(null).path().resolve("isolated").resolve(name);
  }
}
