package dev.weft.operator;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
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

  @Test
  void itsTokenIsTheOperatorsOfTheFolderUnlessAnotherIsSaid() {
    Map<String, String> environment = new HashMap<>();
    environment.put("CONSUL_HTTP_ADDR", "consul:8500");
    environment.put("WEFT_SERVICE_KEY_FILE", "key");
    environment.put("WEFT_SERVICE_KEYS_FILE", "keys");
    environment.put("WEFT_ROOT", folder.toString());
    assertThat(Installation.find(Optional.empty(), environment).tokenFile()).isEmpty();

    environment.put("WEFT_CONSUL_TOKENS_DIR", "tokens");
    assertThat(Installation.find(Optional.empty(), environment).tokenFile())
        .contains(Path.of("tokens", "operator"));
    assertThat(Installation.registry(Optional.empty(), environment).tokenFile())
        .contains(Path.of("tokens", "operator"));

    environment.put("CONSUL_HTTP_TOKEN_FILE", "mine");
    assertThat(Installation.find(Optional.empty(), environment).tokenFile())
        .contains(Path.of("mine"));
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
