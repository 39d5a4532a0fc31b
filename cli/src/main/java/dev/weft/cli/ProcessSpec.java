package dev.weft.cli;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * One process to run.
 *
 * @param stopSignal what asks it to end in order, such as {@code TERM}
 */
record ProcessSpec(
    String name,
    List<String> command,
    Map<String, String> environment,
    Path folder,
    String stopSignal) {
  ProcessSpec {
    command = List.copyOf(command);
    environment = Map.copyOf(environment);
  }
}
