package dev.weft.operator;

import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which system is meant. */
final class SystemOption {
  @Option(
      names = "--state",
      paramLabel = "DIR",
      defaultValue = "${env:WEFT_STATE_DIR}",
      description =
          "The folder the system was started with (default: .weft). For a system that ./weft up did"
              + " not start, set CONSUL_HTTP_ADDR, WEFT_SERVICE_KEY_FILE (the operator's) and"
              + " WEFT_SERVICE_KEYS_FILE instead.")
  private @Nullable Path state;

  Optional<Path> state() {
    return Optional.ofNullable(state);
  }
}
