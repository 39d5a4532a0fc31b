package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** What becomes of the orders of somebody who leaves, over REST and all processes. */
@ExtendWith(SharedWeft.class)
final class DeletedUserTest {
  private final Weft weft;
  private final Visitor admin;

  DeletedUserTest(Weft weft) {
    this.weft = weft;
    this.admin = Visitor.admin(weft);
  }

  @Test
  void whatIsPendingIsCancelledAndWhatIsConfirmedStays() {
    Visitor leaver = Visitor.registered(weft);
    String product = weft.product("PEN-01");
    String kept = place(leaver, product);
    assertThat(state(Orders.awaitEnd(leaver, kept))).isEqualTo("STATE_CONFIRMED");
    Stock before = Stock.of(admin, product);

    String pending;
    // No money can be taken meanwhile.
    weft.halt("payment-svc");
    try {
      pending = place(leaver, product);
      String account = "/v1/users/" + leaver.get("/v1/me").text("userId");
      assertThat(leaver.delete(account).status()).isEqualTo(200);
      await()
          .atMost(Duration.ofSeconds(20))
          .until(() -> reason(order(pending)).equals("CANCEL_REASON_USER_NOT_ACTIVE"));
      Answer another =
          leaver.post("/v1/orders", UUID.randomUUID().toString(), Orders.of(product, 1, "card_ok"));
      assertThat(another.status()).isEqualTo(401);
    } finally {
      weft.resume("payment-svc");
    }

    JsonNode ended = Orders.awaitEnd(admin, pending);
    assertThat(state(ended)).isEqualTo("STATE_CANCELLED");
    assertThat(reason(ended)).isEqualTo("CANCEL_REASON_USER_NOT_ACTIVE");
    assertThat(state(order(kept))).isEqualTo("STATE_CONFIRMED");
    await().untilAsserted(() -> assertThat(Stock.of(admin, product)).isEqualTo(before));
    Orders.assertAudited(admin);
  }

  private static String place(Visitor customer, String product) {
    return Orders.place(customer, UUID.randomUUID().toString(), Orders.of(product, 1, "card_ok"));
  }

  private JsonNode order(String id) {
    return admin.get("/v1/orders/" + id).json();
  }

  private static String state(JsonNode order) {
    return order.path("state").asText();
  }

  private static String reason(JsonNode order) {
    return order.path("cancelReason").asText();
  }
}
