package dev.weft.order;

import static dev.weft.order.Shop.order;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.shop.order.v1.CreateOrderRequest;
import dev.weft.shop.order.v1.GetOrderRequest;
import dev.weft.shop.order.v1.ListOrdersRequest;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.Order.State;
import dev.weft.shop.order.v1.OrderServiceGrpc;
import dev.weft.shop.order.v1.OrderServiceGrpc.OrderServiceBlockingStub;
import dev.weft.testkit.PostgresExtension;
import dev.weft.testkit.ProcessMesh;
import dev.weft.testkit.ProcessMesh.Running;
import dev.weft.testkit.TestIdentity;
import io.grpc.BindableService;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** The process as {@code ./weft up} starts it, between stand-ins on real connections. */
@Timeout(180)
final class OrderProcessTest {
  private static final Duration MAX = ProcessMesh.START_MAX;

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension final ProcessMesh processes = new ProcessMesh();

  private final TestIdentity identity = new TestIdentity();
  private final Faults faults = new Faults();
  private final FakeInventory inventory = new FakeInventory(faults);
  private final FakePayments payments = new FakePayments(faults);
  private final UUID ann = UUID.randomUUID();
  private OrderServiceBlockingStub orders;

  @BeforeEach
  void open() {
    serve("user-svc", new FakeUsers(faults), new FakeUserLog(), new FakeIdentity(identity));
    serve("inventory-svc", inventory);
    serve("payment-svc", payments);
    orders =
        OrderServiceGrpc.newBlockingStub(processes.mesh("edge-gateway").channel(OrderServer.NAME))
            .withInterceptors(identity.as(ann.toString()));
  }

  @Test
  void startsRegistersServesAndLeavesTheRegistryBeforeItStops() throws Exception {
    Running running = start();
    UUID product = inventory.product(5, 1999, "EUR");

    Order order = ended(placed(order("card_ok", product)));

    assertThat(order.getState()).isEqualTo(State.STATE_CONFIRMED);
    assertThat(running.get("/readyz").statusCode()).isEqualTo(200);
    assertThat(running.get("/info").body()).contains("\"name\":\"order-svc\"");
    assertThat(running.get("/metrics").body())
        .contains("weft_saga_unended", "state=\"compensation_stalled\"");

    assertThat(running.stop()).isEqualTo(143);
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
      dying.process().destroyForcibly().waitFor();
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
    // Also with what the process that was killed had not put there.
    List<Order> listed =
        await()
            .atMost(MAX)
            .ignoreExceptionsInstanceOf(StatusRuntimeException.class)
            .until(
                () ->
                    orders
                        .listOrders(ListOrdersRequest.newBuilder().setPageSize(200).build())
                        .getOrdersList(),
                list -> Set.copyOf(list).equals(Set.copyOf(ended)));
    assertThat(listed).hasSize(40);
  }

  @Test
  void namesAWrongVariableInOneLineAndExits64() throws Exception {
    Process process =
        processes.launch(
            OrderServer.NAME, OrderServer.class, Map.of("DATABASE_URL", "mysql://u:secret@h/d"));

    assertThat(process.waitFor()).isEqualTo(64);
    assertThat(new String(process.getErrorStream().readAllBytes(), UTF_8))
        .startsWith("order-svc: DATABASE_URL")
        .doesNotContain("secret")
        .hasLineCount(1);
  }

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
    processes.mesh(service).server(implementations).start();
  }

  private Running start() {
    return processes.start(
        OrderServer.NAME, OrderServer.class, Map.of("DATABASE_URL", postgres.url()));
  }
}
