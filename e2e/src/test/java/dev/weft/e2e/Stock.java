package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;

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

  /** Nothing got lost and nothing came from nowhere. */
  boolean conserved() {
    return received == available + reserved + sold;
  }
}
