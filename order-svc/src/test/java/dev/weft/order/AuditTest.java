package dev.weft.order;

import static dev.weft.shop.inventory.v1.StockMovement.Kind.KIND_CONFIRM;
import static dev.weft.shop.inventory.v1.StockMovement.Kind.KIND_RELEASE;
import static dev.weft.shop.inventory.v1.StockMovement.Kind.KIND_RESERVE;
import static dev.weft.shop.inventory.v1.StockMovement.Kind.KIND_RETURN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.mesh.Rejection;
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

  private AuditedShop shop;

  @BeforeEach
  void placeTwoOrdersAndKeepTheirBooks() {
    shop = new AuditedShop(postgres.database(), mesh);
  }

  @AfterEach
  void stop() {
    shop.close();
  }

  @Test
  void booksThatAgreeHold() {
    AuditReport report = shop.audit.run(() -> {});

    assertThat(report.invariants()).allMatch(AuditReport.Invariant::holds);
    assertThat(report.judged()).isEqualTo(2);
    assertThat(report.open()).isZero();
    assertThat(checked(report, "LEDGER_BALANCES")).isEqualTo(2);
    assertThat(checked(report, "STOCK_NEVER_NEGATIVE")).isEqualTo(1);
    assertThat(checked(report, "MONEY_MATCHES_ORDERS")).isEqualTo(2);
  }

  @Test
  void findsATransactionThatDoesNotBalance() {
    shop.ledger.line("capture-1", shop.bought, "revenue", -1);

    assertThat(broken()).containsExactly("LEDGER_BALANCES");
  }

  @Test
  void findsAnOrderThatWasPaidForTwice() {
    shop.ledger.enter("capture-2", shop.bought, 3998);

    assertThat(broken()).containsExactly("ONE_CAPTURE_PER_ORDER", "MONEY_MATCHES_ORDERS");
  }

  @Test
  void findsMoneyThatWasTakenForACancelledOrder() {
    shop.ledger.enter("capture-2", shop.declined, 3998);

    assertThat(broken()).containsExactly("MONEY_MATCHES_ORDERS");
  }

  @Test
  void acceptsMoneyThatWasGivenBack() {
    shop.ledger.enter("capture-2", shop.declined, 3998);
    shop.ledger.enter("refund-1", shop.declined, -3998);

    assertThat(broken()).isEmpty();
  }

  @Test
  void acceptsThatAnAdministratorGaveBackPartsOfAConfirmedOrder() {
    shop.ledger.enter("refund-1", shop.bought, -500);
    assertThat(broken()).isEmpty();

    shop.ledger.enter("refund-2", shop.bought, -3498);
    assertThat(broken()).isEmpty();
  }

  @Test
  void findsAConfirmedOrderThatDidNotFollowItsMoney() {
    shop.ledger.clock = Instant.now().minus(Duration.ofMinutes(11));
    shop.ledger.enter("refund-1", shop.bought, -3998);

    assertThat(broken()).containsExactly("MONEY_MATCHES_ORDERS");
  }

  @Test
  void acceptsARefundedOrderWhoseMoneyAndGoodsAreBack() {
    shop.bringBack("REFUNDED");
    shop.ledger.enter("refund-1", shop.bought, -3998);
    shop.movements.move(KIND_RETURN, shop.product, 2, shop.bought);

    assertThat(broken()).isEmpty();
    assertThat(shop.audit.run(() -> {}).judged()).isEqualTo(2);
  }

  @Test
  void findsARefundedOrderWhoseMoneyOrGoodsAreNotBack() {
    shop.bringBack("REFUNDED");

    assertThat(broken()).containsExactly("MONEY_MATCHES_ORDERS", "STOCK_MATCHES_ORDERS");

    shop.ledger.entries.clear();
    shop.movements.move(KIND_RETURN, shop.product, 2, shop.bought);
    assertThat(broken()).containsExactly("MONEY_MATCHES_ORDERS");
  }

  @Test
  void countsAnOrderOnItsWayBackAndFindsOneThatIsStuckThere() {
    shop.bringBack("REFUNDING");
    assertThat(shop.audit.run(() -> {}).open()).isEqualTo(1);
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
                    .bind("order", shop.bought)
                    .execute());
    assertThat(broken()).containsExactly("NO_ORDER_IS_STUCK");
  }

  @Test
  void leavesAnOrderAloneThatIsCalledOffWhileTheBooksAreRead() {
    shop.ledger.whenRead = () -> shop.bringBack("REFUNDING");
    shop.movements.move(KIND_RETURN, shop.product, 2, shop.bought);

    assertThat(broken()).isEmpty();
  }

  @Test
  void findsGoodsOfAConfirmedOrderThatCameBack() {
    shop.movements.move(KIND_RETURN, shop.product, 2, shop.bought);

    assertThat(broken()).containsExactly("STOCK_MATCHES_ORDERS");
  }

  @Test
  void findsMoreMoneyGivenBackThanWasTaken() {
    shop.ledger.enter("refund-1", shop.bought, -3998);
    shop.ledger.enter("refund-2", shop.bought, -1);

    assertThat(broken()).containsExactly("MONEY_MATCHES_ORDERS");
  }

  @Test
  void findsTooMuchTakenAndGivenBackAgain() {
    shop.ledger.enter("capture-2", shop.bought, 500);
    shop.ledger.enter("refund-1", shop.bought, -500);

    assertThat(broken()).containsExactly("ONE_CAPTURE_PER_ORDER", "MONEY_MATCHES_ORDERS");
  }

  @Test
  void findsAConfirmedOrderThatNobodyPaidFor() {
    shop.ledger.entries.clear();

    assertThat(broken()).containsExactly("MONEY_MATCHES_ORDERS");
  }

  @Test
  void findsGoodsThatACancelledOrderStillHolds() {
    shop.movements.movements.removeIf(movement -> movement.getKind() == KIND_RELEASE);

    assertThat(broken()).containsExactly("STOCK_MATCHES_ORDERS");
  }

  @Test
  void findsGoodsThatWereSoldTwice() {
    shop.movements.move(KIND_RESERVE, shop.product, 2, shop.bought);
    shop.movements.move(KIND_CONFIRM, shop.product, 2, shop.bought);

    assertThat(broken()).containsExactly("STOCK_MATCHES_ORDERS");
  }

  @Test
  void findsStockBelowZero() {
    shop.movements.movements.removeFirst();

    assertThat(broken()).containsExactly("STOCK_NEVER_NEGATIVE");
  }

  @Test
  void findsMoneyAndGoodsOfAnOrderThatDoesNotExist() {
    shop.ledger.enter("capture-2", UUID.randomUUID().toString(), 100);

    assertThat(broken()).containsExactly("NOTHING_WITHOUT_ORDER");
  }

  @Test
  void findsAnOrderWhoseSagaEndedTheOtherWay() {
    postgres
        .database()
        .inTransactionVoid(
            tx ->
                tx.createUpdate("UPDATE saga SET state = 'COMPENSATED' WHERE subject = :order")
                    .bind("order", shop.bought)
                    .execute());

    assertThat(broken()).containsExactly("SAGAS_MATCH_ORDERS");
  }

  @Test
  void countsAnOrderOnItsWayAndFindsOneThatIsStuck() {
    shop.orders.faults.unavailable("authorize", Faults.When.BEFORE, 10_000);
    String open = shop.place("card_ok");

    AuditReport early = shop.audit.run(() -> {});
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
    AuditReport late = shop.audit.run(() -> {});

    assertThat(early.open()).isEqualTo(1);
    assertThat(early.holds()).isTrue();
    assertThat(late.invariants())
        .filteredOn(invariant -> !invariant.holds())
        .singleElement()
        .satisfies(
            stuck -> {
              assertThat(stuck.name()).isEqualTo("NO_ORDER_IS_STUCK");
              assertThat(stuck.violations())
                  .extracting(AuditReport.Violation::id)
                  .containsExactly(open);
            });
  }

  @Test
  void saysSoWhenBooksCannotBeRead() {
    shop.stopBooks();

    assertThatThrownBy(() -> shop.audit.run(() -> {}))
        .isInstanceOfSatisfying(
            Rejection.class, e -> assertThat(e.reason()).isEqualTo("BOOKS_UNAVAILABLE"));
  }

  private List<String> broken() {
    return shop.audit.run(() -> {}).invariants().stream()
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
}
