package dev.weft.prove;

import java.util.List;
import java.util.Map;

/**
 * Holds the books against each other and against what clients were told. Pure: the same history and
 * books always get the same verdict.
 */
final class Judge {
  /** What clients see at once, and the requests that try it. */
  private static final Map<Invariant, Op.Kind> SEEN_BY =
      Map.ofEntries(
          Map.entry(Invariant.I1, Op.Kind.REPEAT),
          Map.entry(Invariant.I2, Op.Kind.REUSE),
          Map.entry(Invariant.I3, Op.Kind.RACE),
          Map.entry(Invariant.I4, Op.Kind.FOREIGN_KEY),
          Map.entry(Invariant.I5, Op.Kind.NO_KEY),
          Map.entry(Invariant.I7, Op.Kind.REPEAT_AT_END),
          Map.entry(Invariant.I9, Op.Kind.REPEAT_REORDERED),
          Map.entry(Invariant.A1, Op.Kind.FOREIGN_READ),
          Map.entry(Invariant.O1, Op.Kind.WITNESS),
          Map.entry(Invariant.E7, Op.Kind.POISONED),
          Map.entry(Invariant.E9, Op.Kind.UNROUTABLE),
          Map.entry(Invariant.E10, Op.Kind.NEWER_SCHEMA),
          Map.entry(Invariant.Q3, Op.Kind.LIST),
          Map.entry(Invariant.Q4, Op.Kind.READ_AFTER),
          Map.entry(Invariant.Q5, Op.Kind.PAGES));

  private Judge() {}

  static Verdict of(History history, Books books, List<Goods> goods) {
    Verdict.Findings findings = new Verdict.Findings();
    SEEN_BY.forEach((invariant, kind) -> findings.tried(invariant, history.count(kind)));
    for (Violation violation : history.violations()) {
      findings.violated(Invariant.valueOf(violation.invariant()), violation.what());
    }
    new MoneyJudge(history, books, findings).judge();
    new StockJudge(history, books, goods, findings).judge();
    new OrderJudge(history, books, findings).judge();
    new SagaJudge(history, books, findings).judge();
    findings.check(Invariant.AUDIT, books.auditHolds(), "GET /v1/audit/invariants says otherwise");
    return findings.verdict();
  }
}
