package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.weft.e2e.Command.Outcome;
import dev.weft.prove.Certificate;
import dev.weft.prove.StateFolder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * A running system: started by {@code ./weft up} on free ports with data of its own, and read by
 * {@code ./weft status --json} and the files it keeps.
 */
final class Weft implements AutoCloseable {
  static final String EDGE = "edge-gateway";
  static final List<String> SERVICES =
      List.of("user-svc", "order-svc", "payment-svc", "inventory-svc");

  private static final int TAIL = 40;

  private final StateFolder folder;
  private final List<String> options;
  private final Map<String, String> environment;
  private String welcome = "";

  private Weft(Path folder, List<String> options, Map<String, String> environment) {
    this.folder = new StateFolder(folder);
    this.options = options;
    this.environment = environment;
  }

  /** Starts a new one in an empty folder; fails with everybody's last words. */
  static Weft up(String name, Map<String, String> environment, String... options) {
    Path folder = folder(name);
    // A run of the tests that was killed may have left one behind.
    Command.weft("down", "--state", folder.toString());
    Weft weft = new Weft(folder, List.of(options), environment);
    weft.folder.delete();
    Outcome started = weft.upAgain();
    if (started.exitCode() != 0) {
      throw new AssertionError("./weft up failed: " + started.all() + weft.lastWords());
    }
    return weft;
  }

  /** What may or may not have been started under this name. */
  static Weft named(String name) {
    return new Weft(folder(name), List.of(), Map.of());
  }

  private static Path folder(String name) {
    return Command.TARGET.resolve("weft").resolve(name);
  }

  /** The same command on the same folder once more. */
  Outcome upAgain() {
    List<String> arguments =
        new ArrayList<>(List.of("up", "--isolated", "--detach", "--state", folder().toString()));
    arguments.addAll(options);
    Outcome started = Command.weft(environment, arguments.toArray(String[]::new));
    if (started.exitCode() == 0) {
      welcome = started.out();
    }
    return started;
  }

  /** What {@code ./weft up} ended with. */
  String welcome() {
    return welcome;
  }

  /** Where it keeps everything. */
  Path folder() {
    return folder.path();
  }

  Outcome status(String... more) {
    List<String> arguments = new ArrayList<>(List.of("status", "--state", folder().toString()));
    arguments.addAll(List.of(more));
    return Command.weft(arguments.toArray(String[]::new));
  }

  /** Any other command about it. */
  Outcome command(String... arguments) {
    List<String> all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of("--state", folder().toString()));
    return Command.weft(all.toArray(String[]::new));
  }

  Outcome down() {
    return Command.weft("down", "--state", folder().toString());
  }

  /** Such as {@code edge} or {@code registry}. */
  String url(String name) {
    return folder.url(name);
  }

  int port(String process) {
    return folder.port(process);
  }

  int managementPort(String process) {
    return folder.managementPort(process);
  }

  long pid(String process) {
    return folder.pid(process);
  }

  /** How often it died and was started again. */
  int restarts(String process) {
    return folder.restarts(process);
  }

  boolean ready(String process) {
    return folder.ready(process);
  }

  /** How many calls a process has answered since its start, of RPCs whose names begin so. */
  long served(String process, String rpcs) {
    String page = Visitor.fetch("http://127.0.0.1:" + managementPort(process) + "/metrics").body();
    return page.lines()
        .filter(line -> line.startsWith("rpc_server_call_duration_seconds_count{"))
        .filter(line -> line.contains("rpc_method=\"" + rpcs))
        .mapToLong(line -> (long) Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }

  List<String> processes() {
    return folder.processes();
  }

  long supervisor() {
    return state().path("supervisor").path("pid").longValue();
  }

  /** {@code kill -9}. */
  void kill(String process) {
    assertThat(handle(process).destroyForcibly()).as("killed %s", process).isTrue();
  }

  /** {@code kill}, which asks it to leave in order. */
  void terminate(String process) {
    assertThat(handle(process).destroy()).as("terminated %s", process).isTrue();
  }

  /** Lets it stand still, as if its machine had no time for it, until {@link #resume}. */
  void halt(String process) {
    signal(process, "STOP");
  }

  void resume(String process) {
    signal(process, "CONT");
  }

  /** What proves a service's name to the others, from the registry. */
  Certificate certificate(String service) {
    return Certificate.of(folder, service);
  }

  /** The accounts and products that {@code ./weft up} made. */
  JsonNode demo() {
    return folder.demo();
  }

  /** The id of the demo product with this SKU. */
  String product(String sku) {
    for (JsonNode product : demo().path("products")) {
      if (product.path("sku").textValue().equals(sku)) {
        return product.path("productId").textValue();
      }
    }
    throw new AssertionError("no demo product " + sku);
  }

  /** The end of every process's log. */
  String lastWords() {
    Path logs = folder().resolve("logs");
    if (!Files.isDirectory(logs)) {
      return "";
    }
    StringBuilder words = new StringBuilder();
    try (Stream<Path> files = Files.list(logs)) {
      for (Path file : files.sorted().toList()) {
        List<String> lines = Files.readAllLines(file);
        words.append("\n== ").append(file.getFileName()).append('\n');
        lines.stream()
            .skip(Math.max(0, lines.size() - TAIL))
            .forEach(line -> words.append(line).append('\n'));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return words.toString();
  }

  /** What the supervisor last wrote. */
  JsonNode state() {
    return folder.state();
  }

  /** Stops everything, whatever state it is in; the logs stay. */
  @Override
  public void close() {
    down();
    folder.delete("postgres");
  }

  private void signal(String process, String signal) {
    Outcome outcome =
        Command.run(List.of("kill", "-s", signal, Long.toString(pid(process))), Map.of());
    assertThat(outcome.exitCode()).as("%s to %s: %s", signal, process, outcome.all()).isZero();
  }

  private ProcessHandle handle(String process) {
    return ProcessHandle.of(pid(process))
        .orElseThrow(() -> new AssertionError(process + " does not run"));
  }
}
