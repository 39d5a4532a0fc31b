package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.mesh.ConfigException;
import dev.weft.mesh.Env;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Which configurations an edge starts with. Variables are {@code name=value}, with spaces. */
class HardeningTest {
  /** A proxy with TLS. */
  private static final String PROXY = "WEFT_TRUSTED_HOPS=1 WEFT_TRUSTED_PROXIES=10.0.0.0/8";

  private static Map<String, String> variables(String text) {
    return Arrays.stream(text.split(" ", -1))
        .filter(one -> !one.isEmpty())
        .map(one -> one.split("=", 2))
        .collect(Collectors.toMap(one -> one[0], one -> one[1]));
  }

  private static EdgeConfig checked(Map<String, String> variables) {
    Env env = Env.of(variables);
    return Hardening.checked(EdgeConfig.from(env), env);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "WEFT_BIND=127.0.0.1",
        "WEFT_BIND=::1 WEFT_DEFAULT_ACCESS=public WEFT_CORS_ORIGINS=http://a.example",
        "WEFT_BIND=0.0.0.0 WEFT_BIND_PUBLIC=127.0.0.1",
        "WEFT_TRUSTED_HOPS=1",
        "WEFT_BIND=0.0.0.0 WEFT_PUBLISHED_AT=127.0.0.1",
        "WEFT_BIND=0.0.0.0 WEFT_PUBLISHED_AT=[::1]",
        "WEFT_BIND=0.0.0.0 WEFT_PUBLISHED_AT=0.0.0.0 " + PROXY,
        "WEFT_BIND_PUBLIC=0.0.0.0 " + PROXY,
        "WEFT_BIND=10.0.0.2 WEFT_BIND_PUBLIC=192.0.2.1 " + PROXY,
        "WEFT_BIND_PUBLIC=0.0.0.0 " + PROXY + " WEFT_CORS_ORIGINS=https://a.example"
      })
  void startsWithWhatIsSafe(String text) {
    assertThat(checked(variables(text)).mesh().service()).isEqualTo(EdgeConfig.SERVICE);
  }

  @Test
  void startsOnTheNetworkWithTls(@TempDir Path folder) throws Exception {
    String file = Files.createFile(folder.resolve("pem")).toString();
    Map<String, String> variables = variables("WEFT_BIND_PUBLIC=0.0.0.0");

    assertThatThrownBy(() -> checked(variables)).isInstanceOf(ConfigException.class);
    Map<String, String> secured = new HashMap<>(variables);
    secured.put("WEFT_TLS_CERT_FILE", file);
    secured.put("WEFT_TLS_KEY_FILE", file);
    assertThat(checked(secured).tls()).isPresent();
  }

  @ParameterizedTest
  @CsvSource({
    "WEFT_BIND=0.0.0.0, WEFT_BIND=0.0.0.0",
    "WEFT_BIND_PUBLIC=0.0.0.0, WEFT_BIND_PUBLIC=0.0.0.0",
    "WEFT_BIND_PUBLIC=::, WEFT_BIND_PUBLIC=::",
    "WEFT_BIND_PUBLIC=192.0.2.1, WEFT_BIND_PUBLIC=192.0.2.1",
    "WEFT_BIND_PUBLIC=0.0.0.0 WEFT_TRUSTED_HOPS=2, WEFT_TRUSTED_HOPS=2",
    "WEFT_BIND_PUBLIC=0.0.0.0 WEFT_TRUSTED_HOPS=1 WEFT_TRUSTED_PROXIES=0.0.0.0/0,"
        + " WEFT_TRUSTED_PROXIES=0.0.0.0/0",
    "WEFT_BIND_PUBLIC=0.0.0.0 WEFT_TRUSTED_HOPS=1 WEFT_TRUSTED_PROXIES=::/0,"
        + " WEFT_TRUSTED_PROXIES=::/0",
    "WEFT_BIND=0.0.0.0 WEFT_PUBLISHED_AT=0.0.0.0, WEFT_PUBLISHED_AT=0.0.0.0",
    "WEFT_BIND=127.0.0.1 WEFT_PUBLISHED_AT=192.0.2.1, WEFT_PUBLISHED_AT=192.0.2.1",
    "WEFT_BIND=0.0.0.0 WEFT_PUBLISHED_AT=0.0.0.0 "
        + PROXY
        + " WEFT_DEFAULT_ACCESS=public,"
        + " WEFT_DEFAULT_ACCESS=public",
    "WEFT_BIND=0.0.0.0 WEFT_BIND_PUBLIC=192.0.2.1 " + PROXY + ", WEFT_BIND=0.0.0.0",
    "WEFT_BIND=192.0.2.1 " + PROXY + ", WEFT_BIND=192.0.2.1",
    "WEFT_BIND_PUBLIC=0.0.0.0 "
        + PROXY
        + " WEFT_DEFAULT_ACCESS=public,"
        + " WEFT_DEFAULT_ACCESS=public",
    "WEFT_BIND_PUBLIC=0.0.0.0 "
        + PROXY
        + " WEFT_CORS_ORIGINS=http://a.example,"
        + " WEFT_CORS_ORIGINS=http://a.example"
  })
  void namesTheVariableThatIsNotAndStartsWhenItIsToldTo(String text, String named) {
    Map<String, String> variables = variables(text);

    assertThatThrownBy(() -> checked(variables))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith(named + " cannot be used (expected: ")
        .hasMessageEndingWith("or WEFT_UNHARDENED=allowed)");
    Map<String, String> open = new HashMap<>(variables);
    open.put("WEFT_UNHARDENED", "allowed");
    assertThat(checked(open).mesh().service()).isEqualTo(EdgeConfig.SERVICE);
  }

  @Test
  void takesNoOtherWordForThat() {
    for (String word : List.of("true", "yes", "ALLOWED")) {
      assertThatThrownBy(() -> checked(Map.of("WEFT_UNHARDENED", word)))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining("WEFT_UNHARDENED=" + word);
    }
  }
}
