package dev.weft.inventory;

import dev.weft.durable.Event;
import dev.weft.events.EventBus;
import dev.weft.events.EventHandler;
import dev.weft.events.EventPayloads;
import dev.weft.events.RetryPolicy;
import dev.weft.events.Subscription;
import dev.weft.shop.event.v1.OrderRefundRequested;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/**
 * Takes the goods of orders back that were called off after they were confirmed, as order-svc says
 * it.
 */
final class CalledOffOrders implements EventHandler {
  static final String CONSUMER = "stock-of-orders";
  private static final String SOURCE = "order-svc";
  private static final String TYPE = "shop.order.refund_requested";

  private final Reservations reservations;

  CalledOffOrders(Reservations reservations) {
    this.reservations = reservations;
  }

  void subscribe(EventBus bus) {
    bus.subscribe(Subscription.of(CONSUMER, SOURCE, TYPE).retries(RetryPolicy.FOR_HOURS), this);
  }

  @Override
  public void handle(Handle tx, Event event) {
    OrderRefundRequested payload =
        EventPayloads.parse(event, OrderRefundRequested.getDefaultInstance());
    reservations.takeBack(tx, UUID.fromString(payload.getOrder().getOrderId()));
  }
}
