package dev.weft.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ContainerSecretsTest {
  @TempDir private Path dir;

  @Test
  void givesEachContainerItsOwnAndNothingElse() throws IOException {
    make();

    assertThat(names("payment-svc"))
        .containsExactlyInAnyOrder(
            "card-webhook.secret",
            "database.url",
            "events.url",
            "service.key.pem",
            "services.jwks.json");
    assertThat(names("card-network")).containsExactly("card-webhook.secret");
    assertThat(read("card-network/card-webhook.secret"))
        .isEqualTo(read("payment-svc/card-webhook.secret"));
    assertThat(names("user-svc"))
        .containsExactlyInAnyOrder(
            "bootstrap-admin.json",
            "database.url",
            "events.url",
            "service.key.pem",
            "services.jwks.json");
    assertThat(names("edge-gateway"))
        .containsExactlyInAnyOrder("redis.url", "service.key.pem", "services.jwks.json");
    assertThat(names("operator"))
        .containsExactlyInAnyOrder("service.key.pem", "services.jwks.json");
    assertThat(names("postgres"))
        .containsExactlyInAnyOrder(
            "postgres.password",
            "user_svc.password",
            "order_svc.password",
            "payment_svc.password",
            "inventory_svc.password");
    assertThat(read("payment-svc/database.url"))
        .isEqualTo(
            "postgresql://payment_svc:%s@postgres:5432/payment_svc\n"
                .formatted(read("postgres/payment_svc.password")));
    assertThat(read("payment-svc/service.key.pem"))
        .startsWith("-----BEGIN PRIVATE KEY-----")
        .isNotEqualTo(read("order-svc/service.key.pem"));
    assertThat(read("payment-svc/services.jwks.json"))
        .isEqualTo(read("edge-gateway/services.jwks.json"))
        .contains("\"kid\":\"edge-gateway\"");
    assertThat(read("redis/redis.conf")).contains(read("redis/weft.password"));
    assertThat(read("inventory-svc/redis.url"))
        .isEqualTo("redis://:%s@redis:6379\n".formatted(read("redis/weft.password")));
    assertThat(read("edge-gateway/redis.url")).isEqualTo(read("inventory-svc/redis.url"));
    assertThat(read("rabbitmq/rabbitmq.conf")).contains(read("rabbitmq/weft.password"));
    assertThat(read("order-svc/events.url"))
        .isEqualTo("amqp://weft:%s@rabbitmq:5672\n".formatted(read("rabbitmq/weft.password")));
  }

  @Test
  void letsOthersReadOnlyWhatOtherUsersNeed() throws IOException {
    make();

    assertThat(permissions("payment-svc")).isEqualTo("rwx------");
    assertThat(permissions("payment-svc/service.key.pem")).isEqualTo("rw-------");
    assertThat(permissions("postgres")).isEqualTo("rwxr-xr-x");
    assertThat(permissions("postgres/user_svc.password")).isEqualTo("rw-r--r--");
  }

  @Test
  void keepsWhatItMadeBefore() throws IOException {
    make();
    Map<Path, String> before = everything();

    make();

    assertThat(everything()).isEqualTo(before);
  }

  private void make() {
    assertThat(Weft.commandLine(Map.of()).execute("secrets", dir.toString())).isZero();
  }

  private Stream<String> names(String folder) throws IOException {
    try (Stream<Path> files = Files.list(dir.resolve(folder))) {
      return files.map(file -> file.getFileName().toString()).toList().stream();
    }
  }

  private Map<Path, String> everything() throws IOException {
    Map<Path, String> texts = new HashMap<>();
    try (Stream<Path> files = Files.walk(dir)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        texts.put(file, Files.readString(file));
      }
    }
    return texts;
  }

  private String read(String file) throws IOException {
    return Files.readString(dir.resolve(file));
  }

  private String permissions(String file) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(dir.resolve(file)));
  }
}
