package dev.weft.order;

import dev.weft.mesh.Timestamps;
import dev.weft.order.AuditReport.Violation;
import dev.weft.shop.order.v1.CheckInvariantsResponse;
import dev.weft.shop.order.v1.Invariant;

/** What an audit found, as it is kept and sent. */
final class AuditMessages {
  /** How many violations are told in a sentence. */
  static final int SENTENCES = 20;

  private AuditMessages() {}

  static CheckInvariantsResponse verdict(AuditReport report) {
    return CheckInvariantsResponse.newBuilder()
        .setHolds(report.holds())
        .addAllInvariants(report.invariants().stream().map(AuditMessages::invariant).toList())
        .setJudgedOrders(report.judged())
        .setOpenOrders(report.open())
        .setAuditTime(Timestamps.of(report.at()))
        .build();
  }

  private static Invariant invariant(AuditReport.Invariant invariant) {
    return Invariant.newBuilder()
        .setName(invariant.name())
        .setDescription(invariant.description())
        .setHolds(invariant.holds())
        .setChecked(invariant.checked())
        .addAllViolations(
            invariant.violations().stream().limit(SENTENCES).map(Violation::how).toList())
        .setViolationCount(invariant.violationCount())
        .addAllOffendingIds(invariant.violations().stream().map(Violation::id).toList())
        .build();
  }
}
