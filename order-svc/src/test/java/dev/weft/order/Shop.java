package dev.weft.order;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Bell;
import dev.weft.durable.Database;
import dev.weft.durable.Event;
import dev.weft.durable.SagaRunner;
import dev.weft.durable.SagaSettings;
import dev.weft.event.v1.EventLogServiceGrpc;
import dev.weft.event.v1.EventLogServiceGrpc.EventLogServiceBlockingStub;
import dev.weft.events.EventBus;
import dev.weft.events.EventLog;
import dev.weft.events.GrpcEventTransport;
import dev.weft.mesh.Telemetry;
import dev.weft.mesh.TelemetryConfig;
import dev.weft.shop.inventory.v1.Reservation;
import dev.weft.shop.order.v1.Address;
import dev.weft.shop.order.v1.CartServiceGrpc;
import dev.weft.shop.order.v1.CartServiceGrpc.CartServiceBlockingStub;
import dev.weft.shop.order.v1.CreateOrderRequest;
import dev.weft.shop.order.v1.GetOrderRequest;
import dev.weft.shop.order.v1.NewOrderItem;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.OrderServiceGrpc;
import dev.weft.shop.order.v1.OrderServiceGrpc.OrderServiceBlockingStub;
import dev.weft.shop.order.v1.OrderViewServiceGrpc;
import dev.weft.shop.order.v1.OrderViewServiceGrpc.OrderViewServiceBlockingStub;
import dev.weft.shop.payment.v1.Payment;
import dev.weft.testkit.InProcessMesh;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * order-svc on a real database behind the real layers of the mesh, with stand-ins for the three
 * services it calls. Several processes of it can run at once.
 *
 * <p>As an extension of a test it closes after it; otherwise its maker closes it.
 */
final class Shop implements AutoCloseable, AfterEachCallback {
  /** Everything in tenths of a second that takes seconds in production. */
  static final SagaSettings QUICK =
      new SagaSettings(
          16,
          Duration.ofMillis(600),
          Duration.ofMillis(50),
          Duration.ofMillis(10),
          Duration.ofMillis(40));

  static final UUID ADMIN = UUID.randomUUID();
  static final Address ADDRESS =
      Address.newBuilder()
          .setName("Ann Example")
          .setLine1("Main Street 1")
          .setCity("Berlin")
          .setPostalCode("10115")
          .setCountryCode("DE")
          .build();

  final Faults faults = new Faults();
  final FakeUsers users = new FakeUsers(faults);
  final FakeUserLog userLog = new FakeUserLog();
  final FakeInventory inventory = new FakeInventory(faults);
  final FakePayments payments = new FakePayments(faults);

  /** Sagas that may wait before an instance takes no orders, of those that are started from now. */
  int waitingMax = Intake.WAITING_MAX;

  private final Database database;
  private final InProcessMesh mesh = new InProcessMesh();
  private final Telemetry telemetry = Telemetry.open(TelemetryConfig.local("order-svc", "test"));
  private final List<Instance> instances = new ArrayList<>();

  Shop(Database database) {
    this.database = database;
    database.inTransactionVoid(
        tx -> {
          // New files for every table and index take seconds on a busy disk.
          tx.execute("SET LOCAL statement_timeout = '30s'");
          tx.execute(
              """
              TRUNCATE customer_order, order_line, order_return, cart, cart_item, saga, saga_step, saga_gate,
                request_id, order_view, order_view_change, order_view_count, outbox, event,
                event_aggregate, event_group_bucket, event_group_member, inbox, inbox_aggregate,
                event_parked, known_user
              """);
          tx.execute("UPDATE event_counter SET last = 0");
        });
    mesh.serve("user-svc", users, userLog);
    mesh.serve("inventory-svc", inventory);
    mesh.serve("payment-svc", payments);
  }

  /** Starts an instance that serves from now on, in place of the one before. */
  Instance start(Database database) {
    return start(database, QUICK);
  }

  Instance start(Database database, SagaSettings settings) {
    Instance instance = new Instance(database, settings);
    instances.add(instance);
    mesh.serve(
        "order-svc",
        instance.orderService,
        instance.cartService,
        instance.viewService,
        instance.events.service());
    return instance;
  }

  /** How many orders a user has, whether lists show them or not. */
  int orders(UUID user) {
    return database.read(
        tx ->
            tx.createQuery("SELECT count(*) FROM customer_order WHERE user_id = :user")
                .bind("user", user)
                .mapTo(Integer.class)
                .one());
  }

  /** Waits until lists show every order as it is. */
  void awaitView() {
    await()
        .atMost(Duration.ofSeconds(20))
        .pollInterval(Duration.ofMillis(20))
        .until(
            () ->
                database.read(
                    tx ->
                        tx.createQuery(
                                """
                                SELECT NOT EXISTS (
                                  SELECT FROM customer_order o WHERE NOT EXISTS (
                                    SELECT FROM order_view v, order_view_state s
                                     WHERE v.generation = s.live AND v.order_id = o.order_id
                                       AND v.version >= o.version))
                                """)
                            .mapTo(Boolean.class)
                            .one()));
  }

  /** Accepts an order as the edge would, for this user. */
  Order place(UUID user, CreateOrderRequest request) {
    return ordersAs(user).createOrder(request).getOrder();
  }

  /** An order of these products, one of each. */
  static CreateOrderRequest order(String paymentMethod, UUID... products) {
    CreateOrderRequest.Builder request =
        CreateOrderRequest.newBuilder()
            .setShippingAddress(ADDRESS)
            .setPaymentMethod(paymentMethod)
            .setRequestId(UUID.randomUUID().toString());
    for (UUID product : products) {
      request.addItems(item(product, 1));
    }
    return request.build();
  }

  static NewOrderItem item(UUID product, int quantity) {
    return NewOrderItem.newBuilder().setProductId(product.toString()).setQuantity(quantity).build();
  }

  /** The order as an admin sees it. */
  Order get(String orderId) {
    return ordersAs(ADMIN, "admin")
        .getOrder(GetOrderRequest.newBuilder().setOrderId(orderId).build())
        .getOrder();
  }

  /** The order once it is no longer PENDING. */
  Order ended(Order order) {
    return await()
        .atMost(Duration.ofSeconds(20))
        .pollInterval(Duration.ofMillis(20))
        .until(() -> get(order.getOrderId()), now -> now.getState() != Order.State.STATE_PENDING);
  }

  /** Insists that goods and money agree with what became of an order. */
  void assertBooksAgree(Order order) {
    String id = order.getOrderId();
    if (order.getState() == Order.State.STATE_CONFIRMED
        || order.getState() == Order.State.STATE_REFUNDING) {
      assertThat(inventory.reservation(id)).isEqualTo(Reservation.State.STATE_CONFIRMED);
      assertThat(payments.state(id)).isEqualTo(Payment.State.STATE_CAPTURED);
    } else {
      assertThat(order.getState()).isEqualTo(Order.State.STATE_CANCELLED);
      assertThat(inventory.reservation(id))
          .isIn(
              Reservation.State.STATE_UNSPECIFIED,
              Reservation.State.STATE_RELEASED,
              Reservation.State.STATE_EXPIRED);
      assertThat(payments.state(id))
          .isIn(
              Payment.State.STATE_UNSPECIFIED,
              Payment.State.STATE_VOIDED,
              Payment.State.STATE_DECLINED);
    }
  }

  OrderServiceBlockingStub ordersAs(UUID user, String... roles) {
    return OrderServiceGrpc.newBlockingStub(mesh.channelAs("order-svc", user.toString(), roles));
  }

  /** The read model as those see it who run the shop. */
  OrderViewServiceBlockingStub viewAs(UUID user, String... roles) {
    return OrderViewServiceGrpc.newBlockingStub(
        mesh.channelAs("order-svc", user.toString(), roles));
  }

  /** The log as another service reads it. */
  EventLogServiceBlockingStub eventsAs(String service) {
    return EventLogServiceGrpc.newBlockingStub(mesh.channel(service, "order-svc"));
  }

  OrderServiceBlockingStub ordersAsNobody() {
    return OrderServiceGrpc.newBlockingStub(mesh.channel("order-svc"));
  }

  CartServiceBlockingStub cartAs(UUID user) {
    return CartServiceGrpc.newBlockingStub(mesh.channelAs("order-svc", user.toString()));
  }

  @Override
  public void afterEach(ExtensionContext context) {
    close();
  }

  @Override
  public void close() {
    instances.forEach(Instance::close);
    mesh.close();
    telemetry.close();
  }

  /** One process of order-svc. */
  final class Instance implements AutoCloseable {
    final Database database;
    final EventLog events;
    final OrderStore store;
    final OrderFeed feed;
    final Returns returns;
    final SagaRunner sagas;
    final Orders orders;
    final OrderProjection projection;
    final OrderQueries queries;
    final OrderViewBuilder viewBuilder;
    final OrderService orderService;
    final OrderViewService viewService;
    final CartService cartService;
    private final EventBus bus;

    private Instance(Database database, SagaSettings settings) {
      this.database = database;
      events = new EventLog(database, "order-svc", OrderEvents.GRANTS, telemetry);
      store = new OrderStore(new OrderEvents(events));
      CartStore carts = new CartStore();
      InventoryClient goods = new InventoryClient(mesh.channel("order-svc", "inventory-svc"));
      feed = new OrderFeed(database, store, Duration.ofMillis(50));
      returns = new Returns(database, store, new ReturnStore(), feed);
      SagaEvents sagaEvents = new SagaEvents(events);
      OrderSaga saga =
          new OrderSaga(
              database,
              store,
              returns,
              feed,
              sagaEvents,
              new UserClient(mesh.channel("order-svc", "user-svc")),
              goods,
              new PaymentClient(mesh.channel("order-svc", "payment-svc")));
      FarewellSaga farewell = new FarewellSaga(database, store, feed, sagaEvents);
      sagas = new SagaRunner(database, settings, List.of(saga.definition(), farewell.definition()));
      AtomicLong now = new AtomicLong();
      long step = Intake.LOOK_EVERY.toNanos();
      Intake intake = new Intake(database, sagas, waitingMax, () -> now.getAndAdd(step));
      orders = new Orders(database, store, carts, returns, sagas, feed, goods, intake);
      OrderViewStore view = new OrderViewStore();
      Bell moved = new Bell();
      projection = new OrderProjection(database, view, moved);
      queries = new OrderQueries(database, orders, view, moved, Duration.ofSeconds(2));
      viewBuilder = new OrderViewBuilder(database, events.store(), view);
      bus =
          new EventBus(
              database,
              new GrpcEventTransport(
                  service -> mesh.channel("order-svc", service),
                  service -> mesh.channel("order-svc", service)),
              telemetry);
      orderService = new OrderService(orders, queries, feed, sagas);
      viewService = new OrderViewService(database, events, view, viewBuilder);
      cartService = new CartService(new Carts(database, carts, goods), orders);
      events.start();
      feed.start();
      sagas.start();
      viewBuilder.start();
      bus.subscribe(KnownUsers.SUBSCRIPTION, new KnownUsers(new KnownUserStore(), sagas));
    }

    /** Lets the read model follow the orders from now on. */
    Instance follow() {
      bus.subscribe(OrderProjection.subscription(), projection);
      return this;
    }

    /** The events of an order, once there are so many. */
    List<Event> said(Order order, int count) {
      List<Event> said =
          await()
              .until(
                  () -> events.store().readAggregate("shop.order", order.getOrderId(), 1, 100),
                  read -> read.size() >= count);
      assertThat(said).hasSize(count);
      return said;
    }

    /** Ends it as a crash would: from now on it can write nothing, and it says so to nobody. */
    void crash() {
      mesh.stop("order-svc");
      database.close();
      bus.close();
    }

    @Override
    public void close() {
      bus.close();
      viewBuilder.close();
      sagas.close();
      feed.close();
      events.close();
    }
  }
}
