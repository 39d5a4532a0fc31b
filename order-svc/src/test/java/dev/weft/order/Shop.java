package dev.weft.order;

import dev.weft.durable.Database;
import dev.weft.durable.SagaRunner;
import dev.weft.durable.SagaSettings;
import dev.weft.shop.order.v1.CartServiceGrpc;
import dev.weft.shop.order.v1.CartServiceGrpc.CartServiceBlockingStub;
import dev.weft.shop.order.v1.OrderServiceGrpc;
import dev.weft.shop.order.v1.OrderServiceGrpc.OrderServiceBlockingStub;
import dev.weft.testkit.InProcessMesh;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * order-svc on a real database behind the real layers of the mesh, with stand-ins for the three
 * services it calls. Several processes of it can run at once.
 */
final class Shop implements AutoCloseable {
  /** Everything in tenths of a second that takes seconds in production. */
  static final SagaSettings QUICK =
      new SagaSettings(
          16,
          Duration.ofMillis(600),
          Duration.ofMillis(50),
          Duration.ofMillis(10),
          Duration.ofMillis(40));

  final Faults faults = new Faults();
  final FakeUsers users = new FakeUsers(faults);
  final FakeInventory inventory = new FakeInventory(faults);
  final FakePayments payments = new FakePayments(faults);
  private final InProcessMesh mesh;
  private final List<Instance> instances = new ArrayList<>();

  Shop(InProcessMesh mesh) {
    this.mesh = mesh;
    mesh.serve("user-svc", users);
    mesh.serve("inventory-svc", inventory);
    mesh.serve("payment-svc", payments);
  }

  /** Starts an instance that serves from now on, in place of the one before. */
  Instance start(Database database) {
    Instance instance = new Instance(database);
    instances.add(instance);
    mesh.serve("order-svc", instance.orderService, instance.cartService);
    return instance;
  }

  OrderServiceBlockingStub ordersAs(UUID user, String... roles) {
    return OrderServiceGrpc.newBlockingStub(mesh.channelAs("order-svc", user.toString(), roles));
  }

  CartServiceBlockingStub cartAs(UUID user) {
    return CartServiceGrpc.newBlockingStub(mesh.channelAs("order-svc", user.toString()));
  }

  @Override
  public void close() {
    mesh.stop("order-svc");
    instances.forEach(Instance::close);
  }

  /** One process of order-svc. */
  final class Instance implements AutoCloseable {
    final Database database;
    final OrderFeed feed;
    final SagaRunner sagas;
    final OrderService orderService;
    final CartService cartService;

    private Instance(Database database) {
      this.database = database;
      OrderStore store = new OrderStore();
      CartStore carts = new CartStore();
      InventoryClient goods = new InventoryClient(mesh.channel("order-svc", "inventory-svc"));
      feed = new OrderFeed(database, store, Duration.ofMillis(50));
      OrderSaga saga =
          new OrderSaga(
              database,
              store,
              feed,
              new UserClient(mesh.channel("order-svc", "user-svc")),
              goods,
              new PaymentClient(mesh.channel("order-svc", "payment-svc")));
      sagas = new SagaRunner(database, QUICK, List.of(saga.definition()));
      Orders orders = new Orders(database, store, carts, sagas, feed, goods);
      orderService = new OrderService(orders, feed, sagas);
      cartService = new CartService(new Carts(database, carts, goods), orders);
      feed.start();
      sagas.start();
    }

    /** Ends it as a crash would: from now on it can write nothing, and it says so to nobody. */
    void crash() {
      mesh.stop("order-svc");
      database.close();
    }

    @Override
    public void close() {
      sagas.close();
      feed.close();
    }
  }
}
