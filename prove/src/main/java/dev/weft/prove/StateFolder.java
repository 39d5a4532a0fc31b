package dev.weft.prove;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * The folder that {@code ./weft up} keeps a system's state in, and what that says of the system;
 * read anew each time.
 */
public record StateFolder(Path path) {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** What the supervisor last wrote. */
  public JsonNode state() {
    return read(path.resolve("state.json"));
  }

  /** The accounts and products that {@code ./weft up} made. */
  public JsonNode demo() {
    return read(path.resolve("demo.json"));
  }

  /** What a process said; its end may tell why it ended. */
  public Path log(String process) {
    return path.resolve("logs").resolve(process + ".log");
  }

  /** Such as {@code edge} or {@code registry}. */
  public String url(String name) {
    return state().path("urls").path(name).asText();
  }

  /** 0 if there is no such process. */
  public int port(String process) {
    return process(process).path("port").asInt();
  }

  /** 0 if there is none. */
  public int managementPort(String process) {
    return process(process).path("managementPort").asInt();
  }

  /** By the pid of each process that has one and runs. */
  public Map<Long, Integer> managementPorts() {
    Map<Long, Integer> ports = new HashMap<>();
    for (JsonNode process : state().path("processes")) {
      int port = process.path("managementPort").asInt();
      long pid = process.path("pid").asLong();
      if (port > 0 && pid > 0) {
        ports.put(pid, port);
      }
    }
    return ports;
  }

  /** 0 while it does not run. */
  public long pid(String process) {
    return process(process).path("pid").asLong();
  }

  /** By name; 0 for those that do not run. */
  public Map<String, Long> pids() {
    Map<String, Long> pids = new HashMap<>();
    for (JsonNode process : state().path("processes")) {
      pids.put(process.path("name").asText(), process.path("pid").asLong());
    }
    return pids;
  }

  /** How often it died and was started again. */
  public int restarts(String process) {
    return process(process).path("restarts").asInt();
  }

  public boolean ready(String process) {
    return process(process).path("state").asText().equals("ready");
  }

  public List<String> processes() {
    return state().path("processes").findValuesAsText("name");
  }

  /** Removes it with all it holds, if it is there. */
  public void delete() {
    delete(path);
  }

  /** Removes one of its folders. */
  public void delete(String folder) {
    delete(path.resolve(folder));
  }

  private JsonNode process(String name) {
    for (JsonNode process : state().path("processes")) {
      if (process.path("name").asText().equals(name)) {
        return process;
      }
    }
    return JSON.missingNode();
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
