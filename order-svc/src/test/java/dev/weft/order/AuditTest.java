package dev.weft.order;

import static dev.weft.shop.inventory.v1.StockMovement.Kind.KIND_CONFIRM;
import static dev.weft.shop.inventory.v1.StockMovement.Kind.KIND_RELEASE;
import static dev.weft.shop.inventory.v1.StockMovement.Kind.KIND_RESERVE;
import static dev.weft.shop.inventory.v1.StockMovement.Kind.KIND_RESTOCK;
import static dev.weft.shop.inventory.v1.StockMovement.Kind.KIND_RETURN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Saga;
import dev.weft.mesh.Rejection;
import dev.weft.shop.order.v1.CreateOrderRequest;
import dev.weft.shop.order.v1.NewOrderItem;
import dev.weft.testkit.InProcessMesh;
import dev.weft.testkit.PostgresExtension;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * The audit over real orders and sagas, and books that a test writes: rightly, then with one error.
 */
final class AuditTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  /** Any name that has a key. */
  private static final String BOOKS = "edge-gateway";

  private Shop shop;
  private final FakeLedger ledger = new FakeLedger();
  private final FakeMovements movements = new FakeMovements();
  private Audit audit;
  private UUID product;
  private String bought;
  private String declined;

  @BeforeEach
  void placeTwoOrdersAndKeepTheirBooks() {
    shop = new Shop(postgres.database());
    Shop.Instance orders = shop.start(postgres.database());
    mesh.serve(BOOKS, ledger, movements);
    audit =
        new Audit(
            orders.database,
            orders.store,
            orders.sagas,
            new BooksClient(mesh.channel("order-svc", BOOKS), mesh.channel("order-svc", BOOKS)));
    product = shop.inventory.product(10, 1999, "EUR");
    bought = place("card_ok");
    declined = place("card_declined");
    await()
        .atMost(Duration.ofSeconds(10))
        .until(
            () ->
                List.of(bought, declined).stream()
                    .flatMap(order -> orders.sagas.ofSubject(order).stream())
                    .map(Saga::state)
                    .allMatch(Saga.State::ended));
    movements.move(KIND_RESTOCK, product, 10, "");
    movements.move(KIND_RESERVE, product, 2, bought);
    movements.move(KIND_RESERVE, product, 2, declined);
    movements.move(KIND_RELEASE, product, 2, declined);
    movements.move(KIND_CONFIRM, product, 2, bought);
    ledger.enter("capture-1", bought, 3998);
  }

  @AfterEach
  void stop() {
    shop.close();
    mesh.stop(BOOKS);
  }

  @Test
  void booksThatAgreeHold() {
    AuditReport report = audit.run();

    assertThat(report.invariants()).allMatch(AuditReport.Invariant::holds);
    assertThat(report.judged()).isEqualTo(2);
    assertThat(report.open()).isZero();
    assertThat(checked(report, "LEDGER_BALANCES")).isEqualTo(1);
    assertThat(checked(report, "STOCK_NEVER_NEGATIVE")).isEqualTo(1);
    assertThat(checked(report, "MONEY_MATCHES_ORDERS")).isEqualTo(2);
  }

  @Test
  void findsATransactionThatDoesNotBalance() {
    ledger.line("capture-1", bought, "revenue", -1);

    assertThat(broken()).containsExactly("LEDGER_BALANCES");
  }

  @Test
  void findsAnOrderThatWasPaidForTwice() {
    ledger.enter("capture-2", bought, 3998);

    assertThat(broken()).containsExactly("ONE_CAPTURE_PER_ORDER", "MONEY_MATCHES_ORDERS");
  }

  @Test
  void findsMoneyThatWasTakenForACancelledOrder() {
    ledger.enter("capture-2", declined, 3998);

    assertThat(broken()).containsExactly("MONEY_MATCHES_ORDERS");
  }

  @Test
  void acceptsMoneyThatWasGivenBack() {
    ledger.enter("capture-2", declined, 3998);
    ledger.enter("refund-1", declined, -3998);

    assertThat(broken()).isEmpty();
  }

  @Test
  void acceptsThatAnAdministratorGaveBackPartsOfAConfirmedOrder() {
    ledger.enter("refund-1", bought, -500);
    assertThat(broken()).isEmpty();

    ledger.enter("refund-2", bought, -3498);
    assertThat(broken()).isEmpty();
  }

  @Test
  void findsAConfirmedOrderThatDidNotFollowItsMoney() {
    ledger.clock = Instant.now().minus(Duration.ofMinutes(11));
    ledger.enter("refund-1", bought, -3998);

    assertThat(broken()).containsExactly("MONEY_MATCHES_ORDERS");
  }

  @Test
  void acceptsARefundedOrderWhoseMoneyAndGoodsAreBack() {
    bringBack("REFUNDED");
    ledger.enter("refund-1", bought, -3998);
    movements.move(KIND_RETURN, product, 2, bought);

    assertThat(broken()).isEmpty();
    assertThat(audit.run().judged()).isEqualTo(2);
  }

  @Test
  void findsARefundedOrderWhoseMoneyOrGoodsAreNotBack() {
    bringBack("REFUNDED");

    assertThat(broken()).containsExactly("MONEY_MATCHES_ORDERS", "STOCK_MATCHES_ORDERS");

    ledger.entries.clear();
    movements.move(KIND_RETURN, product, 2, bought);
    assertThat(broken()).containsExactly("MONEY_MATCHES_ORDERS");
  }

  @Test
  void countsAnOrderOnItsWayBackAndFindsOneThatIsStuckThere() {
    bringBack("REFUNDING");
    assertThat(audit.run().open()).isEqualTo(1);
    assertThat(broken()).isEmpty();

    postgres
        .database()
        .inTransactionVoid(
            tx ->
                tx.createUpdate(
                        """
                        UPDATE customer_order SET update_time = update_time - interval '11 minutes'
                         WHERE order_id = :order::uuid
                        """)
                    .bind("order", bought)
                    .execute());
    assertThat(broken()).containsExactly("NO_ORDER_IS_STUCK");
  }

  @Test
  void leavesAnOrderAloneThatIsCalledOffWhileTheBooksAreRead() {
    ledger.whenRead = () -> bringBack("REFUNDING");
    movements.move(KIND_RETURN, product, 2, bought);

    assertThat(broken()).isEmpty();
  }

  @Test
  void findsGoodsOfAConfirmedOrderThatCameBack() {
    movements.move(KIND_RETURN, product, 2, bought);

    assertThat(broken()).containsExactly("STOCK_MATCHES_ORDERS");
  }

  @Test
  void findsMoreMoneyGivenBackThanWasTaken() {
    ledger.enter("refund-1", bought, -3998);
    ledger.enter("refund-2", bought, -1);

    assertThat(broken()).containsExactly("MONEY_MATCHES_ORDERS");
  }

  @Test
  void findsTooMuchTakenAndGivenBackAgain() {
    ledger.enter("capture-2", bought, 500);
    ledger.enter("refund-1", bought, -500);

    assertThat(broken()).containsExactly("ONE_CAPTURE_PER_ORDER", "MONEY_MATCHES_ORDERS");
  }

  @Test
  void findsAConfirmedOrderThatNobodyPaidFor() {
    ledger.entries.clear();

    assertThat(broken()).containsExactly("MONEY_MATCHES_ORDERS");
  }

  @Test
  void findsGoodsThatACancelledOrderStillHolds() {
    movements.movements.removeIf(movement -> movement.getKind() == KIND_RELEASE);

    assertThat(broken()).containsExactly("STOCK_MATCHES_ORDERS");
  }

  @Test
  void findsGoodsThatWereSoldTwice() {
    movements.move(KIND_RESERVE, product, 2, bought);
    movements.move(KIND_CONFIRM, product, 2, bought);

    assertThat(broken()).containsExactly("STOCK_MATCHES_ORDERS");
  }

  @Test
  void findsStockBelowZero() {
    movements.movements.removeFirst();

    assertThat(broken()).containsExactly("STOCK_NEVER_NEGATIVE");
  }

  @Test
  void findsMoneyAndGoodsOfAnOrderThatDoesNotExist() {
    ledger.enter("capture-2", UUID.randomUUID().toString(), 100);

    assertThat(broken()).containsExactly("NOTHING_WITHOUT_ORDER");
  }

  @Test
  void findsAnOrderWhoseSagaEndedTheOtherWay() {
    postgres
        .database()
        .inTransactionVoid(
            tx ->
                tx.createUpdate("UPDATE saga SET state = 'COMPENSATED' WHERE subject = :order")
                    .bind("order", bought)
                    .execute());

    assertThat(broken()).containsExactly("SAGAS_MATCH_ORDERS");
  }

  @Test
  void countsAnOrderOnItsWayAndFindsOneThatIsStuck() {
    shop.faults.unavailable("authorize", Faults.When.BEFORE, 10_000);
    String open = place("card_ok");

    AuditReport early = audit.run();
    postgres
        .database()
        .inTransactionVoid(
            tx ->
                tx.createUpdate(
                        """
                        UPDATE customer_order SET create_time = create_time - interval '11 minutes'
                         WHERE order_id = :order::uuid
                        """)
                    .bind("order", open)
                    .execute());
    AuditReport late = audit.run();

    assertThat(early.open()).isEqualTo(1);
    assertThat(early.holds()).isTrue();
    assertThat(late.invariants())
        .filteredOn(invariant -> !invariant.holds())
        .singleElement()
        .satisfies(
            stuck -> {
              assertThat(stuck.name()).isEqualTo("NO_ORDER_IS_STUCK");
              assertThat(stuck.violations()).singleElement().asString().contains(open);
            });
  }

  @Test
  void saysSoWhenBooksCannotBeRead() {
    mesh.stop(BOOKS);

    assertThatThrownBy(audit::run)
        .isInstanceOfSatisfying(
            Rejection.class, e -> assertThat(e.reason()).isEqualTo("BOOKS_UNAVAILABLE"));
  }

  /** Moves the order that was bought as far as this state. */
  private void bringBack(String state) {
    postgres
        .database()
        .inTransactionVoid(
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

  private List<String> broken() {
    return audit.run().invariants().stream()
        .filter(invariant -> !invariant.holds())
        .map(AuditReport.Invariant::name)
        .toList();
  }

  private static long checked(AuditReport report, String name) {
    return report.invariants().stream()
        .filter(invariant -> invariant.name().equals(name))
        .mapToLong(AuditReport.Invariant::checked)
        .sum();
  }

  private String place(String paymentMethod) {
    return shop.ordersAs(UUID.randomUUID())
        .createOrder(
            CreateOrderRequest.newBuilder()
                .addItems(NewOrderItem.newBuilder().setProductId(product.toString()).setQuantity(2))
                .setShippingAddress(Shop.ADDRESS)
                .setPaymentMethod(paymentMethod)
                .setRequestId(UUID.randomUUID().toString())
                .build())
        .getOrder()
        .getOrderId();
  }
}
