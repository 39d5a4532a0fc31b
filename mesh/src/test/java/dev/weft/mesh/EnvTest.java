package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EnvTest {
  @Test
  void readsTypedValuesAndDefaults(@TempDir Path directory) throws Exception {
    Path file = Files.writeString(directory.resolve("key.pem"), "x");
    Env env =
        Env.of(
            Map.of(
                "PORT", "9101",
                "WAIT", "PT1.5S",
                "ON", "TRUE",
                "URL", "http://127.0.0.1:8500",
                "FILE", file.toString(),
                "EMPTY", ""));

    assertThat(env.port("PORT", 1)).isEqualTo(9101);
    assertThat(env.port("OTHER_PORT", 1)).isEqualTo(1);
    assertThat(env.duration("WAIT", Duration.ofSeconds(9))).isEqualTo(Duration.ofMillis(1500));
    assertThat(env.duration("EMPTY", Duration.ofSeconds(9))).isEqualTo(Duration.ofSeconds(9));
    assertThat(env.flag("ON", false)).isTrue();
    assertThat(env.flag("OFF", false)).isFalse();
    assertThat(env.httpUrl("URL")).hasValueSatisfying(u -> assertThat(u.getPort()).isEqualTo(8500));
    assertThat(env.file("FILE")).contains(file);
    assertThat(env.or("EMPTY", "default")).isEqualTo("default");
    assertThat(env.optional("PORT", Integer::valueOf)).contains(9101);
  }

  @Test
  void namesVariableValueAndWhatWasExpected() {
    Env env =
        Env.of(Map.of("PORT", "70000", "WAIT", "5s", "ON", "yes", "URL", "8500", "FILE", "/nope"));

    assertThatThrownBy(() -> env.port("PORT", 1))
        .isInstanceOf(ConfigException.class)
        .hasMessage("PORT=70000 cannot be used (expected: a whole number from 0 to 65535)");
    assertThatThrownBy(() -> env.duration("WAIT", Duration.ZERO)).hasMessageContaining("WAIT=5s");
    assertThatThrownBy(() -> env.flag("ON", true)).hasMessageContaining("ON=yes");
    assertThatThrownBy(() -> env.httpUrl("URL")).hasMessageContaining("URL=8500");
    assertThatThrownBy(() -> env.file("FILE")).hasMessageContaining("FILE=/nope");
    assertThatThrownBy(() -> env.required("ABSENT")).hasMessage("ABSENT is not set");
  }

  @Test
  void keepsTheMessageOnOneLineAndShort() {
    Env env = Env.of(Map.of("PORT", "1\n2\u001b[31m" + "x".repeat(1000)));

    assertThatThrownBy(() -> env.port("PORT", 1))
        .satisfies(
            e -> assertThat(e.getMessage()).doesNotContain("\n", "\u001b").hasSizeLessThan(200));
  }

  @Test
  void neverShowsASecret() {
    Env env = Env.of(Map.of("DATABASE_URL", "postgresql:hunter2"));

    assertThatThrownBy(
            () ->
                env.secret(
                    "DATABASE_URL",
                    "postgresql://user:password@host:port/db",
                    value -> {
                      throw new IllegalArgumentException("cannot parse " + value);
                    }))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining("DATABASE_URL")
        .hasMessageNotContaining("hunter2")
        .hasNoCause();
  }

  @Test
  void takesASecretFromAFileWhenItIsNotInTheVariable(@TempDir Path directory) throws Exception {
    Path file = Files.writeString(directory.resolve("url"), "from-file\n");
    Env env = Env.of(Map.of("A_FILE", file.toString(), "B", "b", "B_FILE", file.toString()));

    assertThat(env.<String>secret("A", "text", value -> value)).isEqualTo("from-file");
    assertThat(env.<String>secret("B", "text", value -> value)).isEqualTo("b");
    assertThatThrownBy(() -> env.secret("C", "text", value -> value)).hasMessage("C is not set");
    assertThatThrownBy(() -> env.secret("A", "a number", Integer::valueOf))
        .hasMessageContaining("A cannot be used (expected: a number)")
        .hasMessageNotContaining("from-file");
  }
}
