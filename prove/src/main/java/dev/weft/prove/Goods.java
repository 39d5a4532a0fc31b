package dev.weft.prove;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;

/** A product made for the proof; its price never changes. */
final class Goods {
  private final String id;
  private final long priceMinor;
  private final AtomicLong restocked = new AtomicLong();

  private Goods(String id, long priceMinor) {
    this.id = id;
    this.priceMinor = priceMinor;
  }

  /** One that is said to be there, with so many brought in. */
  static Goods known(String id, long priceMinor, long received) {
    Goods goods = new Goods(id, priceMinor);
    goods.restocked.set(received);
    return goods;
  }

  /** Makes a product and puts so many on the shelf. */
  static Goods create(Shopper admin, String title, long priceMinor, int stock) {
    Map<String, Object> product =
        Map.of(
            "sku",
            "PROOF-" + UUID.randomUUID(),
            "title",
            title,
            "price",
            Map.of(
                "currencyCode",
                "EUR",
                "units",
                priceMinor / 100,
                "nanos",
                priceMinor % 100 * 10_000_000));
    String key = UUID.randomUUID().toString();
    Answer created = Shopper.patiently(() -> admin.post("/v1/products", key, product));
    if (created.status() != 201) {
      throw new ProofException("no product: " + created);
    }
    Goods goods = new Goods(created.text("productId"), priceMinor);
    goods.restock(admin, stock);
    return goods;
  }

  String id() {
    return id;
  }

  long priceMinor() {
    return priceMinor;
  }

  /** How many were ever brought in. */
  long received() {
    return restocked.get();
  }

  void restock(Shopper admin, int quantity) {
    String key = UUID.randomUUID().toString();
    Answer answer =
        Shopper.patiently(
            () -> admin.post("/v1/products/" + id + ":restock", key, Map.of("quantity", quantity)));
    if (!answer.ok()) {
      throw new ProofException("no restock: " + answer);
    }
    restocked.addAndGet(quantity);
  }

  /** Where the goods are, as inventory-svc says at one moment. */
  record Stock(long received, long available, long reserved, long sold) {
    static Stock of(JsonNode body) {
      return new Stock(
          body.path("received").asLong(),
          body.path("available").asLong(),
          body.path("reserved").asLong(),
          body.path("sold").asLong());
    }

    boolean conserved() {
      return received == available + reserved + sold
          && available >= 0
          && reserved >= 0
          && sold >= 0;
    }
  }

  /** The body of an order for one or several products, one line each. */
  static String order(List<Goods> lines, List<Integer> quantities, String card) {
    List<Map<String, Object>> items = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      items.add(Map.of("productId", lines.get(i).id, "quantity", quantities.get(i)));
    }
    return Shopper.json(
        Map.of(
            "items",
            items,
            "shippingAddress",
            Map.of(
                "name", "Ada Weaver",
                "line1", "Loom Street 1",
                "city", "Ghent",
                "postalCode", "9000",
                "countryCode", "BE"),
            "paymentMethod",
            card));
  }
}
