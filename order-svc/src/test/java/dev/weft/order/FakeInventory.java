package dev.weft.order;

import dev.weft.mesh.MinorUnits;
import dev.weft.mesh.Rejection;
import dev.weft.shop.inventory.v1.ConfirmReservationRequest;
import dev.weft.shop.inventory.v1.ConfirmReservationResponse;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.ItemQuantity;
import dev.weft.shop.inventory.v1.PinReservationRequest;
import dev.weft.shop.inventory.v1.PinReservationResponse;
import dev.weft.shop.inventory.v1.QuoteItemsRequest;
import dev.weft.shop.inventory.v1.QuoteItemsResponse;
import dev.weft.shop.inventory.v1.QuotedItem;
import dev.weft.shop.inventory.v1.ReleaseReservationRequest;
import dev.weft.shop.inventory.v1.ReleaseReservationResponse;
import dev.weft.shop.inventory.v1.Reservation;
import dev.weft.shop.inventory.v1.ReservationLine;
import dev.weft.shop.inventory.v1.ReserveStockRequest;
import dev.weft.shop.inventory.v1.ReserveStockResponse;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;

/** A warehouse in memory that keeps the contract of inventory-svc. */
final class FakeInventory extends InventoryServiceGrpc.InventoryServiceImplBase {
  private final Faults faults;

  // All guarded by this.
  private final Map<String, Amount> prices = new HashMap<>();
  private final Map<String, Long> available = new HashMap<>();
  private final Map<String, Long> sold = new HashMap<>();
  private final Map<String, Reservation> reservations = new HashMap<>();
  private final List<String> commands = new ArrayList<>();
  private final Set<String> busy = new HashSet<>();
  private int sentAway;

  FakeInventory(Faults faults) {
    this.faults = faults;
  }

  /** Sells a new product. */
  synchronized UUID product(long stock, long priceMinor, String currency) {
    UUID id = UUID.randomUUID();
    prices.put(id.toString(), new Amount(priceMinor, currency));
    available.put(id.toString(), stock);
    return id;
  }

  synchronized void price(UUID product, Amount price) {
    prices.put(product.toString(), price);
  }

  synchronized void discontinue(UUID product) {
    prices.remove(product.toString());
  }

  synchronized long available(UUID product) {
    return available.getOrDefault(product.toString(), 0L);
  }

  synchronized long sold(UUID product) {
    return sold.getOrDefault(product.toString(), 0L);
  }

  synchronized Reservation.State reservation(String orderId) {
    return reservations.getOrDefault(orderId, Reservation.getDefaultInstance()).getState();
  }

  /** Command ids as they came, attempts included. */
  synchronized List<String> commands() {
    return List.copyOf(commands);
  }

  /** As if the ten minutes of all reservations were over. */
  synchronized void expireAll() {
    List.copyOf(reservations.values())
        .forEach(reservation -> giveBack(reservation, Reservation.State.STATE_EXPIRED));
  }

  /** Somebody else takes so many; a negative number brings them back. */
  synchronized void take(UUID product, long quantity) {
    available.merge(product.toString(), -quantity, Long::sum);
  }

  /** From now on whoever wants this product is one too many, or no longer. */
  synchronized void busy(UUID product, boolean now) {
    if (now) {
      busy.add(product.toString());
    } else {
      busy.remove(product.toString());
    }
  }

  /** How often somebody was one too many. */
  synchronized int sentAway() {
    return sentAway;
  }

  @Override
  public void quoteItems(QuoteItemsRequest request, StreamObserver<QuoteItemsResponse> reply) {
    answer(reply, faults.around("quote", () -> quote(request)));
  }

  @Override
  public void reserveStock(
      ReserveStockRequest request, StreamObserver<ReserveStockResponse> reply) {
    answer(
        reply,
        faults.around(
            "reserve",
            () -> ReserveStockResponse.newBuilder().setReservation(reserve(request)).build()));
  }

  @Override
  public void pinReservation(
      PinReservationRequest request, StreamObserver<PinReservationResponse> reply) {
    answer(
        reply,
        faults.around(
            "pin",
            () ->
                PinReservationResponse.newBuilder()
                    .setReservation(
                        move(
                            request.getOrderId(),
                            request.getCommandId(),
                            Reservation.State.STATE_HELD,
                            Reservation.State.STATE_PINNED))
                    .build()));
  }

  @Override
  public void confirmReservation(
      ConfirmReservationRequest request, StreamObserver<ConfirmReservationResponse> reply) {
    answer(
        reply,
        faults.around(
            "confirm",
            () ->
                ConfirmReservationResponse.newBuilder()
                    .setReservation(confirm(request.getOrderId(), request.getCommandId()))
                    .build()));
  }

  @Override
  public void releaseReservation(
      ReleaseReservationRequest request, StreamObserver<ReleaseReservationResponse> reply) {
    answer(
        reply,
        faults.around(
            "release",
            () ->
                ReleaseReservationResponse.newBuilder()
                    .setReservation(release(request.getOrderId(), request.getCommandId()))
                    .build()));
  }

  private synchronized QuoteItemsResponse quote(QuoteItemsRequest request) {
    QuoteItemsResponse.Builder quote = QuoteItemsResponse.newBuilder();
    long total = 0;
    String currency = "";
    for (ItemQuantity item : request.getItemsList()) {
      Amount price = prices.get(item.getProductId());
      if (price == null) {
        throw Rejection.notFound("PRODUCT_NOT_FOUND", "no such product")
            .with("product_id", item.getProductId());
      }
      if (!currency.isEmpty() && !currency.equals(price.currency())) {
        throw Rejection.notAllowedNow("MIXED_CURRENCIES", "one currency, please");
      }
      currency = price.currency();
      total += price.minor() * item.getQuantity();
      quote.addItems(
          QuotedItem.newBuilder()
              .setProductId(item.getProductId())
              .setTitle("Product " + item.getProductId().substring(0, 4))
              .setQuantity(item.getQuantity())
              .setUnitPrice(MinorUnits.money(price.minor(), price.currency()))
              .setLineTotal(MinorUnits.money(price.minor() * item.getQuantity(), currency)));
    }
    return quote.setTotal(MinorUnits.money(total, currency)).build();
  }

  private synchronized Reservation reserve(ReserveStockRequest request) {
    commands.add(request.getCommandId());
    Reservation before = reservations.get(request.getOrderId());
    if (before != null) {
      if (before.getState() == Reservation.State.STATE_RELEASED) {
        throw Rejection.notAllowedNow("RESERVATION_RELEASED", "it was released");
      }
      return before;
    }
    if (request.getItemsList().stream().anyMatch(item -> busy.contains(item.getProductId()))) {
      sentAway++;
      throw Rejection.conflict("STOCK_BUSY", "too many at once", Duration.ofMillis(500));
    }
    for (ItemQuantity item : request.getItemsList()) {
      if (available.getOrDefault(item.getProductId(), 0L) < item.getQuantity()) {
        throw Rejection.notAllowedNow("OUT_OF_STOCK", "not so many are there")
            .with("product_id", item.getProductId());
      }
    }
    Reservation.Builder reservation =
        Reservation.newBuilder()
            .setOrderId(request.getOrderId())
            .setState(Reservation.State.STATE_HELD);
    for (ItemQuantity item : request.getItemsList()) {
      available.merge(item.getProductId(), (long) -item.getQuantity(), Long::sum);
      reservation.addLines(
          ReservationLine.newBuilder()
              .setProductId(item.getProductId())
              .setQuantity(item.getQuantity()));
    }
    reservations.put(request.getOrderId(), reservation.build());
    return reservation.build();
  }

  private synchronized Reservation move(
      String orderId, String command, Reservation.State from, Reservation.State to) {
    commands.add(command);
    Reservation reservation = reservations.get(orderId);
    if (reservation == null) {
      throw Rejection.notFound("RESERVATION_NOT_FOUND", "nothing is reserved");
    }
    if (reservation.getState() != from && reservation.getState() != to) {
      throw Rejection.notAllowedNow("RESERVATION_ENDED", "it is " + reservation.getState());
    }
    Reservation moved = reservation.toBuilder().setState(to).build();
    reservations.put(orderId, moved);
    return moved;
  }

  private synchronized Reservation confirm(String orderId, String command) {
    boolean already = reservation(orderId) == Reservation.State.STATE_CONFIRMED;
    Reservation confirmed =
        move(orderId, command, Reservation.State.STATE_PINNED, Reservation.State.STATE_CONFIRMED);
    if (!already) {
      confirmed
          .getLinesList()
          .forEach(line -> sold.merge(line.getProductId(), (long) line.getQuantity(), Long::sum));
    }
    return confirmed;
  }

  private synchronized Reservation release(String orderId, String command) {
    commands.add(command);
    Reservation before =
        reservations.getOrDefault(orderId, Reservation.newBuilder().setOrderId(orderId).build());
    return switch (before.getState()) {
      case STATE_CONFIRMED -> throw Rejection.notAllowedNow("RESERVATION_CONFIRMED", "it is sold");
      case STATE_RELEASED, STATE_EXPIRED -> before;
      default -> giveBack(before, Reservation.State.STATE_RELEASED);
    };
  }

  private synchronized Reservation giveBack(Reservation reservation, Reservation.State state) {
    reservation
        .getLinesList()
        .forEach(
            line -> available.merge(line.getProductId(), (long) line.getQuantity(), Long::sum));
    Reservation ended = reservation.toBuilder().setState(state).build();
    reservations.put(reservation.getOrderId(), ended);
    return ended;
  }

  private static <T> void answer(StreamObserver<T> reply, T message) {
    reply.onNext(message);
    reply.onCompleted();
  }
}
