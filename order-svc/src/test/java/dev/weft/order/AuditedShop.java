package dev.weft.order;

import static dev.weft.shop.inventory.v1.StockMovement.Kind.KIND_CONFIRM;
import static dev.weft.shop.inventory.v1.StockMovement.Kind.KIND_RELEASE;
import static dev.weft.shop.inventory.v1.StockMovement.Kind.KIND_RESERVE;
import static dev.weft.shop.inventory.v1.StockMovement.Kind.KIND_RESTOCK;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Database;
import dev.weft.durable.Saga;
import dev.weft.shop.order.v1.CreateOrderRequest;
import dev.weft.testkit.InProcessMesh;
import java.time.Duration;
import java.util.List;
import java.util.UUID;

/**
 * Real orders and sagas, one that was bought and one whose card was declined, and the books of the
 * other services as a test writes them: rightly at first.
 */
final class AuditedShop implements AutoCloseable {
  /** Any name that has a key. */
  private static final String BOOKS = "edge-gateway";

  final Shop orders;
  final FakeLedger ledger = new FakeLedger();
  final FakeMovements movements = new FakeMovements();
  final Audit audit;
  final UUID product;
  final String bought;
  final String declined;
  private final Database database;
  private final InProcessMesh mesh;

  AuditedShop(Database database, InProcessMesh mesh) {
    this.database = database;
    this.mesh = mesh;
    orders = new Shop(database);
    Shop.Instance process = orders.start(database);
    serveBooks();
    audit =
        new Audit(
            database,
            process.store,
            process.sagas,
            new BooksClient(mesh.channel("order-svc", BOOKS), mesh.channel("order-svc", BOOKS)));
    product = orders.inventory.product(10, 1999, "EUR");
    bought = place("card_ok");
    declined = place("card_declined");
    await()
        .atMost(Duration.ofSeconds(10))
        .until(
            () ->
                List.of(bought, declined).stream()
                    .flatMap(order -> process.sagas.ofSubject(order).stream())
                    .map(Saga::state)
                    .allMatch(Saga.State::ended));
    movements.move(KIND_RESTOCK, product, 10, "");
    movements.move(KIND_RESERVE, product, 2, bought);
    movements.move(KIND_RESERVE, product, 2, declined);
    movements.move(KIND_RELEASE, product, 2, declined);
    movements.move(KIND_CONFIRM, product, 2, bought);
    ledger.enter("capture-1", bought, 3998);
  }

  /** Places an order of two. */
  String place(String paymentMethod) {
    CreateOrderRequest two =
        Shop.order(paymentMethod).toBuilder().addItems(Shop.item(product, 2)).build();
    return orders.place(UUID.randomUUID(), two).getOrderId();
  }

  /** Moves the order that was bought as far as this state. */
  void bringBack(String state) {
    database.inTransactionVoid(
        tx -> {
          for (String next : List.of("REFUNDING", "REFUNDED")) {
            tx.createUpdate(
                    """
                    UPDATE customer_order SET state = :next, version = version + 1,
                           update_time = weft_now()
                     WHERE order_id = :order::uuid AND state <> :state
                    """)
                .bind("next", next)
                .bind("order", bought)
                .bind("state", state)
                .execute();
          }
        });
  }

  void serveBooks() {
    mesh.serve(BOOKS, ledger, movements);
  }

  void stopBooks() {
    mesh.stop(BOOKS);
  }

  @Override
  public void close() {
    orders.close();
    stopBooks();
  }
}
