package dev.weft.user;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.agent.DevAgent;
import dev.weft.consul.agent.DevAgentConfig;
import dev.weft.mesh.Caller;
import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.ServiceKeys;
import dev.weft.shop.user.v1.AuthServiceGrpc;
import dev.weft.shop.user.v1.AuthServiceGrpc.AuthServiceBlockingStub;
import dev.weft.shop.user.v1.LoginRequest;
import dev.weft.shop.user.v1.LogoutRequest;
import dev.weft.shop.user.v1.RefreshRequest;
import dev.weft.shop.user.v1.Tokens;
import dev.weft.testkit.PostgresExtension;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The process as {@code ./weft up} starts it, found in the registry by another service. */
@Timeout(120)
class UserProcessTest {
  private static final Duration START_MAX = Duration.ofSeconds(30);

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @TempDir Path directory;

  private final List<Process> started = new ArrayList<>();
  private final HttpClient http = HttpClient.newHttpClient();
  private DevAgent registry;
  private Map<String, String> environment = Map.of();
  private Mesh orders;

  @BeforeEach
  void open() throws IOException {
    registry = DevAgent.start(DevAgentConfig.inMemory());
    environment = RunningUserSvc.environment(postgres.url(), directory);
    environment.put("CONSUL_HTTP_ADDR", registryAddress());
    Map<String, String> other = new HashMap<>(environment);
    other.put("WEFT_SERVICE_KEY_FILE", ServiceKeys.keyFile(directory, "order-svc").toString());
    orders = Mesh.open(MeshConfig.from(Env.of(other), "order-svc"));
  }

  @AfterEach
  void close() throws IOException {
    started.forEach(Process::destroyForcibly);
    orders.close();
    registry.close();
    http.close();
  }

  @Test
  void givesTokensThatOtherServicesVerifyOverTheMeshUntilTheyAreRevoked() throws Exception {
    Running running = start();
    assertThat(status(running.management + "/readyz")).isEqualTo(200);
    assertThat(status(running.management + "/livez")).isEqualTo(200);

    Tokens tokens = login();
    assertThat(verified(tokens).roles()).containsExactly("admin");

    RunningUserSvc.as(auth(), tokens.getAccessToken()).logout(LogoutRequest.getDefaultInstance());
    await()
        .atMost(Duration.ofSeconds(5))
        .untilAsserted(() -> assertThat(reason(tokens)).isEqualTo("TOKEN_REVOKED"));

    running.process.toHandle().destroy();
    await().atMost(START_MAX).until(() -> !body(health()).contains("Service"));
    assertThat(running.process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(running.process.exitValue()).isEqualTo(143);
  }

  @Test
  void goesOnWhereItWasKilled() throws Exception {
    Running killed = start();
    Tokens tokens = login();
    assertThat(verified(tokens)).isNotNull();
    killed.process.destroyForcibly().waitFor();
    // Others verify on while there is no issuer.
    assertThat(orders.tokens().verify(tokens.getAccessToken())).isNotNull();

    start();

    Tokens refreshed =
        auth()
            .refresh(RefreshRequest.newBuilder().setRefreshToken(tokens.getRefreshToken()).build())
            .getTokens();
    assertThat(verified(refreshed).id()).isEqualTo(verified(tokens).id());
  }

  @Test
  void namesAWrongVariableInOneLineAndExits64() throws Exception {
    for (Map.Entry<String, String> wrong :
        Map.of(
                "DATABASE_URL", "mysql://u:secret@h/d",
                "WEFT_BOOTSTRAP_ADMIN_FILE", "/nowhere/secret.json",
                "PORT", "99999")
            .entrySet()) {
      Process process = launch(Map.of(wrong.getKey(), wrong.getValue()));

      assertThat(process.waitFor()).isEqualTo(64);
      assertThat(new String(process.getErrorStream().readAllBytes(), UTF_8))
          .startsWith("user-svc: " + wrong.getKey())
          .doesNotContain("u:secret")
          .hasLineCount(1);
    }
  }

  private record Running(Process process, String management) {}

  private Running start() throws IOException {
    int port = freePort();
    int management = freePort();
    Process process = launch(Map.of("PORT", "" + port, "WEFT_MANAGEMENT_PORT", "" + management));
    await()
        .atMost(START_MAX)
        .until(
            () -> {
              assertThat(process.isAlive()).as("it ended while it started").isTrue();
              return body(health() + "?passing").contains("\"Port\":" + port);
            });
    return new Running(process, "http://127.0.0.1:" + management);
  }

  private Process launch(Map<String, String> overrides) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx96m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            UserServer.class.getName());
    builder.environment().clear();
    builder.environment().putAll(environment);
    builder.environment().putAll(overrides);
    builder.redirectOutput(directory.resolve("log-" + started.size()).toFile());
    Process process = builder.start();
    started.add(process);
    return process;
  }

  private Tokens login() {
    return auth()
        .login(
            LoginRequest.newBuilder()
                .setEmail(RunningUserSvc.ADMIN_EMAIL)
                .setPassword(RunningUserSvc.PASSWORD)
                .build())
        .getTokens();
  }

  private AuthServiceBlockingStub auth() {
    // Patient: the process has just started, perhaps on a machine that builds something else too.
    return AuthServiceGrpc.newBlockingStub(orders.channel("user-svc"))
        .withWaitForReady()
        .withDeadlineAfter(START_MAX);
  }

  /** Whom another service takes the access token for, once it can tell. */
  private Caller.User verified(Tokens tokens) {
    return await()
        .atMost(START_MAX)
        .ignoreExceptionsInstanceOf(Rejection.Unavailable.class)
        .until(() -> orders.tokens().verify(tokens.getAccessToken()), user -> true);
  }

  /** Why another service refuses the access token. */
  private String reason(Tokens tokens) {
    return catchThrowable(() -> orders.tokens().verify(tokens.getAccessToken()))
            instanceof Rejection refusal
        ? refusal.reason()
        : "none";
  }

  private String health() {
    return registryAddress() + "/v1/health/service/user-svc";
  }

  private String registryAddress() {
    return "http://127.0.0.1:" + registry.address().getPort();
  }

  private String body(String url) throws Exception {
    return http.send(HttpRequest.newBuilder(URI.create(url)).build(), BodyHandlers.ofString())
        .body();
  }

  private int status(String url) throws Exception {
    return http.send(HttpRequest.newBuilder(URI.create(url)).build(), BodyHandlers.discarding())
        .statusCode();
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }
}
