package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.admin.v1.AdminServiceGrpc;
import dev.weft.admin.v1.CallExplanation;
import dev.weft.admin.v1.ExplainCallRequest;
import dev.weft.consul.Consul;
import dev.weft.consul.ConsulConfig;
import dev.weft.consul.agent.DevAgent;
import dev.weft.consul.agent.DevAgentConfig;
import dev.weft.durable.LocalPorts;
import dev.weft.mesh.AdminServer;
import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.ServiceKeys;
import io.grpc.ManagedChannel;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The process as a supervisor starts and stops it. */
@Timeout(120)
class EdgeProcessTest {
  private static final Duration START_MAX = Duration.ofSeconds(60);

  @TempDir Path directory;

  private final HttpClient http = HttpClient.newHttpClient();
  private final LibraryService library = new LibraryService();
  private DevAgent registry;
  private Consul consul;
  private TestBackend backend;
  private TestBackend issuer;
  private final List<Process> started = new ArrayList<>();
  private int port;
  private int management;

  @BeforeEach
  void open() throws IOException {
    registry = DevAgent.start(DevAgentConfig.inMemory());
    consul = Consul.connect(ConsulConfig.of(registryAddress(), Optional.empty()));
    backend = TestBackend.start(consul, "library", library);
    ServiceKeys.generate(directory, List.of("k1"));
    issuer =
        TestBackend.start(
            consul,
            "user-svc",
            new TestIssuer(Files.readString(ServiceKeys.keysFile(directory), UTF_8)));
  }

  @AfterEach
  void close() throws IOException {
    started.forEach(Process::destroyForcibly);
    backend.close();
    issuer.close();
    consul.close();
    registry.close();
    http.close();
  }

  @Test
  void isReadyWhenItServesAndFinishesWhatItBeganWhenItIsStopped() throws Exception {
    Process process = start();
    HttpResponse<String> book = get(port, "/library/books/b1?unknown=secret");
    assertThat(book.statusCode()).isEqualTo(400);
    book = get(port, "/library/books/b1");
    assertThat(book.statusCode()).isEqualTo(200);
    try (RawHttp client = new RawHttp(port)) {
      String hostile = "secret\u0085\u009b31m{\"severity\":\"ERROR\"}";
      client.send(
          "GET /library/books/secret%7B%22severity%22:%22ERROR%22%7D HTTP/1.1\r\nHost: a\r\n"
              + "User-Agent: "
              + hostile
              + "\r\nReferer: "
              + hostile
              + "\r\nAuthorization: Bearer secret\r\nCookie: secret\r\nX-Request-Id: "
              + hostile
              + "\r\n\r\n");
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
    }
    assertThat(get(management, "/livez").statusCode()).isEqualTo(200);
    assertThat(get(management, "/info").body()).contains("\"name\":\"edge-gateway\"");

    CompletableFuture<HttpResponse<String>> running =
        http.sendAsync(
            HttpRequest.newBuilder(uri(port, "/library/fail"))
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString("{\"delay\":\"0.4s\",\"code\":9}"))
                .build(),
            HttpResponse.BodyHandlers.ofString());
    assertThat(library.waiting.tryAcquire(10, TimeUnit.SECONDS)).isTrue();
    process.toHandle().destroy();

    assertThat(running.get(10, TimeUnit.SECONDS).statusCode()).isEqualTo(400);
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(143);
    assertThat(consul.instances(EdgeConfig.SERVICE)).isEmpty();
    List<String> access =
        Files.readAllLines(directory.resolve("log")).stream()
            .filter(line -> line.contains("dev.weft.edge.access"))
            .toList();
    String id = book.headers().firstValue("x-request-id").orElseThrow();
    assertThat(access)
        .hasSize(4)
        .noneMatch(line -> line.contains("secret") || line.contains("ERROR"))
        .filteredOn(line -> line.contains(id))
        .singleElement()
        .asString()
        .contains(
            "\"http.route\":\"/library/books/{book_id}\"",
            "\"http.response.status_code\":\"200\"",
            "\"service\":\"library\"",
            "\"trace_id\":\"");
  }

  @Test
  void tellsTheServiceThatItsConfigurationNamesWhereItsCallsGo() throws Exception {
    Path keys = Files.createDirectory(directory.resolve("keys"));
    ServiceKeys.generate(keys, List.of(EdgeConfig.SERVICE, "operator"));
    start(
        Map.of(
            "WEFT_ADMIN_CALLERS",
            "operator",
            "WEFT_SERVICE_KEY_FILE",
            ServiceKeys.keyFile(keys, EdgeConfig.SERVICE).toString(),
            "WEFT_SERVICE_KEYS_FILE",
            ServiceKeys.keysFile(keys).toString()));
    assertThat(get(port, "/library/books/b1").statusCode()).isEqualTo(200);
    await().atMost(START_MAX).until(() -> !consul.instances(EdgeConfig.SERVICE).isEmpty());
    String admin =
        consul
            .instances(EdgeConfig.SERVICE)
            .getFirst()
            .meta()
            .getOrDefault(AdminServer.META_PORT, "");

    try (Mesh operator =
        Mesh.open(
            MeshConfig.from(
                Env.of(
                    Map.of(
                        "PORT",
                        "0",
                        "WEFT_MANAGEMENT_PORT",
                        "0",
                        "CONSUL_HTTP_ADDR",
                        registryAddress(),
                        "WEFT_SERVICE_KEY_FILE",
                        ServiceKeys.keyFile(keys, "operator").toString(),
                        "WEFT_SERVICE_KEYS_FILE",
                        ServiceKeys.keysFile(keys).toString(),
                        "WEFT_TLS",
                        "off")),
                "operator"))) {
      ManagedChannel transport =
          operator.instanceChannel(EdgeConfig.SERVICE, "127.0.0.1", Integer.parseInt(admin));
      try {
        CallExplanation explanation =
            AdminServiceGrpc.newBlockingStub(operator.channel(EdgeConfig.SERVICE, transport))
                .withDeadlineAfter(START_MAX)
                .explainCall(
                    ExplainCallRequest.newBuilder().setMethod("library.v1.Library/GetBook").build())
                .getExplanation();
        assertThat(explanation.getService()).isEqualTo("library");
        assertThat(explanation.hasTreatment()).as("of a contract that it read").isTrue();
        assertThat(explanation.getPlaces(0).getEndpointsCount()).isEqualTo(1);
      } finally {
        transport.shutdownNow();
      }
    }
  }

  @Test
  void saysWhichPortItCannotHaveAndExits1() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      Process process =
          launch(Map.of("PORT", "" + taken.getLocalPort(), "WEFT_MANAGEMENT_PORT", "0"));

      assertThat(process.waitFor()).isEqualTo(1);
      assertThat(Files.readString(directory.resolve("log")))
          .contains("the public port 127.0.0.1:" + taken.getLocalPort() + " cannot be opened");
    }
  }

  @Test
  void namesAWrongVariableInOneLineAndExits64() throws Exception {
    Process process = launch(Map.of("WEFT_DEFAULT_ACCESS", "anyone"));

    assertThat(process.waitFor()).isEqualTo(64);
    assertThat(new String(process.getErrorStream().readAllBytes(), UTF_8))
        .startsWith("edge-gateway: WEFT_DEFAULT_ACCESS")
        .hasLineCount(1);
  }

  @Test
  void doesNotStartOnTheNetworkAsOnOneMachine() throws Exception {
    Process process = launch(Map.of("WEFT_BIND", "0.0.0.0"));

    assertThat(process.waitFor()).isEqualTo(64);
    assertThat(new String(process.getErrorStream().readAllBytes(), UTF_8))
        .startsWith("edge-gateway: WEFT_BIND=0.0.0.0 cannot be used")
        .hasLineCount(1);
  }

  private Process start() throws Exception {
    return start(Map.of());
  }

  private Process start(Map<String, String> more) throws Exception {
    port = LocalPorts.free();
    management = LocalPorts.free();
    Map<String, String> variables = new HashMap<>(more);
    variables.put("PORT", "" + port);
    variables.put("WEFT_MANAGEMENT_PORT", "" + management);
    Process process = launch(variables);
    await()
        .atMost(START_MAX)
        .ignoreExceptionsInstanceOf(IOException.class)
        .until(
            () -> {
              assertThat(process.isAlive()).as("it ended while it started").isTrue();
              return get(management, "/readyz").statusCode() == 200;
            });
    return process;
  }

  private Process launch(Map<String, String> variables) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx96m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            EdgeServer.class.getName());
    Map<String, String> environment = new HashMap<>(variables);
    environment.put("CONSUL_HTTP_ADDR", registryAddress());
    // Its services are in this process, in plain text.
    environment.put("WEFT_TLS", "off");
    environment.put("WEFT_DRAIN_WAIT", "PT0.1S");
    builder.environment().clear();
    builder.environment().putAll(environment);
    builder.redirectOutput(directory.resolve("log").toFile());
    Process process = builder.start();
    started.add(process);
    return process;
  }

  private HttpResponse<String> get(int of, String path) throws IOException, InterruptedException {
    return http.send(
        HttpRequest.newBuilder(uri(of, path)).build(), HttpResponse.BodyHandlers.ofString());
  }

  private static URI uri(int port, String path) {
    return URI.create("http://127.0.0.1:" + port + path);
  }

  private String registryAddress() {
    return "127.0.0.1:" + registry.address().getPort();
  }
}
