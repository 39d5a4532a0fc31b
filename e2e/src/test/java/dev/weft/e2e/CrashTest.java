package dev.weft.e2e;

import static java.util.stream.Collectors.toMap;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * {@code kill -9} of any one process while orders come in: everything ends, and the books agree,
 * the shop's own and those of the card network.
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
    "user-svc, 200, 60",
    "inventory-svc, 200, 60",
    "payment-svc, 200, 60",
    "order-svc, 200, 60",
    "card-network, 15, 4",
    "edge-gateway, 15, 4",
    "postgres, 15, 4",
    "registry, 15, 4"
  })
  void everyOrderEndsAndStockAndMoneyAgreeAfterAKillOf(
      String process, int orders, int acceptedBefore) throws Exception {
    Visitor customer = Visitor.registered(weft);
    String product =
        Stock.ofNew(
            admin,
            "Shatterproof glass",
            Map.of("currencyCode", "EUR", "units", 3, "nanos", 330_000_000),
            STOCK);
    customer.token(); // so that nobody has to log in while user-svc is away

    List<String> ids = orderThroughAKillOf(process, customer, product, orders, acceptedBefore);

    assertThat(ids).hasSize(orders).doesNotHaveDuplicates();
    List<JsonNode> ended = Orders.awaitEnds(customer, ids);
    assertThat(ended)
        .extracting(order -> order.path("orderId").textValue())
        .containsExactlyInAnyOrderElementsOf(ids);
    List<JsonNode> confirmed = ended.stream().filter(Orders::confirmed).toList();
    assertThat(confirmed).hasSizeBetween(1, orders - 1);
    long sold = confirmed.stream().mapToLong(order -> order.at("/items/0/quantity").asLong()).sum();
    await("the stock to settle")
        .atMost(LIMIT)
        .ignoreExceptions()
        .untilAsserted(
            () ->
                assertThat(Stock.of(admin, product))
                    .isEqualTo(new Stock(STOCK, STOCK - sold, 0, sold)));
    theCardNetworkAgrees(ids, confirmed);
    theShopsLedgerAgrees(ids, confirmed);
    Orders.assertAudited(admin);
  }

  /** By its own books: one charge per order that was confirmed, of its total, captured once. */
  private void theCardNetworkAgrees(List<String> ids, List<JsonNode> confirmed) {
    List<CardBooks.Charge> charges =
        CardBooks.read(weft).charges().stream()
            .filter(charge -> ids.contains(charge.reference()))
            .toList();
    assertThat(charges).extracting(CardBooks.Charge::reference).doesNotHaveDuplicates();
    assertThat(charges).extracting(CardBooks.Charge::status).doesNotContain("authorized");
    List<CardBooks.Charge> captured = charges.stream().filter(CardBooks.Charge::captured).toList();
    assertThat(captured).allMatch(charge -> charge.captures() == 1);
    assertThat(captured).allMatch(charge -> charge.taken().equals(charge.money()));
    assertThat(captured.stream().collect(toMap(c -> c.reference(), c -> c.taken())))
        .isEqualTo(
            confirmed.stream()
                .collect(toMap(o -> o.path("orderId").textValue(), Orders::minorUnits)));
  }

  private void theShopsLedgerAgrees(List<String> ids, List<JsonNode> confirmed) {
    Ledger ledger = Ledger.read(weft);
    assertThat(ledger.transactions().values()).allMatch(sum -> sum.signum() == 0);
    BigDecimal owed =
        confirmed.stream().map(Orders::amount).reduce(BigDecimal.ZERO, BigDecimal::add);
    assertThat(ledger.takenFor(new HashSet<>(ids))).isEqualByComparingTo(owed);
  }

  /** Kills it when some orders are accepted, others on their way and the rest still to come. */
  private List<String> orderThroughAKillOf(
      String process, Visitor customer, String product, int orders, int acceptedBefore)
      throws Exception {
    int restarts = weft.restarts(process);
    try (var rush = new Rush(customer, product, orders)) {
      await("orders to come in")
          .atMost(LIMIT)
          .pollInterval(Duration.ofMillis(10))
          .until(() -> rush.accepted() >= acceptedBefore);
      weft.kill(process);
      assertThat(rush.accepted()).isLessThan(orders);
      await(process + " to be back")
          .atMost(LIMIT)
          .until(() -> weft.restarts(process) > restarts && weft.ready(process));
      return rush.ids();
    }
  }
}
