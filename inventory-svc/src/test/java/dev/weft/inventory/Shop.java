package dev.weft.inventory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import com.google.type.Money;
import dev.weft.durable.CommandId;
import dev.weft.durable.Database;
import dev.weft.durable.UuidV7;
import dev.weft.events.EventLog;
import dev.weft.inventory.Product.Description;
import dev.weft.mesh.RemoteError;
import dev.weft.mesh.Telemetry;
import dev.weft.mesh.TelemetryConfig;
import dev.weft.shop.inventory.v1.CreateProductRequest;
import dev.weft.shop.inventory.v1.GetStockRequest;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc.InventoryServiceBlockingStub;
import dev.weft.shop.inventory.v1.ItemQuantity;
import dev.weft.shop.inventory.v1.Product;
import dev.weft.shop.inventory.v1.ReserveStockRequest;
import dev.weft.shop.inventory.v1.RestockProductRequest;
import dev.weft.shop.inventory.v1.Stock;
import dev.weft.testkit.InProcessMesh;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/** The service behind the mesh's interceptors, and what tests do to it over and over. */
final class Shop {
  static final Duration LIFE = Duration.ofMinutes(10);
  static final Duration HEARTBEAT = Duration.ofMillis(100);

  private static final AtomicInteger counter = new AtomicInteger();
  private static final Telemetry telemetry =
      Telemetry.open(TelemetryConfig.local(InventoryServer.NAME, "test"));

  private final InProcessMesh mesh;
  final Reservations reservations;
  final AtomicInteger tombstoneHits = new AtomicInteger();
  final StockFeed feed;
  final EventLog events;

  Shop(InProcessMesh mesh, Database database) {
    this.mesh = mesh;
    ProductStore productStore = new ProductStore();
    CacheMetrics metrics = new CacheMetrics(telemetry);
    ProductCache products =
        new ProductCache(
            id -> database.read(tx -> productStore.find(tx, id)).map(InventoryMessages::product),
            // Longer than a test: what it sees, it sees because it was forgotten.
            new LocalTier(LIFE, metrics),
            Optional.empty(),
            Optional.empty(),
            metrics);
    StockStore stockStore = new StockStore(products.changing(database));
    events = new EventLog(database, InventoryServer.NAME, ReservationEvents.GRANTS, telemetry);
    reservations =
        new Reservations(
            database,
            new ReservationStore(),
            stockStore,
            new ReservationEvents(events),
            LIFE,
            tombstoneHits::incrementAndGet);
    feed = new StockFeed(database, stockStore, HEARTBEAT);
    mesh.serve(
        InventoryServer.NAME,
        new InventoryService(
            new Catalogue(database, productStore, products.changing(database)),
            products,
            new Stocks(database, stockStore),
            feed,
            reservations));
  }

  /** A product and so many of it, for processes that know no administrator. */
  static void add(Database database, UUID productId, int quantity) {
    database.inTransactionVoid(
        tx -> {
          Description mug =
              new Description(unique("MUG"), "Mug", "", "kitchen", new Price(1_250, "EUR"));
          assertThat(new ProductStore().insert(tx, productId, mug)).isTrue();
          new StockStore(_ -> {})
              .move(
                  tx,
                  Movement.Kind.RESTOCK,
                  List.of(new StockStore.Line(null, productId, quantity)));
        });
  }

  InventoryServiceBlockingStub anybody() {
    return InventoryServiceGrpc.newBlockingStub(mesh.channel(InventoryServer.NAME));
  }

  InventoryServiceBlockingStub customer() {
    return InventoryServiceGrpc.newBlockingStub(
        mesh.channelAs(InventoryServer.NAME, UuidV7.next().toString()));
  }

  InventoryServiceBlockingStub admin() {
    return admin(UuidV7.next());
  }

  InventoryServiceBlockingStub admin(UUID userId) {
    return InventoryServiceGrpc.newBlockingStub(
        mesh.channelAs(InventoryServer.NAME, userId.toString(), "admin"));
  }

  InventoryServiceBlockingStub orders() {
    return service("order-svc");
  }

  InventoryServiceBlockingStub service(String name) {
    return InventoryServiceGrpc.newBlockingStub(mesh.channel(name, InventoryServer.NAME));
  }

  static String unique(String prefix) {
    return prefix + "-" + counter.incrementAndGet();
  }

  static Product.Builder described() {
    String sku = unique("SKU");
    return Product.newBuilder().setSku(sku).setTitle("Article " + sku).setPrice(euros(12, 50));
  }

  static Money euros(long euros, int cents) {
    return Money.newBuilder()
        .setCurrencyCode("EUR")
        .setUnits(euros)
        .setNanos(cents * 10_000_000)
        .build();
  }

  Product product() {
    return product(described());
  }

  Product product(Product.Builder described) {
    return admin().createProduct(creation(described)).getProduct();
  }

  static CreateProductRequest creation(Product.Builder described) {
    return CreateProductRequest.newBuilder()
        .setProduct(described)
        .setRequestId(unique("create"))
        .build();
  }

  /** A new product of which there are so many. */
  String stocked(int quantity) {
    String id = product().getProductId();
    restock(id, quantity);
    return id;
  }

  Stock restock(String productId, int quantity) {
    return admin()
        .restockProduct(
            RestockProductRequest.newBuilder()
                .setProductId(productId)
                .setQuantity(quantity)
                .setRequestId(unique("restock"))
                .build())
        .getStock();
  }

  Stock stock(String productId) {
    return admin()
        .getStock(GetStockRequest.newBuilder().setProductId(productId).build())
        .getStock();
  }

  /** Asserts on received, available, reserved and sold. */
  void hasStock(String productId, long received, long available, long reserved, long sold) {
    Stock stock = stock(productId);
    assertThat(
            List.of(
                stock.getReceived(), stock.getAvailable(), stock.getReserved(), stock.getSold()))
        .as("received, available, reserved, sold")
        .containsExactly(received, available, reserved, sold);
  }

  /** What the order's saga calls its reservation, and the release of it. */
  static CommandId command(UUID order, String direction) {
    return CommandId.parse(order + ":reserve:" + direction);
  }

  static ReserveStockRequest reserve(String orderId, Map<String, Integer> quantities) {
    List<ItemQuantity> items = new ArrayList<>();
    quantities.forEach(
        (productId, quantity) ->
            items.add(
                ItemQuantity.newBuilder().setProductId(productId).setQuantity(quantity).build()));
    return ReserveStockRequest.newBuilder()
        .setOrderId(orderId)
        .addAllItems(items)
        .setCommandId(orderId + ":reserve:forward")
        .build();
  }

  /** Makes the call and returns the refusal, after a look at its code and reason. */
  static RemoteError refused(Status.Code code, String reason, ThrowingCallable call) {
    Throwable thrown = catchThrowable(call);
    assertThat(thrown).as("the call should have been refused").isNotNull();
    RemoteError error =
        RemoteError.of(thrown).orElseThrow(() -> new AssertionError("no status", thrown));
    assertThat(error.code()).as(error.toString()).isEqualTo(code);
    assertThat(error.reason()).isEqualTo(reason);
    return error;
  }
}
