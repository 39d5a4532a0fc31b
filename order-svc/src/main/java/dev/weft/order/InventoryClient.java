package dev.weft.order;

import dev.weft.mesh.MinorUnits;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.RemoteError;
import dev.weft.shop.inventory.v1.ConfirmReservationRequest;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc.InventoryServiceBlockingStub;
import dev.weft.shop.inventory.v1.ItemQuantity;
import dev.weft.shop.inventory.v1.PinReservationRequest;
import dev.weft.shop.inventory.v1.QuoteItemsRequest;
import dev.weft.shop.inventory.v1.QuoteItemsResponse;
import dev.weft.shop.inventory.v1.ReleaseReservationRequest;
import dev.weft.shop.inventory.v1.ReserveStockRequest;
import io.grpc.Channel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.List;
import java.util.UUID;

/**
 * What order-svc asks of inventory-svc. A definite no to a step of an order is a {@link
 * DefiniteRefusal}; a no to a quote is the caller's to hear.
 */
final class InventoryClient {
  static final String SERVICE = "inventory-svc";

  private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

  private final InventoryServiceBlockingStub inventory;

  InventoryClient(Channel channel) {
    inventory = InventoryServiceGrpc.newBlockingStub(channel);
  }

  /** What these items cost now. */
  Quote quote(List<Item> items) {
    QuoteItemsResponse quoted;
    try {
      quoted =
          inventory.quoteItems(
              QuoteItemsRequest.newBuilder()
                  .addAllItems(items.stream().map(InventoryClient::quantity).toList())
                  .build());
    } catch (StatusRuntimeException e) {
      throw refusedQuote(e);
    }
    return new Quote(
        quoted.getItemsList().stream()
            .map(
                line ->
                    new OrderLine(
                        UUID.fromString(line.getProductId()),
                        line.getTitle(),
                        line.getQuantity(),
                        MinorUnits.of(line.getUnitPrice())))
            .toList(),
        new Amount(MinorUnits.of(quoted.getTotal()), quoted.getTotal().getCurrencyCode()));
  }

  /** Holds all items for the order, or none. */
  void reserve(UUID orderId, List<Item> items, String commandId) {
    ReserveStockRequest request =
        ReserveStockRequest.newBuilder()
            .setOrderId(orderId.toString())
            .addAllItems(items.stream().map(InventoryClient::quantity).toList())
            .setCommandId(commandId)
            .build();
    try {
      inventory.reserveStock(request);
    } catch (StatusRuntimeException e) {
      throw refusedStep(e);
    }
  }

  /** Gives back what the order holds; one that holds nothing will never hold anything. */
  void release(UUID orderId, String commandId) {
    inventory.releaseReservation(
        ReleaseReservationRequest.newBuilder()
            .setOrderId(orderId.toString())
            .setCommandId(commandId)
            .build());
  }

  /** Takes the expiry off what the order holds. */
  void pin(UUID orderId, String commandId) {
    try {
      inventory.pinReservation(
          PinReservationRequest.newBuilder()
              .setOrderId(orderId.toString())
              .setCommandId(commandId)
              .build());
    } catch (StatusRuntimeException e) {
      throw refusedStep(e);
    }
  }

  /** Sells what the order holds. */
  void confirm(UUID orderId, String commandId) {
    inventory.confirmReservation(
        ConfirmReservationRequest.newBuilder()
            .setOrderId(orderId.toString())
            .setCommandId(commandId)
            .build());
  }

  private static RuntimeException refusedQuote(StatusRuntimeException e) {
    RemoteError error = RemoteError.of(e.getStatus(), e.getTrailers());
    String product = error.metadata().getOrDefault("product_id", "");
    return switch (error.reason()) {
      case "PRODUCT_NOT_FOUND" -> {
        Rejection refusal = Rejection.notFound("PRODUCT_NOT_FOUND", "no such product");
        yield product.isEmpty() ? refusal : refusal.with("product_id", product);
      }
      case "MIXED_CURRENCIES" ->
          Rejection.notAllowedNow("MIXED_CURRENCIES", "an order has one currency");
      case "AMOUNT_TOO_LARGE" ->
          Rejection.invalid(
              "AMOUNT_TOO_LARGE", new Rejection.FieldViolation("items", "cost too much together"));
      default ->
          error.code() == Status.Code.UNAVAILABLE
                  || error.code() == Status.Code.DEADLINE_EXCEEDED
                  || error.code() == Status.Code.RESOURCE_EXHAUSTED
              ? Rejection.unavailable(
                      "INVENTORY_UNAVAILABLE",
                      "prices cannot be read at the moment",
                      error.retryAfter().orElse(RETRY_AFTER))
                  .causedBy("inventory-svc")
              : e;
    };
  }

  private static RuntimeException refusedStep(StatusRuntimeException e) {
    return switch (RemoteError.of(e.getStatus(), e.getTrailers()).reason()) {
      case "OUT_OF_STOCK", "PRODUCT_NOT_FOUND" -> new DefiniteRefusal(CancelReason.OUT_OF_STOCK);
      // The goods went back meanwhile: it took too long.
      case "RESERVATION_RELEASED", "RESERVATION_ENDED", "RESERVATION_NOT_FOUND" ->
          new DefiniteRefusal(CancelReason.TIMED_OUT);
      default -> e;
    };
  }

  private static ItemQuantity quantity(Item item) {
    return ItemQuantity.newBuilder()
        .setProductId(item.productId().toString())
        .setQuantity(item.quantity())
        .build();
  }
}
