package dev.weft.payment;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.type.Money;
import dev.weft.card.CardNetworkServer;
import dev.weft.consul.agent.DevAgent;
import dev.weft.consul.agent.DevAgentConfig;
import dev.weft.durable.UuidV7;
import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.ServiceKeys;
import dev.weft.shop.payment.v1.AuthorizeRequest;
import dev.weft.shop.payment.v1.CaptureRequest;
import dev.weft.shop.payment.v1.Payment.State;
import dev.weft.shop.payment.v1.PaymentServiceGrpc;
import dev.weft.shop.payment.v1.PaymentServiceGrpc.PaymentServiceBlockingStub;
import dev.weft.testkit.PostgresExtension;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The process as {@code ./weft up} starts it, called over the registry as order-svc calls it. */
@Timeout(120)
final class PaymentProcessTest {
  private static final Duration START_MAX = Duration.ofSeconds(30);

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @TempDir Path directory;

  private final List<Process> started = new ArrayList<>();
  private final HttpClient http = HttpClient.newHttpClient();
  private final String order = UuidV7.next().toString();
  private DevAgent registry;
  private CardNetworkServer cards;
  private Mesh orders;

  @BeforeEach
  void open() throws IOException {
    registry = DevAgent.start(DevAgentConfig.inMemory());
    cards =
        CardNetworkServer.start(
            directory.resolve("cards"), Duration.ofSeconds(1), Duration.ofMillis(100));
    ServiceKeys.generate(directory, List.of("order-svc", PaymentServer.NAME));
    orders = Mesh.open(MeshConfig.from(Env.of(environment("order-svc")), "order-svc"));
  }

  @AfterEach
  void close() throws IOException {
    started.forEach(Process::destroyForcibly);
    orders.close();
    cards.close();
    registry.close();
    http.close();
  }

  @Test
  void startsRegistersServesAndLeavesTheRegistryBeforeItStops() throws Exception {
    Running running = start(Map.of());

    assertThat(get(running.management + "/readyz").statusCode()).isEqualTo(200);
    assertThat(get(running.management + "/livez").statusCode()).isEqualTo(200);
    assertThat(get(running.management + "/info").body()).contains("\"name\":\"payment-svc\"");
    assertThat(passing()).contains("\"Port\":" + running.port);
    assertThat(authorize("card_ok")).isEqualTo(State.STATE_AUTHORIZED);
    assertThat(capture()).isEqualTo(State.STATE_CAPTURED);

    running.process.toHandle().destroy();
    await().atMost(START_MAX).until(() -> !registered());
    assertThat(running.process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(running.process.exitValue()).isEqualTo(143);
  }

  @Test
  void capturesOnceThoughItIsKilledWhileTheNetworkCaptures() throws Exception {
    Running dying = start(Map.of());
    authorize("card_slow");
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      // Whatever it is told: its process dies.
      Future<State> unanswered = threads.submit(this::capture);
      await().until(() -> state().equals("CAPTURING"));
      dying.process.destroyForcibly().waitFor();
      start(Map.of());
      await()
          .atMost(START_MAX)
          .ignoreExceptionsInstanceOf(StatusRuntimeException.class)
          .until(() -> capture() == State.STATE_CAPTURED);
      unanswered.cancel(true);
    }

    assertThat(state()).isEqualTo("CAPTURED");
    assertThat(count("SELECT count(*) FROM ledger_entry WHERE order_id = '" + order + "'"))
        .isEqualTo(2);
    assertThat(get(cards.address() + "/v1/charges?reference=" + order).body())
        .contains("\"capturedAmount\":1999");
  }

  @Test
  void staysReadyButDegradedWithoutTheCardNetwork() throws Exception {
    Running running = start(Map.of("WEFT_CARD_NETWORK_URL", "http://127.0.0.1:1"));

    HttpResponse<String> ready = get(running.management + "/readyz");

    assertThat(ready.statusCode()).isEqualTo(200);
    assertThat(ready.body()).contains("\"status\":\"degraded\"", "card-network");
  }

  @Test
  void namesAMissingOrWrongVariableInOneLineAndExits64() throws Exception {
    for (Map.Entry<String, String> wrong :
        Map.of("DATABASE_URL", "mysql://u:secret@h/d", "WEFT_CARD_NETWORK_URL", "ftp://x")
            .entrySet()) {
      Process process = launch(Map.of(wrong.getKey(), wrong.getValue()));

      assertThat(process.waitFor()).isEqualTo(64);
      assertThat(new String(process.getErrorStream().readAllBytes(), UTF_8))
          .startsWith("payment-svc: " + wrong.getKey())
          .doesNotContain("secret")
          .hasLineCount(1);
    }
  }

  private record Running(Process process, int port, String management) {}

  private Running start(Map<String, String> overrides) throws IOException {
    int port = freePort();
    int management = freePort();
    Map<String, String> environment = new HashMap<>(overrides);
    environment.put("PORT", "" + port);
    environment.put("WEFT_MANAGEMENT_PORT", "" + management);
    Process process = launch(environment);
    Running running = new Running(process, port, "http://127.0.0.1:" + management);
    await()
        .atMost(START_MAX)
        .until(
            () -> {
              assertThat(process.isAlive()).as("it ended while it started").isTrue();
              return passing().contains("\"Port\":" + port);
            });
    return running;
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
            PaymentServer.class.getName());
    builder.environment().clear();
    builder.environment().putAll(environment(PaymentServer.NAME));
    builder.environment().putAll(overrides);
    builder.redirectOutput(directory.resolve("log-" + started.size()).toFile());
    Process process = builder.start();
    started.add(process);
    return process;
  }

  private Map<String, String> environment(String service) {
    return Map.of(
        "PORT", "0",
        "WEFT_MANAGEMENT_PORT", "0",
        "CONSUL_HTTP_ADDR", registryAddress(),
        "DATABASE_URL", postgres.url(),
        "WEFT_CARD_NETWORK_URL", cards.address().toString(),
        "WEFT_SERVICE_KEY_FILE", ServiceKeys.keyFile(directory, service).toString(),
        "WEFT_SERVICE_KEYS_FILE", ServiceKeys.keysFile(directory).toString(),
        "WEFT_DRAIN_WAIT", "PT0.1S");
  }

  private State authorize(String card) {
    return payments()
        .authorize(
            AuthorizeRequest.newBuilder()
                .setOrderId(order)
                .setUserId(UuidV7.next().toString())
                .setAmount(
                    Money.newBuilder().setCurrencyCode("EUR").setUnits(19).setNanos(990_000_000))
                .setPaymentMethod(card)
                .setCommandId("saga:authorize:do")
                .build())
        .getPayment()
        .getState();
  }

  private State capture() {
    return payments()
        .capture(
            CaptureRequest.newBuilder().setOrderId(order).setCommandId("saga:capture:do").build())
        .getPayment()
        .getState();
  }

  private PaymentServiceBlockingStub payments() {
    return PaymentServiceGrpc.newBlockingStub(orders.channel(PaymentServer.NAME));
  }

  private String state() {
    return postgres
        .database()
        .read(
            tx ->
                tx.createQuery("SELECT state FROM payment WHERE order_id = :order::uuid")
                    .bind("order", order)
                    .mapTo(String.class)
                    .findOne()
                    .orElse("none"));
  }

  private int count(String sql) {
    return postgres.database().<Integer>read(tx -> tx.createQuery(sql).mapTo(Integer.class).one());
  }

  private String passing() throws Exception {
    return get(registryAddress() + "/v1/health/service/payment-svc?passing").body();
  }

  private boolean registered() throws Exception {
    return get(registryAddress() + "/v1/health/service/payment-svc").body().contains("Service");
  }

  private String registryAddress() {
    return "http://127.0.0.1:" + registry.address().getPort();
  }

  private HttpResponse<String> get(String url) throws Exception {
    return http.send(HttpRequest.newBuilder(URI.create(url)).build(), BodyHandlers.ofString());
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }
}
