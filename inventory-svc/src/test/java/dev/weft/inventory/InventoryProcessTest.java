package dev.weft.inventory;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.agent.DevAgent;
import dev.weft.consul.agent.DevAgentConfig;
import dev.weft.durable.UuidV7;
import dev.weft.inventory.Movement.Kind;
import dev.weft.inventory.Product.Description;
import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.ServiceKeys;
import dev.weft.shop.inventory.v1.ConfirmReservationRequest;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc.InventoryServiceBlockingStub;
import dev.weft.shop.inventory.v1.ListProductsRequest;
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
import java.util.UUID;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The process as {@code ./weft up} starts it, called over the registry as order-svc calls it. */
@Timeout(120)
class InventoryProcessTest {
  private static final Duration START_MAX = Duration.ofSeconds(30);

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @TempDir Path directory;

  private final List<Process> started = new ArrayList<>();
  private final HttpClient http = HttpClient.newHttpClient();
  private final UUID product = UuidV7.next();
  private DevAgent registry;
  private Mesh orders;

  @BeforeEach
  void open() throws IOException {
    registry = DevAgent.start(DevAgentConfig.inMemory());
    ServiceKeys.generate(directory, List.of("order-svc", InventoryServer.NAME));
    orders = Mesh.open(MeshConfig.from(Env.of(environment("order-svc")), "order-svc"));
    // Nobody here issues the tokens of administrators.
    postgres
        .database()
        .inTransactionVoid(
            tx -> {
              Description mug =
                  new Description(
                      Shop.unique("MUG"), "Mug", "", "kitchen", new Price(1_250, "EUR"));
              new ProductStore().insert(tx, product, mug);
              new StockStore()
                  .move(tx, Kind.RESTOCK, List.of(new StockStore.Line(null, product, 1_000)));
            });
  }

  @AfterEach
  void close() {
    started.forEach(Process::destroyForcibly);
    orders.close();
    registry.close();
    http.close();
  }

  @Test
  void startsRegistersServesAndLeavesTheRegistryBeforeItStops() throws Exception {
    Running running = start(Map.of("WEFT_RESERVATION_LIFE", "PT0.5S"));

    assertThat(get(running.management + "/readyz").statusCode()).isEqualTo(200);
    assertThat(get(running.management + "/info").body()).contains("\"name\":\"inventory-svc\"");
    assertThat(inventory().listProducts(ListProductsRequest.getDefaultInstance()).getProductsList())
        .anyMatch(one -> one.getProductId().equals(product.toString()));
    reserve(UuidV7.next());
    assertThat(stock().reserved()).isEqualTo(1);
    // Its sweep runs.
    await().until(() -> stock().reserved() == 0);

    running.process.toHandle().destroy();
    await().atMost(START_MAX).until(() -> !registered());
    assertThat(running.process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(running.process.exitValue()).isEqualTo(143);
  }

  @Test
  void sellsOncePerOrderThoughItIsKilledMeanwhile() throws Exception {
    Running dying = start(Map.of());
    List<UUID> asked = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      asked.add(UuidV7.next());
    }
    CountDownLatch some = new CountDownLatch(20);
    Thread killer =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    some.await();
                  } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                  }
                  dying.process.destroyForcibly();
                });
    int failed = 0;
    for (UUID order : asked) {
      try {
        sell(order);
      } catch (StatusRuntimeException e) {
        failed++;
      }
      some.countDown();
    }
    killer.join();
    assertThat(failed).isPositive();

    start(Map.of());
    for (UUID order : asked) {
      await()
          .atMost(START_MAX)
          .ignoreExceptionsInstanceOf(StatusRuntimeException.class)
          .until(
              () -> {
                sell(order);
                return true;
              });
    }

    assertThat(stock()).isEqualTo(new Stock(product, 1_000, 900, 0, 100));
  }

  @Test
  void namesAMissingOrWrongVariableInOneLineAndExits64() throws Exception {
    for (Map.Entry<String, String> wrong :
        Map.of("DATABASE_URL", "mysql://u:secret@h/d", "WEFT_RESERVATION_LIFE", "ten minutes")
            .entrySet()) {
      Process process = launch(Map.of(wrong.getKey(), wrong.getValue()));

      assertThat(process.waitFor()).isEqualTo(64);
      assertThat(new String(process.getErrorStream().readAllBytes(), UTF_8))
          .startsWith("inventory-svc: " + wrong.getKey())
          .doesNotContain("secret")
          .hasLineCount(1);
    }
  }

  private record Running(Process process, String management) {}

  private Running start(Map<String, String> overrides) throws IOException {
    int port = freePort();
    int management = freePort();
    Map<String, String> environment = new HashMap<>(overrides);
    environment.put("PORT", "" + port);
    environment.put("WEFT_MANAGEMENT_PORT", "" + management);
    Process process = launch(environment);
    await()
        .atMost(START_MAX)
        .until(
            () -> {
              assertThat(process.isAlive()).as("it ended while it started").isTrue();
              return get(registryAddress() + "/v1/health/service/inventory-svc?passing")
                  .body()
                  .contains("\"Port\":" + port);
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
            InventoryServer.class.getName());
    builder.environment().clear();
    builder.environment().putAll(environment(InventoryServer.NAME));
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
        "WEFT_SERVICE_KEY_FILE", ServiceKeys.keyFile(directory, service).toString(),
        "WEFT_SERVICE_KEYS_FILE", ServiceKeys.keysFile(directory).toString(),
        "WEFT_DRAIN_WAIT", "PT0.1S");
  }

  private void sell(UUID order) {
    reserve(order);
    inventory()
        .confirmReservation(
            ConfirmReservationRequest.newBuilder()
                .setOrderId(order.toString())
                .setCommandId("saga:confirm:do")
                .build());
  }

  private void reserve(UUID order) {
    inventory().reserveStock(Shop.reserve(order.toString(), Map.of(product.toString(), 1)));
  }

  private InventoryServiceBlockingStub inventory() {
    return InventoryServiceGrpc.newBlockingStub(orders.channel(InventoryServer.NAME));
  }

  private Stock stock() {
    return postgres.database().read(tx -> new StockStore().find(tx, product)).orElseThrow();
  }

  private boolean registered() throws Exception {
    return get(registryAddress() + "/v1/health/service/inventory-svc").body().contains("Service");
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
