package dev.weft.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RegistryChoiceTest {
  private static final String GRPC_TLS = "grpc_tls";

  @TempDir private Path temporary;

  @ParameterizedTest
  @ValueSource(strings = {"Consul v1.14.0", "Consul v1.22.5\nRevision abc", "Consul v2.0.0"})
  void aConsulThatOpensAPortForGrpcOverTlsIsToldNotTo(String version) throws IOException {
    assertThat(ports(version).path(GRPC_TLS).asInt()).isEqualTo(-1);
  }

  @ParameterizedTest
  @ValueSource(strings = {"Consul v1.8.7+dfsg1", "Consul v1.13.9"})
  void anOlderConsulWouldRefuseToHearOfIt(String version) throws IOException {
    assertThat(ports(version).has(GRPC_TLS)).isFalse();
  }

  @Test
  void aProgramThatIsNoConsulIsRefused() {
    assertThatThrownBy(() -> ports("usage: consul"))
        .isInstanceOf(Trouble.class)
        .hasMessageContaining("does not say which Consul it is");
  }

  private JsonNode ports(String version) throws IOException {
    Path program = temporary.resolve("consul");
    Files.writeString(program, "#!/bin/sh\necho '" + version + "'\n");
    assertThat(program.toFile().setExecutable(true)).isTrue();
    StateDir dir = new StateDir(temporary.resolve("state")).create();
    new RegistryChoice(null, program)
        .process(dir, Ports.fixed(), StagedBuild.in(Files.createTempDirectory(temporary, "build")));
    return new ObjectMapper()
        .readTree(dir.folder("consul").resolve("weft.json").toFile())
        .path("ports");
  }
}
