package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import com.google.common.util.concurrent.ListenableFuture;
import dev.weft.mesh.test.EchoRequest;
import dev.weft.mesh.test.EchoResponse;
import dev.weft.mesh.test.EchoServiceGrpc;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A server that has more calls than it can serve, over real connections. */
@Timeout(60)
class OverloadTest {
  /** What calls that matter as much as any may have of the first limit. */
  private static final int PLACES = Admission.LIMIT_FIRST * 9 / 10;

  private final Meshes meshes = new Meshes();

  @AfterEach
  void close() {
    meshes.close();
  }

  private static EchoRequest request(String text) {
    return EchoRequest.newBuilder().setText(text).build();
  }

  @Test
  void refusesWhatIsTooMuchAndServesAgainWhenThereIsRoom() throws Exception {
    Echo echo = new Echo();
    echo.answer =
        text -> {
          if (text.equals("waits")) {
            CountDownLatch over = new CountDownLatch(1);
            Context.current().addListener(_ -> over.countDown(), Runnable::run);
            over.await();
          }
          return text;
        };
    Mesh mesh = meshes.open("echo-svc");
    MeshServer server = mesh.server(echo);
    server.start();
    var stub =
        EchoServiceGrpc.newBlockingStub(meshes.open("caller-svc").channel("echo-svc"))
            .withDeadlineAfter(50, TimeUnit.SECONDS);
    assertThat(stub.read(request("before")).getText()).isEqualTo("before");
    ManagedChannel direct = mesh.instanceChannel("echo-svc", "127.0.0.1", server.port());
    var future = EchoServiceGrpc.newFutureStub(direct);
    List<ListenableFuture<EchoResponse>> waiting =
        Stream.generate(() -> future.write(request("waits"))).limit(PLACES).toList();
    await().until(() -> echo.calls.get() == PLACES + 1);

    RemoteError error =
        RemoteError.of(catchThrowable(() -> stub.read(request("more")))).orElseThrow();

    assertThat(error.code()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
    assertThat(error.reason()).isEqualTo("OVERLOADED");
    assertThat(echo.calls).hasValue(PLACES + 1);
    assertThat(mesh.telemetry().exposition("").body())
        .contains("weft_rpc_server_limit 200")
        .contains("weft_rpc_server_in_flight{criticality=\"default\"} " + PLACES)
        .containsPattern("weft_rpc_server_shed_total\\{criticality=\"default\"} [12]")
        .contains("weft_rpc_server_expired_total 0");

    waiting.forEach(call -> call.cancel(true));
    await().ignoreExceptions().until(() -> stub.read(request("after")).getText().equals("after"));
    direct.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
  }
}
