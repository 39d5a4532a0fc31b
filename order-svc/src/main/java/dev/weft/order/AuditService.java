package dev.weft.order;

import dev.weft.mesh.Timestamps;
import dev.weft.shop.order.v1.AuditServiceGrpc;
import dev.weft.shop.order.v1.CheckInvariantsRequest;
import dev.weft.shop.order.v1.CheckInvariantsResponse;
import dev.weft.shop.order.v1.Invariant;
import io.grpc.stub.StreamObserver;

/** The gRPC face of the audit. */
final class AuditService extends AuditServiceGrpc.AuditServiceImplBase {
  private final Audit audit;

  AuditService(Audit audit) {
    this.audit = audit;
  }

  @Override
  public void checkInvariants(
      CheckInvariantsRequest request, StreamObserver<CheckInvariantsResponse> reply) {
    AuditReport report = audit.run();
    OrderService.answer(
        reply,
        CheckInvariantsResponse.newBuilder()
            .setHolds(report.holds())
            .addAllInvariants(report.invariants().stream().map(AuditService::invariant).toList())
            .setJudgedOrders(report.judged())
            .setOpenOrders(report.open())
            .setAuditTime(Timestamps.of(report.at()))
            .build());
  }

  private static Invariant invariant(AuditReport.Invariant invariant) {
    return Invariant.newBuilder()
        .setName(invariant.name())
        .setDescription(invariant.description())
        .setHolds(invariant.holds())
        .setChecked(invariant.checked())
        .addAllViolations(invariant.violations())
        .setViolationCount(invariant.violationCount())
        .build();
  }
}
