package dev.weft.order;

import static dev.weft.order.Shop.order;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.agent.DevAgent;
import dev.weft.consul.agent.DevAgentConfig;
import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.ServiceKeys;
import dev.weft.shop.order.v1.CreateOrderRequest;
import dev.weft.shop.order.v1.GetOrderRequest;
import dev.weft.shop.order.v1.ListOrdersRequest;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.Order.State;
import dev.weft.shop.order.v1.OrderServiceGrpc;
import dev.weft.shop.order.v1.OrderServiceGrpc.OrderServiceBlockingStub;
import dev.weft.testkit.PostgresExtension;
import dev.weft.testkit.TestIdentity;
import io.grpc.BindableService;
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
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The process as {@code ./weft up} starts it, between stand-ins on real connections. */
@Timeout(180)
final class OrderProcessTest {
  private static final Duration MAX = Duration.ofSeconds(60);

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @TempDir Path directory;

  private final List<Process> started = new ArrayList<>();
  private final List<Mesh> meshes = new ArrayList<>();
  private final HttpClient http = HttpClient.newHttpClient();
  private final TestIdentity identity = new TestIdentity();
  private final Faults faults = new Faults();
  private final FakeInventory inventory = new FakeInventory(faults);
  private final FakePayments payments = new FakePayments(faults);
  private final UUID ann = UUID.randomUUID();
  private DevAgent registry;
  private OrderServiceBlockingStub orders;

  @BeforeEach
  void open() throws IOException {
    registry = DevAgent.start(DevAgentConfig.inMemory());
    ServiceKeys.generate(
        directory,
        List.of("user-svc", "inventory-svc", "payment-svc", "edge-gateway", OrderServer.NAME));
    serve("user-svc", new FakeUsers(faults), new FakeIdentity(identity));
    serve("inventory-svc", inventory);
    serve("payment-svc", payments);
    orders =
        OrderServiceGrpc.newBlockingStub(mesh("edge-gateway").channel(OrderServer.NAME))
            .withInterceptors(identity.as(ann.toString()));
  }

  @AfterEach
  void close() {
    started.forEach(Process::destroyForcibly);
    meshes.reversed().forEach(Mesh::close);
    registry.close();
    http.close();
  }

  @Test
  void startsRegistersServesAndLeavesTheRegistryBeforeItStops() throws Exception {
    Running running = start();
    UUID product = inventory.product(5, 1999, "EUR");

    Order order = ended(placed(order("card_ok", product)));

    assertThat(order.getState()).isEqualTo(State.STATE_CONFIRMED);
    assertThat(get(running.management + "/readyz").statusCode()).isEqualTo(200);
    assertThat(get(running.management + "/info").body()).contains("\"name\":\"order-svc\"");
    assertThat(get(running.management + "/metrics").body())
        .contains("weft_saga_unended", "state=\"compensation_stalled\"");
    assertThat(passing()).contains("\"Port\":" + running.port);

    running.process.toHandle().destroy();
    await().atMost(MAX).until(() -> !registered());
    assertThat(running.process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(running.process.exitValue()).isEqualTo(143);
  }

  @Test
  void bringsEveryOrderToItsEndThoughItIsKilledInTheMidst() throws Exception {
    UUID product = inventory.product(100, 1999, "EUR");
    Running dying = start();
    List<CreateOrderRequest> requests = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      requests.add(order(i % 4 == 3 ? "card_declined" : "card_ok", product));
    }
    List<Order> placed = new ArrayList<>();
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<Order>> answers = new ArrayList<>();
      for (CreateOrderRequest request : requests) {
        Callable<Order> until = () -> placed(request);
        answers.add(threads.submit(until));
      }
      await().atMost(MAX).until(() -> payments.commands().size() > 10);
      dying.process.destroyForcibly().waitFor();
      start();
      for (Future<Order> answer : answers) {
        placed.add(answer.get());
      }
    }

    List<Order> ended = placed.stream().map(this::ended).toList();

    long confirmed =
        ended.stream().filter(order -> order.getState() == State.STATE_CONFIRMED).count();
    assertThat(confirmed).isEqualTo(30);
    assertThat(payments.captures()).isEqualTo(30);
    assertThat(inventory.sold(product)).isEqualTo(30);
    assertThat(inventory.available(product)).isEqualTo(70);
    assertThat(ended.stream().map(Order::getOrderId).distinct()).hasSize(40);
    assertThat(
            orders
                .listOrders(ListOrdersRequest.newBuilder().setPageSize(200).build())
                .getOrdersCount())
        .isEqualTo(40);
  }

  @Test
  void namesAWrongVariableInOneLineAndExits64() throws Exception {
    Process process = launch(Map.of("DATABASE_URL", "mysql://u:secret@h/d"));

    assertThat(process.waitFor()).isEqualTo(64);
    assertThat(new String(process.getErrorStream().readAllBytes(), UTF_8))
        .startsWith("order-svc: DATABASE_URL")
        .doesNotContain("secret")
        .hasLineCount(1);
  }

  private record Running(Process process, int port, String management) {}

  /** The order of a request, which is sent until it is answered. */
  private Order placed(CreateOrderRequest request) {
    return await()
        .atMost(MAX)
        .ignoreExceptionsInstanceOf(StatusRuntimeException.class)
        .until(
            () -> orders.withDeadlineAfter(5, TimeUnit.SECONDS).createOrder(request).getOrder(),
            order -> !order.getOrderId().isEmpty());
  }

  private Order ended(Order order) {
    GetOrderRequest get = GetOrderRequest.newBuilder().setOrderId(order.getOrderId()).build();
    return await()
        .atMost(MAX)
        .ignoreExceptionsInstanceOf(StatusRuntimeException.class)
        .until(() -> orders.getOrder(get).getOrder(), now -> now.getState() != State.STATE_PENDING);
  }

  private void serve(String service, BindableService... implementations) {
    mesh(service).server(implementations).start();
  }

  private Mesh mesh(String service) {
    MeshConfig config = MeshConfig.from(Env.of(environment(service)), service);
    Mesh mesh = Mesh.open(config, identity);
    meshes.add(mesh);
    return mesh;
  }

  private Running start() throws IOException {
    int port = freePort();
    int management = freePort();
    Process process = launch(Map.of("PORT", "" + port, "WEFT_MANAGEMENT_PORT", "" + management));
    await()
        .atMost(MAX)
        .until(
            () -> {
              assertThat(process.isAlive()).as("it ended while it started").isTrue();
              return passing().contains("\"Port\":" + port);
            });
    return new Running(process, port, "http://127.0.0.1:" + management);
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
            OrderServer.class.getName());
    Map<String, String> environment = new HashMap<>(environment(OrderServer.NAME));
    environment.putAll(overrides);
    builder.environment().clear();
    builder.environment().putAll(environment);
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

  private String passing() throws Exception {
    return get(registryAddress() + "/v1/health/service/order-svc?passing").body();
  }

  private boolean registered() throws Exception {
    return get(registryAddress() + "/v1/health/service/order-svc").body().contains("Service");
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
