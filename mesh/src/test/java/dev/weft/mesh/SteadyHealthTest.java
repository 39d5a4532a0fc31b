package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How readiness becomes what callers and the registry are told. */
@Timeout(30)
class SteadyHealthTest {
  private static final Duration SOON = Duration.ofMillis(20);

  private final AtomicBoolean database = new AtomicBoolean(true);
  private final List<Boolean> told = new ArrayList<>();
  private final SteadyHealth health =
      new SteadyHealth(
          "echo-svc",
          SOON,
          () -> database.get() ? List.of() : List.of("database: failed"),
          told::add);
  private final Meshes meshes = new Meshes();

  @AfterEach
  void close() {
    meshes.close();
  }

  @Test
  void theFirstLookDecides() {
    assertThat(health.look()).isTrue();
    assertThat(told).containsExactly(true);
  }

  @Test
  void leavesAtTheThirdFailureInARowAndReturnsAtTheSecondSuccess() {
    health.look();
    database.set(false);
    assertThat(health.look()).isTrue();
    assertThat(health.look()).isTrue();
    assertThat(health.look()).isFalse();
    database.set(true);
    assertThat(health.look()).isFalse();
    assertThat(health.look()).isTrue();

    assertThat(told).containsExactly(true, false, true);
  }

  @Test
  void aRestartThatTwoLooksMissIsForgiven() {
    health.look();
    for (int restart = 0; restart < 3; restart++) {
      database.set(false);
      health.look();
      health.look();
      database.set(true);
      health.look();
    }

    assertThat(told).containsExactly(true);
  }

  @Test
  void oneSuccessBetweenFailuresDoesNotBringItBack() {
    database.set(false);
    health.look();
    database.set(true);
    health.look();
    database.set(false);
    health.look();
    database.set(true);
    health.look();

    assertThat(told).containsExactly(false);
  }

  @Test
  void registersOnlyOnceItIsReady() {
    database.set(false);
    Mesh mesh = meshes.open("echo-svc");
    mesh.management().readiness("database", database::get);
    MeshServer server = mesh.server(SOON, new Echo());
    server.start();
    assertThat(status(mesh, server)).isEqualTo(ServingStatus.NOT_SERVING);
    assertThat(meshes.consul.registration("echo-svc")).isEmpty();

    database.set(true);

    await().until(() -> meshes.consul.registration("echo-svc").isPresent());
    assertThat(status(mesh, server)).isEqualTo(ServingStatus.SERVING);
  }

  @Test
  void aServerWithoutItsDatabaseSaysSoAndComesBackByItself() {
    Mesh mesh = meshes.open("echo-svc");
    mesh.management().readiness("database", database::get);
    mesh.management().degradation("cache", () -> false);
    MeshServer server = mesh.server(SOON, new Echo());
    server.start();
    Channel channel = meshes.open("caller-svc").channel("echo-svc");
    assertThat(call(channel)).isEqualTo(Status.Code.OK);
    assertThat(status(mesh, server)).isEqualTo(ServingStatus.SERVING);

    database.set(false);
    await().until(() -> status(mesh, server) == ServingStatus.NOT_SERVING);
    await().until(() -> call(channel) == Status.Code.UNAVAILABLE);

    database.set(true);
    await().until(() -> status(mesh, server) == ServingStatus.SERVING);
    await().until(() -> call(channel) == Status.Code.OK);
  }

  private static Status.Code call(Channel channel) {
    try {
      EchoServiceGrpc.newBlockingStub(channel)
          .withDeadlineAfter(25, TimeUnit.SECONDS)
          .read(EchoRequest.getDefaultInstance());
      return Status.Code.OK;
    } catch (StatusRuntimeException e) {
      return e.getStatus().getCode();
    }
  }

  /** As the registry's agent asks: the server as a whole. */
  private static ServingStatus status(Mesh mesh, MeshServer server) {
    ManagedChannel channel = mesh.instanceChannel("echo-svc", "127.0.0.1", server.port());
    try {
      return HealthGrpc.newBlockingStub(channel)
          .check(HealthCheckRequest.getDefaultInstance())
          .getStatus();
    } finally {
      channel.shutdownNow();
    }
  }
}
