package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** When a server that starts is found by others. */
@Timeout(30)
class RegistrationTest {
  private static final Duration LONG = Duration.ofMinutes(5);

  private final Meshes meshes = new Meshes();
  private final TestIssuer issuer = new TestIssuer(new SettableClock());

  @AfterEach
  void close() {
    meshes.close();
  }

  @Test
  void isNotFoundBeforeItCanDecideOnTokens() {
    issuer.away = true;
    Mesh mesh = meshes.open("echo-svc", issuer, LONG);
    mesh.server(new Echo()).start();
    assertThat(meshes.consul.registration("echo-svc")).isEmpty();
    assertThat(mesh.management().ready()).isFalse();

    issuer.away = false;
    issuer.caughtUp();

    await().until(() -> meshes.consul.registration("echo-svc").isPresent());
    assertThat(mesh.tokens().ready()).isTrue();
    await().until(mesh.management()::ready);
  }

  @Test
  void isFoundAfterTheWaitAlsoWhenTheIssuerIsAway() {
    issuer.away = true;
    Mesh mesh = meshes.open("echo-svc", issuer, Duration.ofMillis(50));
    mesh.server(new Echo()).start();

    await().until(() -> meshes.consul.registration("echo-svc").isPresent());
    await().until(mesh.management()::ready);
    assertThat(mesh.tokens().ready()).isFalse();
  }

  @Test
  void isNeverFoundWhenItIsClosedWhileItWaits() {
    issuer.away = true;
    Mesh mesh = meshes.open("echo-svc", issuer, LONG);
    MeshServer server = mesh.server(new Echo());
    server.start();

    server.close();
    issuer.away = false;
    issuer.caughtUp();

    await().until(mesh.tokens()::ready);
    assertThat(meshes.consul.registration("echo-svc")).isEmpty();
  }

  @Test
  void isFoundAtTheAddressAndPortThatItAdvertises() {
    meshes.openAt("shop.example:4711", "echo-svc").server(new Echo()).start();

    assertThat(meshes.consul.registration("echo-svc"))
        .hasValueSatisfying(
            body ->
                assertThat(body)
                    .contains("\"shop.example\"", "4711", "echo-svc-shop.example-4711"));
  }

  @Test
  void theIssuingServiceDoesNotWaitForItself() {
    issuer.away = true;
    meshes.open("user-svc", issuer, LONG).server(new Echo()).start();

    assertThat(meshes.consul.registration("user-svc")).isPresent();
  }
}
