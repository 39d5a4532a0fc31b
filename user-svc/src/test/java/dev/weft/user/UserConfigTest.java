package dev.weft.user;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.weft.mesh.ConfigException;
import dev.weft.mesh.Env;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UserConfigTest {
  @TempDir Path directory;
  private Map<String, String> variables = Map.of();

  @BeforeEach
  void complete() {
    variables =
        RunningUserSvc.environment("postgresql://user:s3cret@127.0.0.1:5432/user", directory);
  }

  @Test
  void readsWhatItNeeds() {
    UserConfig config = UserConfig.from(Env.of(variables));

    assertThat(config.mesh().service()).isEqualTo("user-svc");
    assertThat(config.database().user()).isEqualTo("user");
    assertThat(config.firstAdmin()).isPresent();
    assertThat(config.toString())
        .doesNotContain("s3cret")
        .doesNotContain(RunningUserSvc.PASSWORD)
        .doesNotContain(RunningUserSvc.ADMIN_EMAIL);
  }

  @ParameterizedTest
  @ValueSource(strings = {"DATABASE_URL", "WEFT_SERVICE_KEY_FILE"})
  void namesWhatIsMissing(String variable) {
    variables.remove(variable);

    assertThatExceptionOfType(ConfigException.class)
        .isThrownBy(() -> UserConfig.from(Env.of(variables)))
        .withMessage(variable + " is not set");
  }

  @Test
  void doesNotNeedAFirstAdmin() {
    variables.remove("WEFT_BOOTSTRAP_ADMIN_FILE");

    assertThat(UserConfig.from(Env.of(variables)).firstAdmin()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "no JSON",
        "[]",
        "{}",
        "{\"email\":\"admin@weft.example\"}",
        "{\"email\":7,\"password\":\"correct horse battery\"}",
        "{\"email\":\"admin\",\"password\":\"correct horse battery\"}",
        "{\"email\":\"admin@weft.example\",\"password\":\"horse\"}",
      })
  void refusesAFirstAdminItCannotMakeAndKeepsThePassword(String json) throws IOException {
    Files.writeString(directory.resolve("admin.json"), json);

    assertThatExceptionOfType(ConfigException.class)
        .isThrownBy(() -> UserConfig.from(Env.of(variables)))
        .withMessageStartingWith("WEFT_BOOTSTRAP_ADMIN_FILE=")
        .withMessageNotContaining("horse");
  }

  @Test
  void refusesAKeyThatIsNone() throws IOException {
    Files.writeString(directory.resolve("user-svc.pem"), "no key");

    assertThatExceptionOfType(ConfigException.class)
        .isThrownBy(() -> UserConfig.from(Env.of(variables)))
        .withMessageStartingWith("WEFT_SERVICE_KEY_FILE=");
  }
}
