package dev.weft.order;

import java.time.Instant;
import java.util.List;

/**
 * What an audit found.
 *
 * @param judged orders that had ended when it began
 * @param open orders that had not
 */
record AuditReport(List<Invariant> invariants, long judged, long open, Instant at) {
  AuditReport {
    invariants = List.copyOf(invariants);
  }

  boolean holds() {
    return invariants.stream().allMatch(Invariant::holds);
  }

  /**
   * One promise.
   *
   * @param violations the first that break it, by id
   * @param violationCount all that break it
   */
  record Invariant(
      String name,
      String description,
      long checked,
      List<Violation> violations,
      long violationCount) {

    Invariant {
      violations = List.copyOf(violations);
    }

    boolean holds() {
      return violationCount == 0;
    }
  }

  /**
   * What breaks a promise.
   *
   * @param id of an order, a ledger transaction or a product
   * @param how in a sentence
   */
  record Violation(String id, String how) {}
}
