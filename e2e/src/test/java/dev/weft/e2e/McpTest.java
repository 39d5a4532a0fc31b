package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The whole shop as tools of the Model Context Protocol. */
@ExtendWith(SharedWeft.class)
final class McpTest {
  private static final String LIST_ORDERS = "shop_order_v1_OrderService_ListOrders";

  private final Weft weft;

  McpTest(Weft weft) {
    this.weft = weft;
  }

  @Test
  void listsWhatTheShopOffersAndNothingInternal() {
    Visitor anybody = Visitor.anonymous(weft);
    List<String> names = new ArrayList<>();
    Map<String, ?> params = Map.of();
    for (JsonNode page = ask(anybody, "tools/list", params); ; ) {
      page.path("tools").forEach(tool -> names.add(tool.path("name").textValue()));
      if (!page.has("nextCursor")) {
        break;
      }
      page = ask(anybody, "tools/list", Map.of("cursor", page.path("nextCursor").textValue()));
    }

    assertThat(names)
        .contains(
            LIST_ORDERS,
            "shop_order_v1_OrderService_CreateOrder",
            "shop_inventory_v1_InventoryService_ListProducts",
            "shop_payment_v1_PaymentService_GetPayment",
            "shop_user_v1_AuthService_Login")
        .doesNotHaveDuplicates();
    assertThat(names)
        .noneMatch(name -> name.endsWith("_ReserveStock") || name.endsWith("_Authorize"))
        .noneMatch(name -> name.startsWith("weft_") || name.startsWith("grpc_"));
  }

  @Test
  void callsOneForWhoIsLoggedInAndForNobodyElse() {
    Map<String, ?> call = Map.of("name", LIST_ORDERS, "arguments", Map.of("pageSize", 1));

    JsonNode refused = ask(Visitor.anonymous(weft), "tools/call", call);
    JsonNode listed = ask(Visitor.demo(weft), "tools/call", call);

    assertThat(refused.path("isError").booleanValue()).as("%s", refused).isTrue();
    assertThat(Answer.json(refused.at("/content/0/text").textValue()).path("reason").textValue())
        .isEqualTo("TOKEN_MISSING");
    assertThat(listed.path("isError").booleanValue()).as("%s", listed).isFalse();
    assertThat(listed.path("structuredContent").path("orders").isArray()).isTrue();
  }

  private static JsonNode ask(Visitor visitor, String method, Map<String, ?> params) {
    Answer answer =
        visitor.post("/mcp", Map.of("jsonrpc", "2.0", "id", 1, "method", method, "params", params));
    assertThat(answer.status()).as("%s", answer).isEqualTo(200);
    JsonNode result = answer.json().path("result");
    assertThat(result.isObject()).as("%s", answer).isTrue();
    return result;
  }
}
