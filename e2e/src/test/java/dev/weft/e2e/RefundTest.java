package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Orders that are called off after they were confirmed: money and goods come back, once. */
@ExtendWith(SharedWeft.class)
final class RefundTest {
  private static final Duration LIMIT = Duration.ofSeconds(90);
  private static final int STOCK = 100;

  private final Weft weft;
  private final Visitor admin;
  private final Visitor customer;
  private final String product;

  RefundTest(Weft weft) {
    this.weft = weft;
    admin = Visitor.admin(weft);
    customer = Visitor.registered(weft);
    product =
        Stock.ofNew(
            admin,
            "Boomerang",
            Map.of("currencyCode", "EUR", "units", 7, "nanos", 500_000_000),
            STOCK);
  }

  @Test
  void aConfirmedOrderThatIsCalledOffIsRefundedAndItsGoodsAreBack() {
    String id = confirmed();
    assertThat(Stock.of(admin, product)).isEqualTo(new Stock(STOCK, STOCK - 2, 0, 2));
    String key = UUID.randomUUID().toString();

    Answer called = customer.post(path(id) + ":cancel", key, Map.of());

    assertThat(called.status()).as("%s", called).isEqualTo(200);
    assertThat(called.text("state")).isEqualTo("STATE_REFUNDING");
    awaitRefunded(id);
    assertThat(customer.post(path(id) + ":cancel", key, Map.of()).json()).isEqualTo(called.json());
    Answer again = customer.post(path(id) + ":cancel", UUID.randomUUID().toString(), Map.of());
    assertThat(again.status()).isEqualTo(409);
    assertThat(again.text("reason")).isEqualTo("ORDER_NOT_CANCELLABLE");
    everythingIsBack(List.of(id));
    Answer payments = customer.get("/v1/payments?orderId=" + id);
    assertThat(payments.json().at("/payments/0/state").textValue()).isEqualTo("STATE_REFUNDED");
  }

  @Test
  void anOrderFollowsWhenAnAdministratorGivesAllOfItsMoneyBack() {
    String id = confirmed();
    String payment = customer.get(path(id)).text("paymentId");

    Answer part =
        admin.post(
            "/v1/payments/" + payment + ":refund",
            UUID.randomUUID().toString(),
            Map.of("amount", Map.of("currencyCode", "EUR", "units", 1)));
    assertThat(part.status()).as("%s", part).isEqualTo(200);
    assertThat(customer.get(path(id)).text("state")).isEqualTo("STATE_CONFIRMED");
    Answer rest =
        admin.post("/v1/payments/" + payment + ":refund", UUID.randomUUID().toString(), Map.of());
    assertThat(rest.status()).as("%s", rest).isEqualTo(200);

    awaitRefunded(id);
    assertThat(Stock.of(admin, product)).isEqualTo(new Stock(STOCK, STOCK, 0, 0));
    assertThat(CardBooks.read(weft).of(id))
        .returns(2, CardBooks.Charge::refunds)
        .returns("0 EUR", CardBooks.Charge::taken);
    assertThat(admin.get("/v1/refunds?state=STATE_STALLED").json().path("refunds")).isEmpty();
  }

  @Test
  void everyOrderIsRefundedOnceThoughPaymentsAndInventoryAreKilledMeanwhile() {
    List<String> ids = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      ids.add(
          Orders.place(customer, UUID.randomUUID().toString(), Orders.of(product, 2, "card_ok")));
    }
    ids.forEach(id -> Orders.awaitEnd(customer, id));
    int payments = weft.restarts("payment-svc");
    int inventories = weft.restarts("inventory-svc");

    for (int i = 0; i < ids.size(); i++) {
      if (i == 4) {
        weft.kill("payment-svc");
      }
      if (i == 8) {
        weft.kill("inventory-svc");
      }
      Answer called =
          customer.post(path(ids.get(i)) + ":cancel", UUID.randomUUID().toString(), Map.of());
      assertThat(called.status()).as("%s", called).isEqualTo(200);
    }

    await()
        .atMost(LIMIT)
        .until(
            () ->
                weft.restarts("payment-svc") > payments
                    && weft.restarts("inventory-svc") > inventories);
    ids.forEach(this::awaitRefunded);
    everythingIsBack(ids);
  }

  private void everythingIsBack(List<String> ids) {
    await()
        .atMost(LIMIT)
        .ignoreExceptions()
        .untilAsserted(
            () -> assertThat(Stock.of(admin, product)).isEqualTo(new Stock(STOCK, STOCK, 0, 0)));
    CardBooks cards = CardBooks.read(weft);
    assertThat(ids)
        .allSatisfy(
            id ->
                assertThat(cards.of(id))
                    .returns(1, CardBooks.Charge::captures)
                    .returns(1, CardBooks.Charge::refunds)
                    .returns("0 EUR", CardBooks.Charge::taken));
    Ledger ledger = Ledger.read(weft);
    assertThat(ledger.takenFor(Set.copyOf(ids))).isEqualByComparingTo(BigDecimal.ZERO);
    Orders.assertAudited(admin);
  }

  private String confirmed() {
    String id =
        Orders.place(customer, UUID.randomUUID().toString(), Orders.of(product, 2, "card_ok"));
    assertThat(Orders.confirmed(Orders.awaitEnd(customer, id))).isTrue();
    return id;
  }

  private void awaitRefunded(String id) {
    await("order " + id + " to be refunded")
        .atMost(LIMIT)
        .ignoreExceptions()
        .until(
            () -> customer.get(path(id)).json(),
            (JsonNode order) -> order.path("state").asText().equals("STATE_REFUNDED"));
  }

  private static String path(String order) {
    return "/v1/orders/" + order;
  }
}
