package dev.weft.order;

import dev.weft.mesh.MinorUnits;
import dev.weft.mesh.Timestamps;
import dev.weft.shop.payment.v1.LedgerEntry;
import dev.weft.shop.payment.v1.ListLedgerEntriesRequest;
import dev.weft.shop.payment.v1.ListLedgerEntriesResponse;
import dev.weft.shop.payment.v1.PaymentServiceGrpc;
import io.grpc.stub.StreamObserver;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/** The ledger of payment-svc as a test writes it, read two lines at a time. */
final class FakeLedger extends PaymentServiceGrpc.PaymentServiceImplBase {
  private static final int PAGE = 2;

  final List<LedgerEntry> entries = new ArrayList<>();

  /** When the next lines are written. */
  Instant clock = Instant.now();

  /** What happens while lines of some orders are read the next time. */
  volatile Runnable whenRead = () -> {};

  /** Writes the two lines of a transaction. */
  void enter(String transaction, String order, long minor) {
    line(transaction, order, "card_network", minor);
    line(transaction, order, "revenue", -minor);
  }

  void line(String transaction, String order, String account, long minor) {
    var amount = MinorUnits.money(Math.abs(minor), "EUR").toBuilder();
    if (minor < 0) {
      amount.setUnits(-amount.getUnits()).setNanos(-amount.getNanos());
    }
    entries.add(
        LedgerEntry.newBuilder()
            .setEntryId(entries.size() + 1L)
            .setTransactionId(transaction)
            .setOrderId(order)
            .setAccount(account)
            .setAmount(amount)
            .setCreateTime(Timestamps.of(clock))
            .build());
  }

  @Override
  public void listLedgerEntries(
      ListLedgerEntriesRequest request, StreamObserver<ListLedgerEntriesResponse> reply) {
    if (request.getOrderIdsCount() > 0) {
      Runnable meanwhile = whenRead;
      whenRead = () -> {};
      meanwhile.run();
    }
    List<LedgerEntry> wanted =
        entries.stream()
            .filter(
                entry ->
                    request.getOrderIdsCount() == 0
                        || request.getOrderIdsList().contains(entry.getOrderId()))
            .toList();
    int from = request.getPageToken().isEmpty() ? 0 : Integer.parseInt(request.getPageToken());
    int to = Math.min(from + PAGE, wanted.size());
    reply.onNext(
        ListLedgerEntriesResponse.newBuilder()
            .addAllEntries(wanted.subList(from, to))
            .setNextPageToken(to < wanted.size() ? "" + to : "")
            .build());
    reply.onCompleted();
  }
}
