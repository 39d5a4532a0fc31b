package dev.weft.prove;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/** A whole system of its own: free ports, new data, every process real; gone when it is closed. */
final class Shop implements AutoCloseable {
  static final String EDGE = "edge-gateway";
  static final String USER = "user-svc";
  static final String ORDER = "order-svc";
  static final String PAYMENT = "payment-svc";
  static final String INVENTORY = "inventory-svc";
  static final String CARD_NETWORK = "card-network";
  static final String POSTGRES = "postgres";
  static final String REGISTRY = "registry";

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Duration PAUSE = Duration.ofMillis(25);

  private final Path folder;
  private final Path run;

  private Shop(Path folder, Path run) {
    this.folder = folder;
    this.run = run;
  }

  /**
   * Starts one.
   *
   * @param folder for its data, which is replaced
   * @param run the staged build it runs from
   */
  static Shop open(Path folder, Path run) {
    Shop shop = new Shop(folder, run);
    shop.weft("down", "--state", folder.toString());
    delete(folder);
    try {
      Files.createDirectories(shop.failPoints());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    int exit =
        shop.weft(
            "up", "--isolated", "--detach", "--registry", "dev", "--state", folder.toString());
    if (exit != 0) {
      throw new ProofException(
          "the system did not start, exit code " + exit + "; its logs: " + folder.resolve("logs"));
    }
    return shop;
  }

  Path folder() {
    return folder;
  }

  /** The end of a process's log may tell why. */
  Path log(String process) {
    return folder.resolve("logs").resolve(process + ".log");
  }

  Path failPoints() {
    return folder.resolve("fail-points");
  }

  String edge() {
    return state().path("urls").path("edge").asText();
  }

  int port(String process) {
    return process(process).path("port").asInt();
  }

  /** 0 while it does not run. */
  long pid(String process) {
    return process(process).path("pid").asLong();
  }

  int restarts(String process) {
    return process(process).path("restarts").asInt();
  }

  boolean ready(String process) {
    return process(process).path("state").asText().equals("ready");
  }

  List<String> processes() {
    return state().path("processes").findValuesAsText("name");
  }

  JsonNode demo() {
    return read(folder.resolve("demo.json"));
  }

  /** Sends a signal such as KILL, STOP or CONT; does nothing to what does not run. */
  void signal(String process, String signal) {
    signal(pid(process), signal);
  }

  static void signal(long pid, String signal) {
    if (pid > 0) {
      execute(List.of("kill", "-s", signal, Long.toString(pid)));
    }
  }

  /** Waits until every process is ready; says whether that came true in time. */
  boolean awaitReady(Duration limit) {
    return await(limit, () -> processes().stream().allMatch(this::ready));
  }

  static boolean await(Duration limit, BooleanSupplier condition) {
    long end = System.nanoTime() + limit.toNanos();
    while (!condition.getAsBoolean()) {
      if (System.nanoTime() > end) {
        return false;
      }
      pause(PAUSE);
    }
    return true;
  }

  static void pause(Duration duration) {
    try {
      TimeUnit.NANOSECONDS.sleep(duration.toNanos());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    }
  }

  @Override
  public void close() {
    weft("down", "--state", folder.toString());
  }

  private int weft(String... arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx64m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-cp", classpath()));
    command.add("dev.weft.cli.Weft");
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().put("WEFT_RUN", run.toString());
    builder.environment().put("WEFT_FAIL_POINTS", failPoints().toString());
    builder.redirectOutput(ProcessBuilder.Redirect.DISCARD);
    builder.redirectError(
        arguments[0].equals("up")
            ? ProcessBuilder.Redirect.INHERIT
            : ProcessBuilder.Redirect.DISCARD);
    return execute(builder);
  }

  private String classpath() {
    try {
      return String.join(
          ":",
          Files.readAllLines(run.resolve("cli.classpath")).stream()
              .map(jar -> run.resolve("lib").resolve(jar).toString())
              .toList());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void execute(List<String> command) {
    execute(
        new ProcessBuilder(command)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.DISCARD));
  }

  private static int execute(ProcessBuilder builder) {
    try {
      return builder.start().waitFor();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    }
  }

  private JsonNode process(String name) {
    for (JsonNode process : state().path("processes")) {
      if (process.path("name").asText().equals(name)) {
        return process;
      }
    }
    return JSON.missingNode();
  }

  private JsonNode state() {
    return read(folder.resolve("state.json"));
  }

  private static JsonNode read(Path file) {
    try {
      return JSON.readTree(file.toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void delete(Path folder) {
    if (!Files.exists(folder)) {
      return;
    }
    try (Stream<Path> all = Files.walk(folder)) {
      for (Path file : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
