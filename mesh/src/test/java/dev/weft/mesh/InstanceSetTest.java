package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.ServiceInstance;
import dev.weft.consul.ServiceSnapshot;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoServiceGrpc;
import dev.weft.mesh.test.EchoServiceGrpc.EchoServiceBlockingStub;
import io.grpc.Channel;
import io.grpc.Status;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Channels to some of the instances in a registry, over real connections. */
@Timeout(30)
class InstanceSetTest {
  private static final String SERVICE = "echo-svc";

  private final Meshes meshes = new Meshes();
  private final Mesh caller = meshes.open("caller-svc");
  private final InstanceSet some = new InstanceSet();
  private final Instance a = instance();
  private final Instance b = instance();
  private final Instance c = instance();
  private volatile ServiceSnapshot known = new ServiceSnapshot(SERVICE, List.of(), true);

  @BeforeEach
  void know() {
    var _ = caller.consul().watchService(SERVICE, snapshot -> known = snapshot);
    await().until(() -> known.passing().size() == 3);
  }

  @AfterEach
  void close() {
    meshes.close();
  }

  @Test
  void callsTheInstancesOfTheSetAndNoOthersAlsoWhenItChanges() {
    some.set(keys(b));
    call(caller.channel(SERVICE, some), 20);
    call(caller.streamChannel(SERVICE, some), 20);
    assertThat(List.of(a.calls(), b.calls(), c.calls())).containsExactly(0, 40, 0);

    some.set(keys(a, c));
    Channel channel = caller.channel(SERVICE, some);
    await()
        .until(
            () -> {
              call(channel, 1);
              return a.calls() > 0 && c.calls() > 0;
            });
    int before = b.calls();
    call(channel, 20);
    assertThat(b.calls()).isEqualTo(before);
  }

  @Test
  void refusesCallsWhileNoInstanceIsInTheSet() {
    Throwable failure = catchThrowable(() -> call(caller.channel(SERVICE, some), 1));

    assertThat(Status.fromThrowable(failure).getCode()).isEqualTo(Status.Code.UNAVAILABLE);
  }

  @Test
  void hasOneChannelUntilItIsReleasedAndThatOfAllInstancesThen() {
    some.set(keys(b));
    assertThat(caller.channel(SERVICE, some)).isSameAs(caller.channel(SERVICE, some));

    caller.release(some);

    assertThat(caller.channel(SERVICE, some)).isSameAs(caller.channel(SERVICE));
    assertThat(caller.streamChannel(SERVICE, some)).isSameAs(caller.streamChannel(SERVICE));
  }

  private record Instance(MeshServer server, Echo echo) {
    int calls() {
      return echo.calls.get();
    }
  }

  private Instance instance() {
    Echo echo = new Echo();
    MeshServer server = meshes.open(SERVICE).server(echo);
    server.start();
    return new Instance(server, echo);
  }

  private Set<String> keys(Instance... instances) {
    Set<Integer> ports =
        Stream.of(instances).map(one -> one.server().port()).collect(Collectors.toSet());
    return known.passing().stream()
        .filter(one -> ports.contains(one.port()))
        .map(ServiceInstance::key)
        .collect(Collectors.toSet());
  }

  private static void call(Channel channel, int times) {
    // Not the second of the contract, which is short for a first call on a busy machine.
    EchoServiceBlockingStub stub =
        EchoServiceGrpc.newBlockingStub(channel).withDeadlineAfter(25, TimeUnit.SECONDS);
    for (int i = 0; i < times; i++) {
      assertThat(stub.write(EchoRequest.newBuilder().setText("a").build()).getText())
          .isEqualTo("a");
    }
  }
}
