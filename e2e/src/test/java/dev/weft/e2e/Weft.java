package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.weft.e2e.Command.Outcome;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
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

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int TAIL = 40;

  private final Path folder;
  private final List<String> options;
  private final Map<String, String> environment;
  private String welcome = "";

  private Weft(Path folder, List<String> options, Map<String, String> environment) {
    this.folder = folder;
    this.options = options;
    this.environment = environment;
  }

  /** Starts a new one in an empty folder; fails with everybody's last words. */
  static Weft up(String name, Map<String, String> environment, String... options) {
    Path folder = folder(name);
    // A run of the tests that was killed may have left one behind.
    Command.weft("down", "--state", folder.toString());
    delete(folder);
    Weft weft = new Weft(folder, List.of(options), environment);
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
        new ArrayList<>(List.of("up", "--isolated", "--detach", "--state", folder.toString()));
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
    return folder;
  }

  Outcome status(String... more) {
    List<String> arguments = new ArrayList<>(List.of("status", "--state", folder.toString()));
    arguments.addAll(List.of(more));
    return Command.weft(arguments.toArray(String[]::new));
  }

  Outcome down() {
    return Command.weft("down", "--state", folder.toString());
  }

  /** Such as {@code edge} or {@code registry}. */
  String url(String name) {
    return state().path("urls").path(name).textValue();
  }

  int port(String process) {
    return process(process).path("port").intValue();
  }

  int managementPort(String process) {
    return process(process).path("managementPort").intValue();
  }

  long pid(String process) {
    return process(process).path("pid").longValue();
  }

  /** How often it died and was started again. */
  int restarts(String process) {
    return process(process).path("restarts").intValue();
  }

  boolean ready(String process) {
    return process(process).path("state").textValue().equals("ready");
  }

  List<String> processes() {
    return state().path("processes").findValuesAsText("name");
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

  /** The accounts and products that {@code ./weft up} made. */
  JsonNode demo() {
    return read(folder.resolve("demo.json"));
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
    Path logs = folder.resolve("logs");
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
    return read(folder.resolve("state.json"));
  }

  /** Stops everything, whatever state it is in; the logs stay. */
  @Override
  public void close() {
    down();
    delete(folder.resolve("postgres"));
  }

  private ProcessHandle handle(String process) {
    return ProcessHandle.of(pid(process))
        .orElseThrow(() -> new AssertionError(process + " does not run"));
  }

  private JsonNode process(String name) {
    for (JsonNode process : state().path("processes")) {
      if (process.path("name").textValue().equals(name)) {
        return process;
      }
    }
    throw new AssertionError("no process " + name + " in " + state());
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
