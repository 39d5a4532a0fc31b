package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.mesh.Upstreams.Host;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Services that are called at addresses said by name, without a registry. */
class UpstreamsTest {
  private final Meshes meshes = new Meshes();

  @AfterEach
  void stop() {
    meshes.close();
  }

  @Test
  void readsHostsOfServices() {
    assertThat(Upstreams.parse("a=one:1, b=[::1]:2; three:3").hosts())
        .isEqualTo(
            Map.of(
                "a", List.of(new Host("one", 1)),
                "b", List.of(new Host("::1", 2), new Host("three", 3))));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "a",
        "a=",
        "=b:1",
        "a=b",
        "a=:1",
        "a=b:0",
        "a=b:65536",
        "a=b:x",
        "a=::1:2",
        "a=[]:1",
        "a=b:1,",
        "a=b:1;",
        "a=b:1,a=c:2"
      })
  void refusesWhatItCannotRead(String text) {
    assertThatThrownBy(() -> Upstreams.parse(text))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("NAME=HOST:PORT");
  }

  @Test
  void callsAllAddressesOfAService() throws IOException {
    Echo one = new Echo();
    Echo other = new Echo();
    MeshServer first = meshes.open("echo-1").server(one);
    MeshServer second = meshes.open("echo-2").server(other);
    first.start();
    second.start();
    Mesh caller =
        meshes.open(
            "caller",
            Upstreams.parse(
                "echo-svc=127.0.0.1:%d;localhost:%d,other-svc=localhost:%d"
                    .formatted(first.port(), second.port(), first.port())));

    for (int i = 0; i < 20; i++) {
      call(caller, "echo-svc");
    }

    assertThat(one.calls).hasPositiveValue();
    assertThat(other.calls).hasPositiveValue();
    assertThat(one.calls.get() + other.calls.get()).isEqualTo(20);
    call(caller, "other-svc");
    assertThat(one.calls.get() + other.calls.get()).isEqualTo(21);
  }

  @Test
  void aNameThatIsNoneIsUnavailable() {
    Mesh caller = meshes.open("caller", Upstreams.parse("echo-svc=not..a..name:1"));

    assertThatThrownBy(() -> call(caller, "echo-svc"))
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE));
  }

  @Test
  void withoutARegistryThereAreNoRootsAndTheErrorSaysWhatWorksInstead() {
    Mesh server = meshes.open("echo-svc", new TestCa(TestCa.DOMAIN), IntentionMode.OFF);
    MeshServer echo = server.server(new Echo());
    echo.start();
    Mesh caller =
        meshes.openUncertified("caller", Upstreams.parse("echo-svc=127.0.0.1:" + echo.port()));

    assertThatThrownBy(() -> call(caller, "echo-svc"))
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e ->
                assertThat(e.getStatus().getDescription())
                    .contains("caller knows no roots of the mesh yet", "WEFT_TLS=off"));
  }

  @Test
  void withoutARegistryItCallsInPlainTextWhatIsNamedForThat() {
    Echo echo = new Echo();
    MeshServer server = meshes.open("echo-svc").server(echo);
    server.start();
    Upstreams upstreams = Upstreams.parse("echo-svc=127.0.0.1:" + server.port());

    Mesh strict = meshes.openUncertified("strict", upstreams);
    assertThatThrownBy(() -> call(strict, "echo-svc"))
        .isInstanceOf(StatusRuntimeException.class)
        .hasMessageContaining("WEFT_PLAINTEXT_UPSTREAMS");
    call(meshes.openUncertified("caller", upstreams, "echo-svc"), "echo-svc");

    assertThat(echo.calls).hasValue(1);
  }

  private static void call(Mesh caller, String service) {
    var _ =
        EchoServiceGrpc.newBlockingStub(caller.channel(service))
            .withDeadlineAfter(10, TimeUnit.SECONDS)
            .read(EchoRequest.newBuilder().setText("hello").build());
  }
}
