package dev.weft.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.mesh.ConfigException;
import dev.weft.mesh.Env;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RedisConfigTest {
  private static final Duration PATIENCE = Duration.ofMillis(50);

  @Test
  void readsAnAddress() {
    assertThat(RedisConfig.parse("rediss://we%2Fft:s%40+cret@cache.example:7000/3"))
        .isEqualTo(
            new RedisConfig(
                true,
                "cache.example",
                7000,
                Optional.of("we/ft"),
                Optional.of("s@+cret"),
                3,
                PATIENCE));
    RedisConfig least =
        new RedisConfig(false, "h", 6379, Optional.empty(), Optional.empty(), 0, PATIENCE);
    assertThat(RedisConfig.parse("redis://h")).isEqualTo(least);
    assertThat(RedisConfig.parse("redis://@h/")).isEqualTo(least);
    assertThat(RedisConfig.parse("redis://[::1]").host()).isEqualTo("::1");
  }

  @Test
  void takesOneWordForThePassword() {
    assertThat(RedisConfig.parse("redis://:pw@h")).isEqualTo(RedisConfig.parse("redis://pw@h"));
    assertThat(RedisConfig.parse("redis://pw@h").password()).contains("pw");
    assertThat(RedisConfig.parse("redis://pw@h").user()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://:s3cret@h",
        "redis://:s3 cret@h",
        "s3cret",
        "redis:///s3cret",
        "redis://:s3cret@h/first",
        "redis://:s3cret@h/-1",
        "redis://h?password=s3cret",
        "redis://h#s3cret"
      })
  void refusesWhatIsNoAddressWithoutShowingIt(String wrong) {
    assertThatThrownBy(() -> RedisConfig.from(Env.of(Map.of("REDIS_URL", wrong))))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("REDIS_URL ")
        .hasMessageNotContaining("s3");
  }

  @Test
  void neverShowsThePassword() {
    assertThat(RedisConfig.parse("redis://weft:s3cret@h/1")).hasToString("redis://weft@h:6379/1");
    assertThat(RedisConfig.parse("rediss://s3cret@h")).hasToString("rediss://h:6379/0");
  }

  @Test
  void isThereIfTheEnvironmentSaysSo(@TempDir Path dir) throws Exception {
    assertThat(RedisConfig.from(Env.of(Map.of()))).isEmpty();
    assertThat(RedisConfig.from(Env.of(Map.of("REDIS_URL", "", "REDIS_URL_FILE", "")))).isEmpty();
    Path file = Files.writeString(dir.resolve("redis.url"), "redis://:pw@h\n");
    assertThat(RedisConfig.from(Env.of(Map.of("REDIS_URL_FILE", file.toString()))))
        .contains(RedisConfig.parse("redis://:pw@h"));
  }
}
