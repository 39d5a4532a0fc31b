package dev.weft.prove;

import dev.weft.prove.Books.Charge;
import dev.weft.prove.Books.Order;
import dev.weft.prove.Books.Saga;
import dev.weft.prove.Books.Step;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Holds the steps of orders, and what they did elsewhere, against where orders stand. */
final class SagaJudge {
  /** The steps of an order's way that leave something to undo. */
  private static final Set<String> COMPENSABLE = Set.of("reserve", "authorize");

  /** After so many failures in a row an undoing counts as stalled. */
  private static final int STALLED_AFTER = 10;

  private final History history;
  private final Books books;
  private final Verdict.Findings findings;

  SagaJudge(History history, Books books, Verdict.Findings findings) {
    this.history = history;
    this.books = books;
    this.findings = findings;
  }

  void judge() {
    for (Order order : books.orders().values()) {
      @Nullable Saga saga = books.sagas().get(order.id());
      String expected = order.sold() ? "STATE_COMPLETED" : "STATE_COMPENSATED";
      findings.check(
          Invariant.O6,
          saga != null
              && saga.state().equals(expected)
              && (saga.reason().isEmpty() || order.reason().endsWith("_" + saga.reason())),
          order + " and its saga " + saga);
      if (saga != null) {
        steps(order, saga);
        stalled(order, saga);
      }
      effects(order);
    }
  }

  private void stalled(Order order, Saga saga) {
    boolean owed =
        saga.steps().stream()
            .anyMatch(step -> !step.forward() && !step.done() && step.attempts() >= STALLED_AFTER);
    boolean fails = saga.state().equals("STATE_COMPENSATION_STALLED") || owed;
    if (fails) {
      findings.check(
          Invariant.O11,
          books.stalled().contains(order.id()),
          order + " cannot be undone and is not in the list: " + saga);
    }
  }

  /** What the card network did for an order, whatever was asked of it. */
  private void effects(Order order) {
    @Nullable Charge charge = books.charges().get(order.id());
    if (charge != null) {
      boolean once =
          charge.times("authorize") == 1
              && charge.times("capture") == (order.sold() ? 1 : 0)
              && charge.times("void") <= 1;
      findings.check(Invariant.O9, once, order + " at the card network: " + charge);
      if (order.confirmed() && history.sentAgain().contains(order.id())) {
        findings.check(Invariant.I8, once, order + " was charged by another key, too: " + charge);
      }
    }
  }

  private void steps(Order order, Saga saga) {
    List<String> owed = new ArrayList<>();
    List<String> undone = new ArrayList<>();
    Set<String> once = new HashSet<>();
    boolean captured = false;
    for (Step step : saga.steps()) {
      // A saga that turned back while it waited at a gate undoes what it had not tried: it cannot
      // know whether a process that died had.
      findings.check(
          Invariant.O9,
          once.add(step.name() + step.forward()) && (step.attempts() >= 1 || step.unknown()),
          order + ": " + step + " stands twice or was never tried");
      boolean ran = step.done() || step.unknown();
      if (!step.forward()) {
        undone.add(step.name());
      } else if (ran && COMPENSABLE.contains(step.name())) {
        owed.add(step.name());
      }
      captured |= step.forward() && step.name().equals("capture") && ran;
      if (!step.forward() && step.done() && step.name().equals("authorize")) {
        history.count("undone after the authorization");
      }
      if (step.forward() && step.unknown() && saga.ended()) {
        history.count("undone though its outcome was unknown");
      }
      if (step.attempts() > 1) {
        history.count("a step tried again");
      }
      findings.check(
          Invariant.O6,
          !(order.sold() && step.name().equals("authorize"))
              || step.result().equals(order.payment()),
          order + " was paid by " + order.payment() + ", and its saga says " + step.result());
    }
    boolean back = saga.state().equals("STATE_COMPENSATED");
    findings.check(
        Invariant.O8,
        !saga.ended() || (undone.equals(back ? owed.reversed() : List.of()) && !(captured && back)),
        order + ": " + saga.steps());
  }
}
