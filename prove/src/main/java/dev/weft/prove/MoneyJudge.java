package dev.weft.prove;

import dev.weft.prove.Books.Charge;
import dev.weft.prove.Books.Order;
import dev.weft.prove.History.Placed;
import dev.weft.prove.History.Refund;
import dev.weft.shop.payment.v1.LedgerEntry;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Holds what the card network took and gave back against orders, refunds and our own ledger. */
final class MoneyJudge {
  private final History history;
  private final Books books;
  private final Verdict.Findings findings;

  MoneyJudge(History history, Books books, Verdict.Findings findings) {
    this.history = history;
    this.books = books;
    this.findings = findings;
  }

  void judge() {
    Map<String, List<Refund>> refunds =
        history.refunds().stream().collect(Collectors.groupingBy(Refund::order));
    Map<String, List<LedgerEntry>> entries = books.networkEntries();
    Map<String, Long> takenByUser = new HashMap<>();
    Map<String, Long> owedByUser = new HashMap<>();
    for (Order order : books.orders().values()) {
      @Nullable Charge charge = books.charges().get(order.id());
      List<Refund> asked = refunds.getOrDefault(order.id(), List.of());
      long taken = charge == null ? 0 : charge.capturedMinor() - charge.refundedMinor();
      long owed = order.confirmed() ? order.totalMinor() - sum(asked) : 0;
      takenByUser.merge(order.user(), taken, Long::sum);
      owedByUser.merge(order.user(), owed, Long::sum);
      findings.check(
          Invariant.M1,
          taken == owed,
          order + ": the card network holds " + taken + " and " + owed + " is owed");
      long inOurBooks =
          entries.getOrDefault(order.id(), List.of()).stream()
              .mapToLong(entry -> Books.minor(entry.getAmount()))
              .sum();
      findings.check(
          Invariant.M1,
          inOurBooks == taken,
          order + ": our ledger says " + inOurBooks + ", the card network's " + taken);
      charge(order, charge);
      if (charge != null && (!asked.isEmpty() || charge.refundedMinor() > 0)) {
        givenBack(order, charge, asked);
      }
    }
    takenByUser.forEach(
        (user, taken) ->
            findings.check(
                Invariant.M2,
                taken.equals(owedByUser.get(user)),
                "user " + user + ": taken " + taken + ", owed " + owedByUser.get(user)));
    strangers();
    prices();
    ledger();
  }

  private void charge(Order order, @Nullable Charge charge) {
    findings.check(
        Invariant.M3,
        charge == null || charge.times("capture") <= 1,
        order + " was captured more than once");
    findings.check(
        Invariant.M7,
        !(order.confirmed() && charge != null && charge.status().equals("declined")),
        order + " is confirmed and its card was declined");
    findings.check(
        Invariant.M8,
        charge == null || !charge.status().equals("authorized"),
        order + " still holds money on a card: " + charge);
  }

  private void givenBack(Order order, Charge charge, List<Refund> asked) {
    long rest = order.refunded() ? charge.capturedMinor() - sum(asked) : 0;
    findings.check(
        Invariant.M4,
        charge.refundedMinor() == sum(asked) + rest
            && charge.refundedMinor() <= charge.capturedMinor()
            && charge.times("refund") == asked.size() + (rest > 0 ? 1 : 0),
        order + " was to get back " + asked + ", and the card network has " + charge);
    findings.check(
        Invariant.M1,
        !(order.confirmed() && charge.refundedMinor() == charge.capturedMinor()),
        order + " is confirmed, and all of its money was given back");
  }

  private void strangers() {
    for (String unknown : books.charges().keySet()) {
      findings.check(
          Invariant.M1,
          books.orders().containsKey(unknown),
          "the card network has a charge of " + unknown + ", which is no order");
    }
  }

  private void prices() {
    for (Placed placed : history.placed()) {
      @Nullable Order order = books.orders().get(placed.order());
      findings.check(
          Invariant.M5,
          order == null || order.totalMinor() == placed.totalMinor(),
          order + " should cost " + placed.totalMinor());
    }
  }

  private void ledger() {
    Map<String, Long> sums = new HashMap<>();
    for (LedgerEntry entry : books.ledger()) {
      sums.merge(entry.getTransactionId(), Books.minor(entry.getAmount()), Long::sum);
    }
    sums.forEach(
        (transaction, sum) ->
            findings.check(
                Invariant.M6, sum == 0, "transaction " + transaction + " sums to " + sum));
  }

  private static long sum(List<Refund> refunds) {
    return refunds.stream().mapToLong(Refund::minor).sum();
  }
}
