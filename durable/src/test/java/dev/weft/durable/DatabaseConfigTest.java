package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DatabaseConfigTest {
  @Test
  void readsADatabaseUrl() {
    DatabaseConfig config =
        DatabaseConfig.parse(
            "postgresql://order_svc:p%40ss+word@127.0.0.1:9432/orders?sslmode=off");
    assertThat(config.jdbcUrl()).isEqualTo("jdbc:postgresql://127.0.0.1:9432/orders?sslmode=off");
    assertThat(config.user()).isEqualTo("order_svc");
    assertThat(config.password()).isEqualTo("p@ss+word");
    assertThat(config.poolSize()).isGreaterThan(2);
  }

  @Test
  void takesThePortOfPostgresWhenNoneIsGiven() {
    assertThat(DatabaseConfig.parse("postgres://u:p@db/x").jdbcUrl())
        .isEqualTo("jdbc:postgresql://db:5432/x");
  }

  @Test
  void keepsThePasswordOutOfItsText() {
    assertThat(DatabaseConfig.parse("postgresql://u:geheim@db/x").toString())
        .doesNotContain("geheim");
  }

  @Test
  void keepsOptionsOutOfItsText() {
    DatabaseConfig config =
        DatabaseConfig.parse("postgresql://u:p@db/x?sslmode=off&password=geheim");
    assertThat(config.jdbcUrl()).endsWith("password=geheim");
    assertThat(config.toString())
        .startsWith("DatabaseConfig[jdbc:postgresql://db:5432/x?...,")
        .doesNotContain("geheim");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "jdbc:postgresql://db/x",
        "postgresql://db/x",
        "postgresql://u:geheim@db",
        "http://u:geheim@db/x",
        "postgresql://u:geheim@db:port/x",
        "postgresql://u:geheim pass@db/x"
      })
  void refusesWhatIsNoDatabaseUrlWithoutShowingThePassword(String url) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> DatabaseConfig.parse(url))
        .withMessageNotContaining("geheim");
  }
}
