package dev.weft.cli;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a running system says of itself in {@code state.json}; {@code ./weft status --json} prints
 * it.
 *
 * @param ready whether everything answered once and the demo data is there
 * @param writesArchives whether processes write class archives when they end, which takes seconds
 * @param plaintext whether services call each other without TLS, as whoever joins them then has to
 * @param urls where to go: {@code edge}, {@code registry}, …
 */
@JsonIgnoreProperties(ignoreUnknown = true)
record SystemState(
    Running supervisor,
    boolean ready,
    boolean writesArchives,
    boolean plaintext,
    List<Running> processes,
    Map<String, String> urls) {
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT);

  /**
   * One process.
   *
   * @param pid 0 while it does not run
   * @param startMillis when it started, since the epoch: a pid alone may be somebody else's by now
   * @param state {@code starting}, {@code ready}, {@code unready}, {@code restarting}, {@code
   *     stopping}, {@code stopped}
   * @param restarts how often it died and was started again
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  record Running(
      String name,
      long pid,
      long startMillis,
      String state,
      int port,
      int managementPort,
      int restarts) {

    /** The process itself, if it still is the one that was meant. */
    Optional<ProcessHandle> handle() {
      return pid == 0
          ? Optional.empty()
          : ProcessHandle.of(pid)
              .filter(ProcessHandle::isAlive)
              .filter(
                  process ->
                      process.info().startInstant().map(at -> at.toEpochMilli()).orElse(-1L)
                          == startMillis);
    }
  }

  /** What the last supervisor of this folder wrote; it may be gone by now. */
  static Optional<SystemState> read(StateDir dir) {
    Path file = dir.state();
    try {
      return Files.exists(file)
          ? Optional.of(JSON.readValue(file.toFile(), SystemState.class))
          : Optional.empty();
    } catch (JsonProcessingException e) {
      return Optional.empty(); // written by another version: as good as none
    } catch (FileNotFoundException e) {
      return Optional.empty(); // gone just now
    } catch (IOException e) {
      throw new Trouble(file + " cannot be read: " + e.getMessage());
    }
  }

  /** As {@link #read}, but only while its supervisor lives. */
  static Optional<SystemState> live(StateDir dir) {
    return read(dir).filter(state -> state.supervisor.handle().isPresent());
  }

  void write(StateDir dir) {
    StateDir.write(dir.state(), json());
  }

  String json() {
    try {
      return JSON.writeValueAsString(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }
}
