package dev.weft.e2e;

import com.google.type.Money;
import dev.weft.shop.payment.v1.LedgerEntry;
import dev.weft.shop.payment.v1.ListLedgerEntriesRequest;
import dev.weft.shop.payment.v1.ListLedgerEntriesResponse;
import dev.weft.shop.payment.v1.PaymentServiceGrpc;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/** The shop's books of money. */
record Ledger(List<LedgerEntry> entries) {
  private static final String NETWORK = "card_network";

  /** All of it, read as order-svc does. */
  static Ledger read(Weft weft) {
    List<LedgerEntry> entries = new ArrayList<>();
    try (var port = ServicePort.open(weft, "payment-svc")) {
      var payments = PaymentServiceGrpc.newBlockingStub(port.asService("order-svc"));
      String page = "";
      do {
        ListLedgerEntriesResponse reply =
            payments
                .withDeadlineAfter(10, TimeUnit.SECONDS)
                .listLedgerEntries(
                    ListLedgerEntriesRequest.newBuilder()
                        .setPageSize(1000)
                        .setPageToken(page)
                        .build());
        entries.addAll(reply.getEntriesList());
        page = reply.getNextPageToken();
      } while (!page.isEmpty());
    }
    return new Ledger(entries);
  }

  /** What each transaction comes to. */
  Map<String, BigDecimal> transactions() {
    Map<String, BigDecimal> sums = new TreeMap<>();
    for (LedgerEntry entry : entries) {
      sums.merge(
          entry.getTransactionId() + " " + entry.getAmount().getCurrencyCode(),
          amount(entry.getAmount()),
          BigDecimal::add);
    }
    return sums;
  }

  /** What the card network took for these orders. */
  BigDecimal takenFor(Set<String> orders) {
    return entries.stream()
        .filter(entry -> entry.getAccount().equals(NETWORK) && orders.contains(entry.getOrderId()))
        .map(entry -> amount(entry.getAmount()))
        .reduce(BigDecimal.ZERO, BigDecimal::add);
  }

  static BigDecimal amount(Money money) {
    return BigDecimal.valueOf(money.getUnits()).add(BigDecimal.valueOf(money.getNanos(), 9));
  }
}
