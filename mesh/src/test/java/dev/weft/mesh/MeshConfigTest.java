package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
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

  @Test
  void speaksTlsUnlessToldNotTo() {
    assertThat(tls(Map.of("WEFT_TLS", "off", "WEFT_TLS_WAIT", "PT1S")))
        .isEqualTo(new TlsConfig(false, Set.of(), IntentionMode.OFF, Duration.ofSeconds(1)));
    assertThat(tls(Map.of("WEFT_TLS", "strict"))).isEqualTo(tls(Map.of()));
    assertThat(
            tls(Map.of("WEFT_PLAINTEXT_UPSTREAMS", "legacy-svc, old-svc", "WEFT_TLS_WAIT", "PT1S")))
        .isEqualTo(
            new TlsConfig(
                true,
                Set.of("legacy-svc", "old-svc"),
                IntentionMode.ENFORCE,
                Duration.ofSeconds(1)));
    assertThat(tls(Map.of("WEFT_INTENTIONS", "learn")).intentions()).isEqualTo(IntentionMode.LEARN);
  }

  @ParameterizedTest
  @CsvSource({
    "WEFT_TLS, on, strict",
    "WEFT_TLS, STRICT, strict",
    "WEFT_INTENTIONS, enforce, off",
    "WEFT_INTENTIONS, maybe, strict"
  })
  void refusesTlsThatNobodyCouldCountOn(String variable, String value, String mode) {
    Map<String, String> variables = new HashMap<>(Map.of("WEFT_TLS", mode));
    variables.put(variable, value);
    assertThatThrownBy(() -> tls(variables))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith(variable + "=");
  }

  private static TlsConfig tls(Map<String, String> variables) {
    return MeshConfig.from(Env.of(variables), "echo-svc").identity().tls();
  }

  private static MeshConfig advertised(String variable) {
    return MeshConfig.from(Env.of(Map.of("WEFT_ADVERTISE", variable)), "echo-svc");
  }
}
