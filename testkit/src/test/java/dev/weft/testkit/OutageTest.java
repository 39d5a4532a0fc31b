package dev.weft.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.ConsulException;
import dev.weft.consul.agent.DevAgent;
import dev.weft.consul.agent.DevAgentConfig;
import dev.weft.durable.LocalPorts;
import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.identity.v1.ListKeysRequest;
import dev.weft.identity.v1.ListKeysResponse;
import dev.weft.mesh.Caller;
import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.MeshServer;
import dev.weft.mesh.ServiceKeys;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The registry dies, both ends of a call are started anew without it, and it comes back without its
 * memory and with another certificate authority: over TLS, with intentions.
 */
@Timeout(180)
class OutageTest {
  private static final String SERVED = "user-svc";
  private static final String CALLING = "order-svc";
  private static final Duration LONG = Duration.ofSeconds(60);

  @TempDir Path folder;
  private final List<Mesh> open = new ArrayList<>();
  private int registryPort;
  private int port;
  private DevAgent registry;

  @BeforeEach
  void start() throws IOException {
    ServiceKeys.generate(folder, InProcessMesh.SERVICES);
    registryPort = LocalPorts.free();
    port = LocalPorts.free();
    registry = registry();
  }

  @AfterEach
  void stop() {
    open.reversed().forEach(Mesh::close);
    registry.close();
  }

  private DevAgent registry() throws IOException {
    return DevAgent.start(DevAgentConfig.inMemory().withPort(registryPort));
  }

  private Mesh open(String service, int at) {
    Map<String, String> environment =
        Map.of(
            "PORT",
            Integer.toString(at),
            "WEFT_MANAGEMENT_PORT",
            "0",
            "CONSUL_HTTP_ADDR",
            "http://127.0.0.1:" + registryPort,
            "WEFT_SERVICE_KEY_FILE",
            ServiceKeys.keyFile(folder, service).toString(),
            "WEFT_SERVICE_KEYS_FILE",
            ServiceKeys.keysFile(folder).toString(),
            "WEFT_TLS",
            "strict",
            "WEFT_SNAPSHOT_DIR",
            snapshots(service).toString(),
            "WEFT_DRAIN_WAIT",
            "PT0.01S");
    Mesh mesh = Mesh.open(MeshConfig.from(Env.of(environment), service));
    open.add(mesh);
    return mesh;
  }

  private Path snapshots(String service) {
    return folder.resolve("known-" + service);
  }

  private Mesh serve() {
    Mesh mesh = open(SERVED, port);
    MeshServer server = mesh.server(new Keys());
    server.start();
    return mesh;
  }

  private static String call(Mesh from) {
    return IdentityServiceGrpc.newBlockingStub(from.channel(SERVED))
        .withWaitForReady()
        .withDeadlineAfter(Duration.ofSeconds(30))
        .listKeys(ListKeysRequest.getDefaultInstance())
        .getJwks();
  }

  private static boolean registered(Mesh asked) {
    try {
      return !asked.consul().instances(SERVED).isEmpty();
    } catch (ConsulException e) {
      return false;
    }
  }

  @Test
  void callsGoOnAndProcessesStartWhileTheRegistryIsAwayAndAfterItHasForgottenEverything()
      throws IOException {
    Mesh served = serve();
    Mesh caller = open(CALLING, 0);
    assertThat(call(caller)).isEqualTo("for order-svc");
    await()
        .atMost(LONG)
        .until(
            () ->
                Files.exists(snapshots(SERVED).resolve("intentions-user-svc.json"))
                    && Files.exists(snapshots(CALLING).resolve("service-user-svc.json"))
                    && Files.exists(snapshots(CALLING).resolve("leaf-order-svc.json")));

    registry.close();
    assertThat(call(caller)).isEqualTo("for order-svc");
    assertThat(call(open(CALLING, 0))).as("a caller that starts now").isEqualTo("for order-svc");
    served.close();
    Mesh again = serve();
    await("a server that starts now").atMost(LONG).until(again.management()::ready);
    assertThat(call(caller)).as("from before").isEqualTo("for order-svc");
    assertThat(call(open(CALLING, 0))).as("both after").isEqualTo("for order-svc");

    registry = registry();
    await().atMost(LONG).until(() -> registered(caller));
    await().atMost(LONG).untilAsserted(() -> assertThat(call(caller)).isEqualTo("for order-svc"));
    Path kept = snapshots(CALLING).resolve("roots.json");
    String roots = registryRoots(caller);
    await().atMost(LONG).until(() -> Files.readString(kept).contains(roots));
    await()
        .atMost(LONG)
        .untilAsserted(() -> assertThat(call(open(CALLING, 0))).isEqualTo("for order-svc"));
  }

  private static String registryRoots(Mesh asked) {
    return asked.consul().ca().roots().activeId();
  }

  /** A service of one answer. */
  private static final class Keys extends IdentityServiceGrpc.IdentityServiceImplBase {
    @Override
    public void listKeys(ListKeysRequest request, StreamObserver<ListKeysResponse> observer) {
      observer.onNext(
          ListKeysResponse.newBuilder()
              .setJwks("for " + Caller.current().requireService())
              .build());
      observer.onCompleted();
    }
  }
}
