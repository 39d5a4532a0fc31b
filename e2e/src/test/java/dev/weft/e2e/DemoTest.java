package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a stranger does in the first five minutes, over REST. */
@ExtendWith(SharedWeft.class)
final class DemoTest {
  private final Weft weft;
  private final Visitor customer;
  private final Visitor admin;

  DemoTest(Weft weft) {
    this.weft = weft;
    this.customer = Visitor.demo(weft);
    this.admin = Visitor.admin(weft);
  }

  @Test
  void theCatalogueIsThereForAnybody() {
    Answer products = Visitor.anonymous(weft).get("/v1/products?pageSize=5");

    assertThat(products.status()).isEqualTo(200);
    assertThat(products.json().path("products")).hasSize(5);
    assertThat(products.text("nextPageToken")).isNotEmpty();
  }

  @Test
  void theSearchFindsTheBestMatchFirst() {
    Answer found = Visitor.anonymous(weft).get("/v1/products?query=moka%20pot");

    assertThat(found.json().at("/products/0/sku").textValue()).isEqualTo("POT-01");
  }

  @Test
  void anOrderIsConfirmedAtThePriceOfTheCatalogue() {
    String id = Orders.place(customer, key(), Orders.of(weft.product("MUG-01"), 2, "card_ok"));

    JsonNode order = Orders.awaitEnd(customer, id);

    assertThat(order.path("state").textValue()).isEqualTo("STATE_CONFIRMED");
    assertThat(order.at("/total/units").textValue()).isEqualTo("25");
    assertThat(order.at("/items/0/title").textValue()).isEqualTo("Enamel mug");
    Answer payment = customer.get("/v1/payments/" + order.path("paymentId").textValue());
    assertThat(payment.text("state")).isEqualTo("STATE_CAPTURED");
    assertThat(payment.json().path("capturedAmount")).isEqualTo(order.path("total"));
  }

  @Test
  void anAdminGivesMoneyBackAndTheBooksStillAgree() {
    Visitor admin = Visitor.admin(weft);
    String id = Orders.place(customer, key(), Orders.of(weft.product("MUG-01"), 1, "card_ok"));
    String payment = Orders.awaitEnd(customer, id).path("paymentId").textValue();
    String key = key();
    Map<String, Object> some =
        Map.of("amount", Map.of("currencyCode", "EUR", "units", 2, "nanos", 500_000_000));

    Answer refunded = admin.post("/v1/payments/" + payment + ":refund", key, some);
    Answer again = admin.post("/v1/payments/" + payment + ":refund", key, some);

    assertThat(refunded.status()).as("%s", refunded).isEqualTo(200);
    assertThat(refunded.json().at("/refundedAmount/units").textValue()).isEqualTo("2");
    assertThat(again.json()).isEqualTo(refunded.json());
    Orders.assertAudited(admin);
  }

  @Test
  void theSameKeyIsTheSameOrder() {
    String key = key();
    Map<String, Object> body = Orders.of(weft.product("BOOK-01"), 1, "card_ok");
    String first = Orders.place(customer, key, body);

    Answer again = customer.post("/v1/orders", key, body);

    assertThat(again.status()).isEqualTo(201);
    assertThat(again.text("orderId")).isEqualTo(first);
    assertThat(customer.get("/v1/orders/idempotency/" + key).text("orderId")).isEqualTo(first);
    Orders.awaitEnd(customer, first);
    assertThat(customer.get("/v1/orders/idempotency/" + key).text("state"))
        .isEqualTo("STATE_CONFIRMED");
  }

  @Test
  void theSameKeyForAnotherOrderIsRefused() {
    String key = key();
    String id = Orders.place(customer, key, Orders.of(weft.product("BOOK-01"), 1, "card_ok"));

    Answer other =
        customer.post("/v1/orders", key, Orders.of(weft.product("BOOK-01"), 2, "card_ok"));

    assertThat(other.status()).isEqualTo(422);
    assertThat(other.text("reason")).isEqualTo("IDEMPOTENCY_KEY_REUSED");
    Orders.awaitEnd(customer, id);
  }

  @Test
  void anOrderWithoutAKeyIsRefused() {
    Answer refused = customer.post("/v1/orders", Orders.of(weft.product("BOOK-01"), 1, "card_ok"));

    assertThat(refused.status()).isEqualTo(400);
    assertThat(refused.json().path("detail").textValue())
        .isEqualTo("Idempotency-Key header is required");
  }

  @Test
  void anOrderCannotBeCalledOffOnceItsMoneyIsBeingTaken() {
    String id = Orders.place(customer, key(), Orders.of(weft.product("MUG-01"), 1, "card_slow"));
    String order = "/v1/orders/" + id;
    await().until(() -> !customer.get(order).json().path("paymentId").textValue().isEmpty());

    Answer tooLate = customer.post(order + ":cancel", key(), Map.of());

    assertThat(tooLate.status()).isEqualTo(409);
    assertThat(tooLate.json().path("reason").textValue()).isEqualTo("ORDER_NOT_CANCELLABLE");
    assertThat(tooLate.json().path("detail").textValue()).contains("money");
    assertThat(Orders.awaitEnd(customer, id).path("state").textValue())
        .isEqualTo("STATE_CONFIRMED");
  }

  @ParameterizedTest
  @CsvSource({"card_declined", "card_insufficient_funds"})
  void anOrderThatTheCardRefusesIsCancelledAndItsGoodsAreBack(String card) {
    String lamp = weft.product("LAMP-01");
    Stock before = Stock.of(admin, lamp);

    JsonNode order =
        Orders.awaitEnd(customer, Orders.place(customer, key(), Orders.of(lamp, 3, card)));

    assertThat(order.path("state").textValue()).isEqualTo("STATE_CANCELLED");
    assertThat(order.path("cancelReason").textValue()).isEqualTo("CANCEL_REASON_PAYMENT_DECLINED");
    await().untilAsserted(() -> assertThat(Stock.of(admin, lamp)).isEqualTo(before));
  }

  @Test
  void anOrderOfWhatIsSoldOutIsCancelled() {
    String id = Orders.place(customer, key(), Orders.of(weft.product("RARE-01"), 1, "card_ok"));

    JsonNode order = Orders.awaitEnd(customer, id);

    assertThat(order.path("state").textValue()).isEqualTo("STATE_CANCELLED");
    assertThat(order.path("cancelReason").textValue()).isEqualTo("CANCEL_REASON_OUT_OF_STOCK");
    Answer payments = customer.get("/v1/payments?orderId=" + id);
    assertThat(payments.json().path("payments")).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"card_slow", "card_timeout"})
  void anOrderIsConfirmedAlsoWhenTheCardNetworkIsSlowOrItsAnswerIsLost(String card) {
    String id = Orders.place(customer, key(), Orders.of(weft.product("PEN-01"), 1, card));

    JsonNode order = Orders.awaitEnd(customer, id);

    assertThat(order.path("state").textValue()).isEqualTo("STATE_CONFIRMED");
    Answer payments = customer.get("/v1/payments?orderId=" + id);
    assertThat(payments.json().path("payments")).hasSize(1);
    assertThat(payments.json().at("/payments/0/state").textValue()).isEqualTo("STATE_CAPTURED");
  }

  @Test
  void aCartBecomesAnOrderAndIsEmptyThen() {
    Visitor shopper = Visitor.registered(weft);
    Map<String, Object> item = Map.of("productId", weft.product("YARN-01"), "quantity", 7);
    assertThat(shopper.post("/v1/cart/items", item).status()).isEqualTo(200);
    item = Map.of("productId", weft.product("MUG-01"), "quantity", 1);
    assertThat(shopper.post("/v1/cart/items", item).json().path("items")).hasSize(2);

    Answer placed =
        shopper.post(
            "/v1/cart:checkout",
            key(),
            Map.of("shippingAddress", Orders.ADDRESS, "paymentMethod", "card_ok"));

    assertThat(placed.status()).as("%s", placed).isEqualTo(201);
    assertThat(shopper.get("/v1/cart").json().path("items")).isEmpty();
    JsonNode order = Orders.awaitEnd(shopper, placed.text("orderId"));
    assertThat(order.path("state").textValue()).isEqualTo("STATE_CONFIRMED");
    assertThat(order.path("items")).hasSize(2);
    String seen = "?readAfter=" + placed.text("orderId") + ":" + order.path("etag").asText();
    JsonNode orders = shopper.get("/v1/orders" + seen.replace("\"", "")).json();
    assertThat(orders.path("orders")).containsExactly(order);
    assertThat(orders.path("totalSize").asInt()).isEqualTo(1);
    JsonNode history =
        shopper
            .get("/v1/orders/" + placed.text("orderId") + "/history" + seen.replace("\"", ""))
            .json();
    assertThat(history.path("changes").findValuesAsText("type"))
        .containsExactly("shop.order.created", "shop.order.capture_begun", "shop.order.confirmed");
  }

  @Test
  void aWatchedOrderIsSeenUntilItsEnd() throws Exception {
    String id = Orders.place(customer, key(), Orders.of(weft.product("PEN-01"), 1, "card_ok"));

    try (var lines = customer.lines("/v1/orders/" + id + ":watch")) {
      var states = lines.map(Answer::json).map(order -> order.path("state").asText()).toList();

      assertThat(states).isNotEmpty().last().isEqualTo("STATE_CONFIRMED");
    }
  }

  @Test
  void somebodyElsesOrderAndPaymentAreNotFound() {
    String id = Orders.place(customer, key(), Orders.of(weft.product("MUG-01"), 1, "card_ok"));
    String payment = Orders.awaitEnd(customer, id).path("paymentId").textValue();
    Visitor stranger = Visitor.registered(weft);

    assertThat(stranger.get("/v1/orders/" + id).status()).isEqualTo(404);
    assertThat(stranger.get("/v1/orders/" + id + ":watch").status()).isEqualTo(404);
    assertThat(stranger.post("/v1/orders/" + id + ":cancel", key(), Map.of()).status())
        .isEqualTo(404);
    assertThat(stranger.get("/v1/payments/" + payment).status()).isEqualTo(404);
    assertThat(stranger.get("/v1/payments?orderId=" + id).json().path("payments")).isEmpty();
    assertThat(admin.get("/v1/orders/" + id).status()).isEqualTo(200);
  }

  @Test
  void whoIsNotLoggedInOrNoAdminIsToldSo() {
    Answer nobody = Visitor.anonymous(weft).get("/v1/orders");
    assertThat(nobody.status()).isEqualTo(401);
    assertThat(nobody.headers().firstValue("www-authenticate")).isPresent();
    assertThat(nobody.text("reason")).isEqualTo("TOKEN_MISSING");

    Answer noAdmin = customer.get("/v1/sagas");
    assertThat(noAdmin.status()).isEqualTo(403);
    assertThat(noAdmin.text("reason")).isEqualTo("ROLE_REQUIRED");
  }

  @Test
  void whatIsInternalIsServedToNobody() {
    assertThat(admin.post("/shop.payment.v1.PaymentService/Capture", Map.of()).status())
        .isEqualTo(404);
  }

  private static String key() {
    return UUID.randomUUID().toString();
  }
}
