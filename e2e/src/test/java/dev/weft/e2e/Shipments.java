package dev.weft.e2e;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.weft.event.v1.Event;
import dev.weft.shop.event.v1.OrderConfirmed;
import dev.weft.shop.event.v1.OrderFacts;
import dev.weft.shop.event.v1.OrderRefundRequested;
import dev.weft.shop.shipping.v1.Shipment;
import dev.weft.shop.shipping.v1.Shipment.State;
import dev.weft.shop.shipping.v1.ShipmentLine;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** What a shipping service keeps; outlives the processes that fill it. Thread-safe. */
final class Shipments {
  // All guarded by this.
  private final Map<String, Shipment> byOrder = new HashMap<>();
  private final Map<String, Integer> plans = new HashMap<>();
  private final Set<String> handled = new HashSet<>();
  private int duplicates;

  /** Plans a shipment or stops it; an event that comes again does nothing. */
  synchronized void handle(Event event) {
    if (!handled.add(event.getEventId())) {
      duplicates++;
      return;
    }
    try {
      switch (event.getType()) {
        case "shop.order.confirmed" -> plan(OrderConfirmed.parseFrom(event.getData()).getOrder());
        case "shop.order.refund_requested" ->
            stop(OrderRefundRequested.parseFrom(event.getData()).getOrder());
        default -> throw new AssertionError("not asked for: " + event.getType());
      }
    } catch (InvalidProtocolBufferException e) {
      throw new AssertionError(event.getType(), e);
    }
  }

  synchronized Optional<Shipment> of(String order) {
    @Nullable Shipment shipment = byOrder.get(order);
    return Optional.ofNullable(shipment);
  }

  /** How often a shipment was planned for an order. */
  synchronized int plans(String order) {
    return plans.getOrDefault(order, 0);
  }

  /** How many events came again. */
  synchronized int duplicates() {
    return duplicates;
  }

  private void plan(OrderFacts order) {
    plans.merge(order.getOrderId(), 1, Integer::sum);
    Shipment.Builder shipment =
        Shipment.newBuilder()
            .setShipmentId(UUID.randomUUID().toString())
            .setOrderId(order.getOrderId())
            .setUserId(order.getUserId())
            .setState(State.STATE_PLANNED);
    order
        .getItemsList()
        .forEach(
            item ->
                shipment.addLines(
                    ShipmentLine.newBuilder()
                        .setProductId(item.getProductId())
                        .setQuantity(item.getQuantity())));
    byOrder.put(order.getOrderId(), shipment.build());
  }

  private void stop(OrderFacts order) {
    byOrder.computeIfPresent(
        order.getOrderId(),
        (_, shipment) -> shipment.toBuilder().setState(State.STATE_STOPPED).build());
  }
}
