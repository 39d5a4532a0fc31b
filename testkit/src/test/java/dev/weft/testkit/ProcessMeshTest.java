package dev.weft.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.identity.v1.ListKeysRequest;
import dev.weft.identity.v1.ListKeysResponse;
import dev.weft.mesh.Caller;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.MeshProcess;
import dev.weft.mesh.MeshServer;
import dev.weft.mesh.RunningProcess;
import dev.weft.testkit.ProcessMesh.Running;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

@Timeout(180)
class ProcessMeshTest {
  @RegisterExtension final ProcessMesh processes = new ProcessMesh();

  @Test
  void startsAProcessThatOthersFindAndThatLeavesInGoodOrder() {
    Running running = start();

    assertThat(keys()).isEqualTo("for order-svc");
    assertThat(running.get("/readyz").statusCode()).isEqualTo(200);
    assertThat(processes.registered("user-svc")).isTrue();
    assertThat(running.stop()).isEqualTo(143);
    assertThat(processes.registered("user-svc")).isFalse();
  }

  @Test
  void startsAnotherOneAfterAProcessWasKilled() throws InterruptedException {
    Running killed = start();
    killed.process().destroyForcibly().waitFor();
    assertThat(processes.registered("user-svc")).as("it could not say good-bye").isTrue();

    Running next = start();

    assertThat(next.port()).isNotEqualTo(killed.port());
    assertThat(keys()).isEqualTo("for order-svc");
  }

  @Test
  void showsWhatAProcessSaidThatDoesNotStart() {
    assertThatThrownBy(
            () -> processes.start("user-svc", Keys.class, Map.of("KEYS_FAIL", "no luck today")))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("user-svc ended while it started")
        .hasMessageContaining("no luck today");
  }

  private Running start() {
    return processes.start("user-svc", Keys.class, Map.of());
  }

  private String keys() {
    return IdentityServiceGrpc.newBlockingStub(processes.mesh("order-svc").channel("user-svc"))
        .withWaitForReady()
        .withDeadlineAfter(Duration.ofSeconds(30))
        .listKeys(ListKeysRequest.getDefaultInstance())
        .getJwks();
  }

  /** A service of one answer. */
  static final class Keys extends IdentityServiceGrpc.IdentityServiceImplBase {
    private Keys() {}

    public static void main(String[] args) {
      MeshProcess.run(
          "user-svc",
          env -> {
            env.optional("KEYS_FAIL")
                .ifPresent(
                    reason -> {
                      throw new IllegalStateException(reason);
                    });
            return new Wiring(MeshConfig.from(env, "user-svc"));
          });
    }

    @Override
    public void listKeys(ListKeysRequest request, StreamObserver<ListKeysResponse> observer) {
      observer.onNext(
          ListKeysResponse.newBuilder()
              .setJwks("for " + Caller.current().requireService())
              .build());
      observer.onCompleted();
    }
  }

  private static final class Wiring implements RunningProcess {
    private final Mesh mesh;
    private final MeshServer server;

    Wiring(MeshConfig config) {
      mesh = Mesh.open(config);
      server = mesh.server(new Keys());
    }

    @Override
    public void start() {
      server.start();
    }

    @Override
    public void close() {
      mesh.close();
    }
  }
}
