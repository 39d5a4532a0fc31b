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
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The append-only books of the other services, page by page from their first line on. */
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

  /** Lines of the ledger, oldest first: of these orders, or all if none is named. */
  void ledger(List<String> orders, Consumer<List<LedgerEntry>> reader) {
    String next = "";
    do {
      ListLedgerEntriesRequest request =
          ListLedgerEntriesRequest.newBuilder()
              .addAllOrderIds(orders)
              .setPageSize(PAGE)
              .setPageToken(next)
              .build();
      ListLedgerEntriesResponse page =
          read("payment-svc", "the ledger", () -> payments.listLedgerEntries(request));
      reader.accept(page.getEntriesList());
      next = page.getNextPageToken();
    } while (!next.isEmpty());
  }

  /** Movements of all stock, oldest first: for these orders, or all if none is named. */
  void movements(List<String> orders, Consumer<List<StockMovement>> reader) {
    String next = "";
    do {
      ListStockMovementsRequest request =
          ListStockMovementsRequest.newBuilder()
              .addAllOrderIds(orders)
              .setPageSize(PAGE)
              .setPageToken(next)
              .build();
      ListStockMovementsResponse page =
          read("inventory-svc", "the stock movements", () -> inventory.listStockMovements(request));
      reader.accept(page.getMovementsList());
      next = page.getNextPageToken();
    } while (!next.isEmpty());
  }

  private static <T> T read(String service, String what, Supplier<T> page) {
    try {
      return page.get();
    } catch (StatusRuntimeException e) {
      log.debug("{} cannot be read", what, e);
      throw Rejection.unavailable(
              "BOOKS_UNAVAILABLE",
              what + " cannot be read now: " + e.getStatus().getCode(),
              RETRY_AFTER)
          .causedBy(service);
    }
  }
}
