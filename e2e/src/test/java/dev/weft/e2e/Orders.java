package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Currency;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What orders look like in JSON, and how they end. */
final class Orders {
  static final Map<String, String> ADDRESS =
      Map.of(
          "name", "Ada Weaver",
          "line1", "Loom Street 1",
          "city", "Ghent",
          "postalCode", "9000",
          "countryCode", "BE");
  private static final Set<String> FINAL =
      Set.of("STATE_CONFIRMED", "STATE_CANCELLED", "STATE_REFUNDED");
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private Orders() {}

  static Map<String, Object> of(String productId, int quantity, String card) {
    return Map.of(
        "items", List.of(Map.of("productId", productId, "quantity", quantity)),
        "shippingAddress", ADDRESS,
        "paymentMethod", card);
  }

  /** Places an order and returns its id. */
  static String place(Visitor customer, String key, Map<String, Object> order) {
    Answer placed = customer.post("/v1/orders", key, order);
    assertThat(placed.status()).as("%s", placed).isEqualTo(201);
    assertThat(placed.text("state")).isEqualTo("STATE_PENDING");
    return placed.text("orderId");
  }

  /** The order once it rests: CONFIRMED, CANCELLED or REFUNDED. */
  static JsonNode awaitEnd(Visitor customer, String orderId) {
    return await("the end of order " + orderId)
        .atMost(LIMIT)
        .ignoreExceptions()
        .until(() -> customer.get("/v1/orders/" + orderId).json(), Orders::ended);
  }

  /** All orders of a customer who placed these and no others, once each has ended; 200 at most. */
  static List<JsonNode> awaitEnds(Visitor customer, Collection<String> ids) {
    return await("the end of " + ids.size() + " orders")
        .atMost(LIMIT)
        .ignoreExceptions()
        .until(
            () -> {
              List<JsonNode> orders = new ArrayList<>();
              customer.get("/v1/orders?pageSize=200").json().path("orders").forEach(orders::add);
              return orders;
            },
            orders -> orders.size() == ids.size() && orders.stream().allMatch(Orders::ended));
  }

  /** Insists that the books of all services agree, by the shop's own audit. */
  static void assertAudited(Visitor admin) {
    Answer audit = admin.get("/v1/audit/invariants");
    assertThat(audit.json().path("holds").asBoolean()).as("%s", audit).isTrue();
  }

  static boolean ended(JsonNode order) {
    return FINAL.contains(order.path("state").asText());
  }

  static boolean confirmed(JsonNode order) {
    return order.path("state").asText().equals("STATE_CONFIRMED");
  }

  /** What an order costs. */
  static BigDecimal amount(JsonNode order) {
    return BigDecimal.valueOf(order.at("/total/units").asLong())
        .add(BigDecimal.valueOf(order.at("/total/nanos").asLong(), 9));
  }

  /** What an order costs as the card network writes it, such as {@code 333 EUR}. */
  static String minorUnits(JsonNode order) {
    String currency = order.at("/total/currencyCode").textValue();
    int digits = Currency.getInstance(currency).getDefaultFractionDigits();
    return amount(order).movePointRight(digits).longValueExact() + " " + currency;
  }
}
