package dev.weft.prove;

import dev.weft.prove.Books.Order;
import dev.weft.prove.History.Leaving;
import dev.weft.prove.History.Placed;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Holds orders against what clients asked for and were told. */
final class OrderJudge {
  /** What may be asked of an order with a key, and must then be so. */
  private static final Set<Op.Kind> PLACING =
      Set.of(Op.Kind.CREATE, Op.Kind.REPEAT, Op.Kind.REPEAT_REORDERED, Op.Kind.RACE);

  private static final Duration ENDED_WITHIN = Duration.ofSeconds(30);

  private static final int HTTP_CONFLICT = 409;

  private final History history;
  private final Books books;
  private final Verdict.Findings findings;

  OrderJudge(History history, Books books, Verdict.Findings findings) {
    this.history = history;
    this.books = books;
    this.findings = findings;
  }

  void judge() {
    orders();
    cancels();
    leavings();
    lostAnswers();
  }

  private void orders() {
    Map<String, String> byKey = new HashMap<>();
    for (Placed placed : history.placed()) {
      @Nullable Order order = books.orders().get(placed.order());
      findings.check(Invariant.O3, order != null, "order " + placed.order() + " is gone");
      @Nullable String other = byKey.put(placed.owner().id() + " " + placed.key(), placed.order());
      findings.check(
          Invariant.O4,
          other == null || other.equals(placed.order()),
          "key " + placed.key() + " made " + other + " and " + placed.order());
    }
    findings.check(
        Invariant.O2,
        history.quietAfter().compareTo(ENDED_WITHIN) <= 0,
        "the last order ended %d ms after the last fault did and the last one was placed"
            .formatted(history.quietAfter().toMillis()));
    for (Order order : books.orders().values()) {
      findings.check(Invariant.O2, order.ended(), order + " has not ended");
      findings.check(
          Invariant.O5,
          history.placed(order.id()).isPresent(),
          order + " is in the books, and no client was told of it");
    }
  }

  private void cancels() {
    for (List<Op> ops : history.byKey(Set.of(Op.Kind.CANCEL))) {
      @Nullable Order order = books.orders().get(ops.getFirst().order());
      if (order == null) {
        continue; // which O3 tells
      }
      boolean lost = ops.stream().anyMatch(Op::lost);
      boolean accepted = ops.stream().anyMatch(op -> op.result() == Op.Result.OK);
      boolean refused = ops.stream().anyMatch(op -> op.status() == HTTP_CONFLICT);
      if (accepted) {
        findings.check(
            Invariant.O7,
            order.cancelled() || order.refunded(),
            order + ": its cancel was accepted");
        if (order.refunded()) {
          history.count("called off after it was confirmed");
        }
      } else if (refused) {
        findings.check(
            lost ? Invariant.I6 : Invariant.O7,
            !order.reason().equals("CANCEL_REASON_REQUESTED"),
            order + ": its cancel was refused, and it was cancelled by request");
      }
    }
  }

  private void leavings() {
    for (Leaving leaving : history.leavings()) {
      String gone = " is of " + leaving.user() + ", who is gone";
      for (String id : leaving.kept()) {
        @Nullable Order order = books.orders().get(id);
        findings.check(
            Invariant.O10, order != null && order.confirmed(), order + gone + "; it was bought");
      }
      for (String id : leaving.pending()) {
        @Nullable Order order = books.orders().get(id);
        findings.check(
            Invariant.O10,
            order != null
                && order.state().equals("STATE_CANCELLED")
                && order.reason().equals("CANCEL_REASON_USER_NOT_ACTIVE"),
            order + gone);
      }
    }
  }

  private void lostAnswers() {
    for (List<Op> ops : history.byKey(PLACING)) {
      if (ops.stream().noneMatch(Op::lost)) {
        continue;
      }
      Set<String> told = new LinkedHashSet<>();
      for (Op op : ops) {
        if (op.result() == Op.Result.OK) {
          told.add(op.order());
        } else if (op.result() == Op.Result.FAIL) {
          told.add("no order: " + op.status());
        }
      }
      if (!told.isEmpty()) {
        findings.check(
            Invariant.I6,
            told.size() == 1 && books.orders().containsKey(told.iterator().next()),
            "key " + ops.getFirst().key() + " lost an answer and was then told of " + told);
      }
    }
    // Whether each was made is in M4, by the card network's ledger.
    for (List<Op> ops : history.byKey(Set.of(Op.Kind.REFUND))) {
      if (ops.stream().anyMatch(Op::lost)) {
        findings.check(
            Invariant.I6,
            ops.stream().anyMatch(op -> op.result() != Op.Result.UNKNOWN),
            "refund " + ops.getFirst().key() + " was never told what happened");
      }
    }
  }
}
