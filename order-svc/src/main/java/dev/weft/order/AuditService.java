package dev.weft.order;

import com.google.protobuf.Timestamp;
import dev.weft.durable.Database;
import dev.weft.mesh.Rejection;
import dev.weft.shop.order.v1.AuditServiceGrpc;
import dev.weft.shop.order.v1.CheckInvariantsRequest;
import dev.weft.shop.order.v1.CheckInvariantsResponse;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.time.Instant;

/** The gRPC face of the audit. */
final class AuditService extends AuditServiceGrpc.AuditServiceImplBase {
  private final Database database;
  private final Audit audit;
  private final AuditStore verdicts;

  AuditService(Database database, Audit audit, AuditStore verdicts) {
    this.database = database;
    this.audit = audit;
    this.verdicts = verdicts;
  }

  @Override
  public void checkInvariants(
      CheckInvariantsRequest request, StreamObserver<CheckInvariantsResponse> reply) {
    CheckInvariantsResponse verdict =
        request.getLast() ? last() : AuditMessages.verdict(audit.run(() -> {}));
    Duration lag = Duration.between(began(verdict), database.inTransaction(OrderStore::now));
    OrderService.answer(
        reply,
        verdict.toBuilder()
            .setFresh(!request.getLast())
            .setLag(
                com.google.protobuf.Duration.newBuilder()
                    .setSeconds(lag.getSeconds())
                    .setNanos(lag.getNano()))
            .build());
  }

  private CheckInvariantsResponse last() {
    return database
        .read(verdicts::last)
        .verdict()
        .orElseThrow(
            () ->
                Rejection.notAllowedNow(
                    "NOT_CHECKED_YET", "no check has come to its end by itself so far"));
  }

  private static Instant began(CheckInvariantsResponse verdict) {
    Timestamp began = verdict.getAuditTime();
    return Instant.ofEpochSecond(began.getSeconds(), began.getNanos());
  }
}
