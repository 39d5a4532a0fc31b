package dev.weft.bench;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A whole system with ports and data of its own, started by {@code ./weft up}; stopped by close.
 */
final class RunningShop implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final long COMMAND_MINUTES = 10;
  private static final String SUPERUSER = "postgres";

  /** A tenth of the weight, as of the command nice. */
  private static final String YIELDING = "10";

  private static final Duration LOOK_EVERY = Duration.ofMillis(20);

  private final Path folder;
  private final Path log;

  private RunningShop(Path folder) {
    this.folder = folder;
    log = folder.resolveSibling(folder.getFileName() + ".log");
  }

  /**
   * Starts one, with new data and the class archives that a second start finds.
   *
   * @param name of the folder it keeps its state in, below {@code bench/target}
   * @param options more of {@code ./weft up}
   */
  static RunningShop open(String name, String... options) throws IOException, InterruptedException {
    var shop = new RunningShop(Path.of("bench/target", name).toAbsolutePath());
    if (Files.exists(shop.folder)) {
      shop.run("down"); // what a run that was killed left behind
      delete(shop.folder);
    }
    Files.createDirectories(shop.folder);
    List<String> up = new ArrayList<>(List.of("up", "--detach", "--isolated"));
    up.addAll(Arrays.asList(options));
    shop.weft(up.toArray(String[]::new));
    shop.weft("down");
    shop.weft(up.toArray(String[]::new));
    return shop;
  }

  String edge() throws IOException {
    return state().at("/urls/edge").asText();
  }

  /** Where the processes that run tell of themselves, by their pid. */
  Map<Long, String> managementUrls() throws IOException {
    Map<Long, String> urls = new TreeMap<>();
    for (JsonNode process : state().path("processes")) {
      int port = process.path("managementPort").asInt();
      long pid = process.path("pid").asLong();
      if (port > 0 && pid > 0) {
        urls.put(pid, "http://127.0.0.1:" + port);
      }
    }
    return urls;
  }

  JsonNode demo() throws IOException {
    return JSON.readTree(folder.resolve("demo.json").toFile());
  }

  /** 0 while it does not run. */
  long pid(String process) throws IOException {
    return process(process).path("pid").asLong();
  }

  boolean ready(String process) throws IOException {
    return process(process).path("state").asText().equals("ready");
  }

  /** A connection to a database, such as {@code order_svc}, with every right. */
  Connection connect(String database) throws IOException, SQLException {
    var passwords = new Properties();
    try (Reader file = Files.newBufferedReader(folder.resolve("postgres/passwords.properties"))) {
      passwords.load(file);
    }
    String url = "jdbc:postgresql://127.0.0.1:" + process("postgres").path("port").asInt();
    return DriverManager.getConnection(
        url + "/" + database, SUPERUSER, passwords.getProperty(SUPERUSER, ""));
  }

  void signal(String process, String signal) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-s", signal, Long.toString(pid(process))).start().waitFor();
  }

  /**
   * Has all processes but this one yield to those that do not, with a tenth of the weight. Each
   * process of {@code ./weft up} is a session of its own, of which Linux takes all threads together
   * (sched(7), autogroup).
   *
   * @throws IOException if the system knows no such groups
   */
  void yieldTo(String process) throws IOException {
    for (JsonNode other : state().path("processes")) {
      if (!other.path("name").asText().equals(process) && other.path("pid").asLong() > 0) {
        weight(other.path("pid").asLong(), YIELDING);
      }
    }
  }

  /**
   * Runs a command during which processes begin, and has each of these yield to all others until it
   * is ready: as near as one machine comes to one where they begin on processors of their own.
   *
   * @throws IOException if the system knows no such groups, or this user may not lift what yields
   */
  void weftWhileBeginnersYield(String... arguments) throws IOException, InterruptedException {
    Set<Long> before = pids("");
    Set<Long> yielding = new HashSet<>();
    var command =
        new FutureTask<Void>(
            () -> {
              weft(arguments);
              return null;
            });
    Thread.ofPlatform().daemon().start(command);
    while (!command.isDone() || !yielding.isEmpty()) {
      Set<Long> ready = pids("ready");
      for (long pid : pids("")) {
        if (!before.contains(pid) && !ready.contains(pid) && yielding.add(pid)) {
          weight(pid, YIELDING);
        } else if (ready.contains(pid) && yielding.remove(pid)) {
          weight(pid, "0");
          before.add(pid);
        }
      }
      Thread.sleep(LOOK_EVERY);
    }
    try {
      command.get();
    } catch (ExecutionException e) {
      throw new IOException(e);
    }
  }

  private static void weight(long pid, String nice) throws IOException {
    Files.writeString(Path.of("/proc", Long.toString(pid), "autogroup"), nice);
  }

  /** Of the processes in this state, or in any if it is empty. */
  private Set<Long> pids(String state) throws IOException {
    Set<Long> pids = new HashSet<>();
    for (JsonNode process : state().path("processes")) {
      long pid = process.path("pid").asLong();
      if (pid > 0 && (state.isEmpty() || process.path("state").asText().equals(state))) {
        pids.add(pid);
      }
    }
    return pids;
  }

  /** The processor time that each process has used so far; PostgreSQL's with its children's. */
  Map<String, Duration> processorTime() throws IOException {
    Map<String, Duration> all = new TreeMap<>();
    for (JsonNode process : state().path("processes")) {
      Optional<ProcessHandle> handle = ProcessHandle.of(process.path("pid").asLong());
      if (handle.isPresent()) {
        all.put(process.path("name").asText(), processorTime(handle.get()));
      }
    }
    return all;
  }

  /** What each process used between two looks at {@link #processorTime}, by so many. */
  static String millisEach(int count, Map<String, Duration> before, Map<String, Duration> after) {
    StringBuilder text = new StringBuilder();
    after.forEach(
        (process, time) ->
            text.append(
                String.format(
                    Locale.ROOT,
                    " %s %.2f",
                    process,
                    time.minus(before.getOrDefault(process, time)).toNanos() / 1e6 / count)));
    return text.toString();
  }

  private static Duration processorTime(ProcessHandle root) throws IOException {
    try (Stream<ProcessHandle> all = Stream.concat(Stream.of(root), root.descendants())) {
      return all.map(process -> process.info().totalCpuDuration().orElse(Duration.ZERO))
          .reduce(ofEndedChildren(root), Duration::plus);
    }
  }

  /**
   * What the processes used that this one began and that have ended, such as those of PostgreSQL
   * for connections that were closed; zero where the system does not say.
   */
  private static Duration ofEndedChildren(ProcessHandle root) throws IOException {
    Path file = Path.of("/proc", Long.toString(root.pid()), "stat");
    if (!Files.exists(file)) {
      return Duration.ZERO;
    }
    String stat = Files.readString(file);
    // After the name, which may hold blanks: cutime and cstime, in hundredths of a second.
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
    return Duration.ofMillis(10 * (Long.parseLong(fields[13]) + Long.parseLong(fields[14])));
  }

  @Override
  public void close() throws IOException {
    try {
      weft("down");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while the system stops");
    }
  }

  /** What a process has in memory, by the system's account, which there must be. */
  static long residentKib(long pid) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc", Long.toString(pid), "status"))) {
      if (line.startsWith("VmRSS:")) {
        return Long.parseLong(line.replaceAll("\\D", ""));
      }
    }
    throw new IOException("the system does not say what process " + pid + " has in memory");
  }

  /** How busy the machine was lately, by its own account. */
  static String load() throws IOException {
    Path file = Path.of("/proc/loadavg");
    return Files.exists(file) ? Files.readString(file).split(" ", 2)[0] : "unknown";
  }

  static String machine() throws IOException {
    return "machine: %d CPUs, %s %s, JDK %s, load %s"
        .formatted(
            Runtime.getRuntime().availableProcessors(),
            System.getProperty("os.name"),
            System.getProperty("os.arch"),
            System.getProperty("java.version"),
            load());
  }

  private JsonNode process(String name) throws IOException {
    for (JsonNode process : state().path("processes")) {
      if (process.path("name").asText().equals(name)) {
        return process;
      }
    }
    return JSON.missingNode();
  }

  private JsonNode state() throws IOException {
    return JSON.readTree(folder.resolve("state.json").toFile());
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  /** Runs a command of {@code ./weft} for it; throws if that fails. */
  void weft(String... arguments) throws IOException, InterruptedException {
    if (run(arguments) != 0) {
      throw new IllegalStateException(
          "./weft " + arguments[0] + " failed:\n" + Files.readString(log));
    }
  }

  /** Returns the exit code. */
  private int run(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("./weft"));
    command.addAll(Arrays.asList(arguments));
    command.addAll(List.of("--state", folder.toString()));
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    if (!process.waitFor(COMMAND_MINUTES, TimeUnit.MINUTES)) {
      throw new IllegalStateException("./weft " + arguments[0] + " does not end; its log: " + log);
    }
    return process.exitValue();
  }
}
