package dev.weft.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is known of a system that runs from a folder. */
class InstallationTest {
  @TempDir private Path folder;

  @Test
  void whetherItsServicesDoWithoutTlsIsKnown() throws IOException {
    assertThat(running("").plaintext()).isFalse();
    assertThat(running("\"plaintext\": false,").plaintext()).isFalse();
    assertThat(running("\"plaintext\": true,").plaintext()).isTrue();
  }

  private Installation running(String more) throws IOException {
    Path identity = Files.createDirectories(folder.resolve("identity"));
    Files.writeString(identity.resolve("operator.key.pem"), "");
    ProcessHandle self = ProcessHandle.current();
    Files.writeString(
        folder.resolve("state.json"),
        """
        {%s "supervisor": {"pid": %d, "startMillis": %d}, "urls": {"registry": "http://h:1"}}
        """
            .formatted(more, self.pid(), self.info().startInstant().orElseThrow().toEpochMilli()));
    return Installation.find(Optional.of(folder), Map.of());
  }
}
