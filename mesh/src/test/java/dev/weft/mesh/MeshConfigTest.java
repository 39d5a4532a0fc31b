package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MeshConfigTest {
  private static final int BOUND = 9101;

  @Test
  void isFoundWhereItListensUnlessToldOtherwise() {
    MeshConfig config = MeshConfig.from(Env.of(Map.of("WEFT_BIND", "127.0.0.2")), "echo-svc");

    assertThat(config.advertisedHost()).isEqualTo("127.0.0.2");
    assertThat(config.advertisedPort(BOUND)).isEqualTo(BOUND);
  }

  @ParameterizedTest
  @CsvSource({
    "10.0.0.7, 10.0.0.7, 9101",
    "shop.example, shop.example, 9101",
    "shop.example:443, shop.example, 443",
    "::1, ::1, 9101",
    "[::1], ::1, 9101",
    "[fd00::7]:443, fd00::7, 443"
  })
  void isFoundWhereItSays(String variable, String host, int port) {
    MeshConfig config = advertised(variable);

    assertThat(config.advertisedHost()).isEqualTo(host);
    assertThat(config.advertisedPort(BOUND)).isEqualTo(port);
  }

  @ParameterizedTest
  @ValueSource(strings = {":443", "host:", "host:0", "host:65536", "host:port", "[::1", "x:y:z"})
  void refusesWhatNobodyCouldCall(String variable) {
    assertThatThrownBy(() -> advertised(variable))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("WEFT_ADVERTISE=");
  }

  private static MeshConfig advertised(String variable) {
    return MeshConfig.from(Env.of(Map.of("WEFT_ADVERTISE", variable)), "echo-svc");
  }
}
