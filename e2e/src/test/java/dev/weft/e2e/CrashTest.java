package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code kill -9} of any one process while orders come in: everything ends, and the books agree.
 */
@ExtendWith(SharedWeft.class)
final class CrashTest {
  private static final Duration LIMIT = Duration.ofSeconds(90);
  private static final int STOCK = 10_000;

  private final Weft weft;
  private final Visitor admin;

  CrashTest(Weft weft) {
    this.weft = weft;
    this.admin = Visitor.admin(weft);
  }

  @ParameterizedTest
  @CsvSource({
    "user-svc inventory-svc payment-svc order-svc, 50",
    "card-network edge-gateway postgres registry, 15"
  })
  void everyOrderEndsAndStockAndMoneyAgreeAfterAKillOfEachOf(String processes, int ordersEach)
      throws Exception {
    Visitor customer = Visitor.registered(weft);
    String product = newProduct();
    customer.token(); // so that nobody has to log in while user-svc is away
    List<String> ids = new ArrayList<>();
    for (String process : processes.split(" ", -1)) {
      ids.addAll(orderThroughAKillOf(process, customer, product, ordersEach));
    }

    List<JsonNode> confirmed = new ArrayList<>();
    for (String id : ids) {
      JsonNode order = Orders.awaitEnd(customer, id);
      if (Orders.confirmed(order)) {
        confirmed.add(order);
      }
    }

    assertThat(ids).doesNotHaveDuplicates();
    assertThat(confirmed).isNotEmpty();
    long sold = confirmed.stream().mapToLong(order -> order.at("/items/0/quantity").asLong()).sum();
    await("the stock to settle")
        .atMost(LIMIT)
        .ignoreExceptions()
        .untilAsserted(
            () ->
                assertThat(Stock.of(admin, product))
                    .isEqualTo(new Stock(STOCK, STOCK - sold, 0, sold)));
    Ledger ledger = Ledger.read(weft);
    assertThat(ledger.transactions().values()).allMatch(sum -> sum.signum() == 0);
    BigDecimal owed =
        confirmed.stream().map(CrashTest::total).reduce(BigDecimal.ZERO, BigDecimal::add);
    assertThat(ledger.takenFor(new HashSet<>(ids))).isEqualByComparingTo(owed);
    Answer audit = admin.get("/v1/audit/invariants");
    assertThat(audit.json().path("holds").asBoolean()).as("%s", audit).isTrue();
  }

  private List<String> orderThroughAKillOf(
      String process, Visitor customer, String product, int orders) throws Exception {
    int restarts = weft.restarts(process);
    try (var rush = new Rush(customer, product, orders)) {
      await("orders to come in").atMost(LIMIT).until(() -> rush.accepted() >= orders / 4);
      weft.kill(process);
      await(process + " to be back")
          .atMost(LIMIT)
          .until(() -> weft.restarts(process) > restarts && weft.ready(process));
      return rush.ids();
    }
  }

  private String newProduct() {
    Answer created =
        admin.post(
            "/v1/products",
            UUID.randomUUID().toString(),
            Map.of(
                "sku",
                "CRASH-" + UUID.randomUUID(),
                "title",
                "Shatterproof glass",
                "price",
                Map.of("currencyCode", "EUR", "units", 3, "nanos", 330_000_000)));
    assertThat(created.status()).as("%s", created).isEqualTo(201);
    String id = created.text("productId");
    Answer restocked =
        admin.post(
            "/v1/products/" + id + ":restock",
            UUID.randomUUID().toString(),
            Map.of("quantity", STOCK));
    assertThat(restocked.status()).as("%s", restocked).isEqualTo(200);
    return id;
  }

  private static BigDecimal total(JsonNode order) {
    return BigDecimal.valueOf(order.at("/total/units").asLong())
        .add(BigDecimal.valueOf(order.at("/total/nanos").asLong(), 9));
  }
}
