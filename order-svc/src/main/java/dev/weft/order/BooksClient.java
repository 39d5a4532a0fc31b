package dev.weft.order;

import dev.weft.mesh.Rejection;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc.InventoryServiceBlockingStub;
import dev.weft.shop.inventory.v1.ListStockMovementsRequest;
import dev.weft.shop.inventory.v1.ListStockMovementsResponse;
import dev.weft.shop.inventory.v1.StockMovement;
import dev.weft.shop.payment.v1.LedgerEntry;
import dev.weft.shop.payment.v1.ListLedgerEntriesRequest;
import dev.weft.shop.payment.v1.ListLedgerEntriesResponse;
import dev.weft.shop.payment.v1.PaymentServiceGrpc;
import dev.weft.shop.payment.v1.PaymentServiceGrpc.PaymentServiceBlockingStub;
import io.grpc.Channel;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The append-only books of the other services, read from their first line to their last. */
final class BooksClient {
  private static final int PAGE = 1_000;
  private static final Duration RETRY_AFTER = Duration.ofSeconds(5);

  private static final Logger log = LoggerFactory.getLogger(BooksClient.class);

  private final PaymentServiceBlockingStub payments;
  private final InventoryServiceBlockingStub inventory;

  BooksClient(Channel payments, Channel inventory) {
    this.payments = PaymentServiceGrpc.newBlockingStub(payments);
    this.inventory = InventoryServiceGrpc.newBlockingStub(inventory);
  }

  /** Lines of the ledger, oldest first. */
  void ledger(Consumer<LedgerEntry> reader) {
    String next = "";
    do {
      ListLedgerEntriesResponse page;
      try {
        page =
            payments.listLedgerEntries(
                ListLedgerEntriesRequest.newBuilder().setPageSize(PAGE).setPageToken(next).build());
      } catch (StatusRuntimeException e) {
        throw unreadable("payment-svc", "the ledger", e);
      }
      page.getEntriesList().forEach(reader);
      next = page.getNextPageToken();
    } while (!next.isEmpty());
  }

  /** Movements of all stock, oldest first. */
  void movements(Consumer<StockMovement> reader) {
    String next = "";
    do {
      ListStockMovementsResponse page;
      try {
        page =
            inventory.listStockMovements(
                ListStockMovementsRequest.newBuilder()
                    .setPageSize(PAGE)
                    .setPageToken(next)
                    .build());
      } catch (StatusRuntimeException e) {
        throw unreadable("inventory-svc", "the stock movements", e);
      }
      page.getMovementsList().forEach(reader);
      next = page.getNextPageToken();
    } while (!next.isEmpty());
  }

  private static Rejection unreadable(String service, String what, StatusRuntimeException e) {
    log.warn("{} cannot be read: {}", what, e.getStatus());
    return Rejection.unavailable("BOOKS_UNAVAILABLE", what + " cannot be read now", RETRY_AFTER)
        .causedBy(service);
  }
}
