package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.ServiceSnapshot;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.Status;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Channels that find their instances in a registry, over real connections. */
@Timeout(30)
class ConsulNameResolverTest {
  private static final EchoRequest REQUEST = EchoRequest.newBuilder().setText("a").build();

  private final Meshes meshes = new Meshes();
  private final Mesh caller = meshes.open("caller-svc");
  // Not the second of the contract, which is short for a first call on a busy machine.
  private final EchoServiceGrpc.EchoServiceBlockingStub stub =
      EchoServiceGrpc.newBlockingStub(caller.channel("echo-svc"))
          .withDeadlineAfter(25, TimeUnit.SECONDS);
  private volatile ServiceSnapshot known = new ServiceSnapshot("echo-svc", List.of(), true);

  @AfterEach
  void close() {
    meshes.close();
  }

  private record Instance(MeshServer server, Echo echo) {}

  private Instance instance() {
    Echo echo = new Echo();
    MeshServer server = meshes.open("echo-svc").server(echo);
    server.start();
    return new Instance(server, echo);
  }

  private void watch() {
    var _ = caller.consul().watchService("echo-svc", snapshot -> known = snapshot);
  }

  private void call(int times) {
    for (int i = 0; i < times; i++) {
      assertThat(stub.write(REQUEST).getText()).isEqualTo("a");
    }
  }

  private static Status.Code codeOf(EchoServiceGrpc.EchoServiceBlockingStub stub) {
    return Status.fromThrowable(catchThrowable(() -> stub.write(REQUEST))).getCode();
  }

  @Test
  void callsGoAroundAllInstances() {
    List<Instance> instances = List.of(instance(), instance(), instance());
    // Until all are connected, the first has all calls.
    await()
        .until(
            () ->
                stub.write(REQUEST) != null
                    && instances.stream().allMatch(i -> i.echo.calls.get() > 0));
    instances.forEach(instance -> instance.echo.calls.set(0));

    call(30);

    assertThat(instances)
        .extracting(instance -> instance.echo.calls.get())
        .containsExactly(10, 10, 10);
  }

  @Test
  void aNewInstanceIsCalledAndOneWhoseCheckFailsIsNot() {
    Instance first = instance();
    call(1);
    Instance second = instance();
    await().until(() -> stub.write(REQUEST) != null && second.echo.calls.get() > 0);

    meshes.consul.fail(first.server.port());
    watch();
    await().until(() -> known.passing().size() == 1);

    await()
        .until(
            () -> {
              int before = first.echo.calls.get();
              call(10);
              return first.echo.calls.get() == before;
            });
  }

  @Test
  void aRegistryThatIsAwayLeavesTheLastKnownInstances() {
    Instance instance = instance();
    call(1);
    watch();
    meshes.consul.away(true);
    await().until(() -> known.stale());

    call(100);

    assertThat(instance.echo.calls).hasValue(101);
    meshes.consul.away(false);
    await().until(() -> !known.stale());
    call(1);
  }

  @Test
  void aRegistryThatForgotEverythingLeavesThemTooUntilTheyAreBack() {
    instance();
    call(1);
    watch();
    meshes.consul.forgetAll();
    await().until(() -> known.stale());
    assertThat(meshes.consul.registration("echo-svc")).isEmpty();

    call(20);

    await()
        .atMost(Duration.ofSeconds(5))
        .until(() -> meshes.consul.registration("echo-svc").isPresent());
    await().until(() -> !known.stale());
    call(20);
  }

  @Test
  void aServiceThatWasNeverKnownFailsAtOnceWhileTheRegistryIsAway() {
    meshes.consul.away(true);

    Throwable failure =
        catchThrowable(() -> stub.withDeadlineAfter(20, TimeUnit.SECONDS).write(REQUEST));

    assertThat(Status.fromThrowable(failure).getCode()).isEqualTo(Status.Code.UNAVAILABLE);
    assertThat(Status.fromThrowable(failure).getDescription())
        .contains("the registry cannot be asked for echo-svc");
    meshes.consul.away(false);
    instance();
    await().ignoreExceptions().untilAsserted(() -> call(1));
  }

  @Test
  void aServiceWithoutAnInstanceFailsAtOnceAndIsCalledWhenThereIsOne() {
    assertThat(codeOf(stub.withDeadlineAfter(20, TimeUnit.SECONDS)))
        .isEqualTo(Status.Code.UNAVAILABLE);

    instance();

    await().ignoreExceptions().untilAsserted(() -> call(1));
  }

  @Test
  void anInstanceThatIsGoneAlthoughTheRegistryHasItIsPassedBy() throws IOException {
    int gone;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      gone = socket.getLocalPort();
    }
    meshes.consul.put("echo-svc", "127.0.0.1", gone);
    Instance instance = instance();
    watch();
    await().until(() -> known.passing().size() == 2);

    call(20);

    assertThat(instance.echo.calls).hasValue(20);
  }

  @Test
  void theNameOfAChannelIsItsTarget() {
    assertThat(ConsulNameResolverProvider.target("echo-svc")).isEqualTo("consul:///echo-svc");
    assertThat(caller.channel("echo-svc")).isSameAs(caller.channel("echo-svc"));
    assertThat(caller.channel("echo-svc").authority()).isEqualTo("echo-svc");
  }
}
