package dev.weft.order;

import dev.weft.order.AuditReport.Violation;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What an audit finds, one after the other; of very many violations the first, by id. */
final class Findings {
  private static final int LISTED = 1_000;

  /** What is promised of the books. */
  enum Promise {
    LEDGER_BALANCES("the lines of each ledger transaction sum to zero"),
    ONE_CAPTURE_PER_ORDER("no order was paid for twice"),
    MONEY_MATCHES_ORDERS(
        "what was taken for a confirmed order is its total, and some of it was kept, or the order"
            + " followed within 10 minutes; of a cancelled or refunded order nothing was kept"),
    STOCK_NEVER_NEGATIVE("at no time was a product's available, reserved or sold below zero"),
    STOCK_MATCHES_ORDERS(
        "what was sold are the lines of confirmed orders; an order that ended holds nothing back"),
    SAGAS_MATCH_ORDERS(
        "a cancelled order's saga was undone, a confirmed or refunded order's was completed"),
    NOTHING_WITHOUT_ORDER("money and goods moved for orders only that exist"),
    NO_ORDER_IS_STUCK("no order has been on its way for more than 10 minutes");

    final String description;

    Promise(String description) {
      this.description = description;
    }
  }

  /** What became of one promise. */
  private static final class Finding {
    final TreeMap<String, String> violations = new TreeMap<>(); // by id
    long violationCount;
    long checked;
  }

  private final Map<Promise, Finding> findings = new EnumMap<>(Promise.class);

  /** So many more were looked at. */
  void checked(Promise promise, long more) {
    of(promise).checked += more;
  }

  /** One was found that breaks the promise; of the same one only the first is kept. */
  void violated(Promise promise, String id, String how) {
    Finding finding = of(promise);
    if (finding.violations.putIfAbsent(id, how) == null) {
      finding.violationCount++;
      if (finding.violations.size() > LISTED) {
        finding.violations.pollLastEntry();
      }
    }
  }

  AuditReport report(long judged, long open, Instant began) {
    List<AuditReport.Invariant> invariants = new ArrayList<>();
    for (Promise promise : Promise.values()) {
      Finding finding = of(promise);
      invariants.add(
          new AuditReport.Invariant(
              promise.name(),
              promise.description,
              finding.checked,
              finding.violations.entrySet().stream()
                  .map(each -> new Violation(each.getKey(), each.getValue()))
                  .toList(),
              finding.violationCount));
    }
    return new AuditReport(invariants, judged, open, began);
  }

  private Finding of(Promise promise) {
    return findings.computeIfAbsent(promise, _ -> new Finding());
  }
}
