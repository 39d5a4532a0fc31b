package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.agent.DevAgent;
import dev.weft.consul.agent.DevAgentConfig;
import dev.weft.durable.LocalPorts;
import dev.weft.identity.v1.IdentityServiceGrpc;
import dev.weft.identity.v1.ListKeysRequest;
import dev.weft.identity.v1.ListKeysResponse;
import dev.weft.identity.v1.WatchRevocationsRequest;
import dev.weft.identity.v1.WatchRevocationsResponse;
import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.ServiceKeys;
import dev.weft.testkit.TestIdentity;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * An edge that starts while the registry is away, after one that knew it: by its variables, over
 * TLS, with an issuer and a service that have run all the time.
 */
@Timeout(180)
class ColdStartTest {
  private static final String BOOK = "/library/books/b1";
  private static final String LIBRARY = "library";
  private static final String ISSUER = "user-svc";
  private static final Duration LONG = Duration.ofSeconds(60);

  private final TestIdentity identity = new TestIdentity();
  private final HttpClient client = HttpClient.newHttpClient();
  private final List<Mesh> running = new ArrayList<>();
  private int management;
  @TempDir Path folder;
  private DevAgent registry;
  private String registryAddress = "";

  @BeforeEach
  void start() throws IOException {
    management = LocalPorts.free();
    ServiceKeys.generate(folder, List.of(ISSUER, LIBRARY, EdgeConfig.SERVICE));
    registry = DevAgent.start(DevAgentConfig.inMemory());
    registryAddress = "http://127.0.0.1:" + registry.address().getPort();
    Mesh issuer = Mesh.open(MeshConfig.from(environment(ISSUER), ISSUER), identity);
    running.add(issuer);
    issuer.server(new Issuer()).start();
    Mesh library = Mesh.open(MeshConfig.from(environment(LIBRARY), LIBRARY));
    running.add(library);
    library.server(new LibraryService()).start();
  }

  @AfterEach
  void stop() {
    running.reversed().forEach(Mesh::close);
    registry.close();
    client.close();
  }

  private Env environment(String service) {
    Map<String, String> environment = new HashMap<>();
    environment.put("PORT", "0");
    environment.put("WEFT_MANAGEMENT_PORT", "0");
    environment.put("CONSUL_HTTP_ADDR", registryAddress);
    environment.put("WEFT_SERVICE_KEY_FILE", ServiceKeys.keyFile(folder, service).toString());
    environment.put("WEFT_SERVICE_KEYS_FILE", ServiceKeys.keysFile(folder).toString());
    environment.put("WEFT_DRAIN_WAIT", "PT0.01S");
    if (service.equals(EdgeConfig.SERVICE)) {
      environment.put("WEFT_MANAGEMENT_PORT", Integer.toString(management));
      environment.put("WEFT_CACHE_DIR", folder.resolve("contracts").toString());
      environment.put("WEFT_SNAPSHOT_DIR", known("").toString());
    }
    return Env.of(environment);
  }

  /** What the edge keeps of what the registry said. */
  private Path known(String file) {
    return folder.resolve("registry").resolve(file);
  }

  private EdgeServer edge() {
    EdgeServer edge = new EdgeServer(EdgeConfig.from(environment(EdgeConfig.SERVICE)));
    edge.start();
    return edge;
  }

  /** One edge serves, and all that it is told is kept. */
  private void anEdgeHasRun() throws Exception {
    try (EdgeServer before = edge()) {
      await().atMost(LONG).until(before::ready);
      await().atMost(LONG).until(() -> status(before, "GET", BOOK) == 200);
      await()
          .atMost(LONG)
          .until(
              () ->
                  Files.exists(known("roots.json"))
                      && Files.exists(known("leaf-edge-gateway.json"))
                      && isKept("services.json", LIBRARY)
                      && isKept("service-library.json", "127.0.0.1")
                      && isKept("service-user-svc.json", "127.0.0.1"));
    }
    registry.close();
  }

  private boolean isKept(String file, String part) throws IOException {
    return Files.exists(known(file)) && Files.readString(known(file)).contains(part);
  }

  @Test
  void becomesReadyAndServesWhatRuns() throws Exception {
    anEdgeHasRun();

    try (EdgeServer after = edge()) {
      await().atMost(LONG).until(after::ready);

      assertThat(status(after, "GET", BOOK)).isEqualTo(200);
      assertThat(status(after, "POST", BOOK + ":burn")).as("by an admin").isEqualTo(200);
      assertThat(status(after, "GET", "/nobodys")).isEqualTo(404);
    }
  }

  @Test
  void isNotReadyWithoutACertificateWhateverElseItKnows() throws Exception {
    anEdgeHasRun();
    Files.delete(known("leaf-edge-gateway.json"));

    try (EdgeServer after = edge()) {
      assertThat(after.ready()).isFalse();
      assertThat(readyz().statusCode()).isEqualTo(503);
      assertThat(readyz().body())
          .contains("{\"name\":\"certificate\",\"critical\":true,\"status\":\"fail\"");
    }
  }

  private HttpResponse<String> readyz() throws IOException, InterruptedException {
    URI uri = URI.create("http://127.0.0.1:" + management + "/readyz");
    return client.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString());
  }

  /** As an admin asks. */
  private int status(EdgeServer of, String method, String path)
      throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + of.port() + path))
            .timeout(Duration.ofSeconds(20))
            .header("Authorization", "Bearer " + identity.token("a1", Instant.now(), "admin"))
            .method(method, BodyPublishers.noBody())
            .build();
    return client.send(request, BodyHandlers.discarding()).statusCode();
  }

  /** Gives the keys of the tokens, and has revoked none. */
  private final class Issuer extends IdentityServiceGrpc.IdentityServiceImplBase {
    @Override
    public void listKeys(ListKeysRequest request, StreamObserver<ListKeysResponse> out) {
      out.onNext(ListKeysResponse.newBuilder().setJwks(identity.jwks()).build());
      out.onCompleted();
    }

    @Override
    public void watchRevocations(
        WatchRevocationsRequest request, StreamObserver<WatchRevocationsResponse> out) {
      out.onNext(
          WatchRevocationsResponse.newBuilder().setCaughtUp(true).setResumeToken("1").build());
    }
  }
}
