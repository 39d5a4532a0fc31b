package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.UUID;

/** How many of a product there are, and where. */
record Stock(long received, long available, long reserved, long sold) {

  static Stock of(Visitor admin, String productId) {
    Answer answer = admin.get("/v1/products/" + productId + "/stock");
    assertThat(answer.status()).as("%s", answer).isEqualTo(200);
    return new Stock(
        answer.json().path("received").asLong(),
        answer.json().path("available").asLong(),
        answer.json().path("reserved").asLong(),
        answer.json().path("sold").asLong());
  }

  /** Puts a new product on sale, so many of it; its id. */
  static String ofNew(Visitor admin, String title, Map<String, Object> price, int quantity) {
    Answer created =
        admin.post(
            "/v1/products",
            UUID.randomUUID().toString(),
            Map.of("sku", "E2E-" + UUID.randomUUID(), "title", title, "price", price));
    assertThat(created.status()).as("%s", created).isEqualTo(201);
    String id = created.text("productId");
    Answer restocked =
        admin.post(
            "/v1/products/" + id + ":restock",
            UUID.randomUUID().toString(),
            Map.of("quantity", quantity));
    assertThat(restocked.status()).as("%s", restocked).isEqualTo(200);
    return id;
  }

  /** Nothing got lost and nothing came from nowhere. */
  boolean conserved() {
    return received == available + reserved + sold;
  }
}
