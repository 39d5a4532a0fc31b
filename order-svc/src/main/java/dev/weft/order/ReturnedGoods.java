package dev.weft.order;

import dev.weft.durable.Event;
import dev.weft.events.EventBus;
import dev.weft.events.EventHandler;
import dev.weft.events.EventPayloads;
import dev.weft.events.RetryPolicy;
import dev.weft.events.Subscription;
import dev.weft.shop.event.v1.ReservationReturned;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/** Hears from inventory-svc that all of an order's goods are back. */
final class ReturnedGoods implements EventHandler {
  static final String CONSUMER = "orders-of-stock";
  private static final String SOURCE = "inventory-svc";
  private static final String TYPE = "shop.reservation.returned";

  private final Returns returns;

  ReturnedGoods(Returns returns) {
    this.returns = returns;
  }

  void subscribe(EventBus bus) {
    bus.subscribe(Subscription.of(CONSUMER, SOURCE, TYPE).retries(RetryPolicy.FOR_HOURS), this);
  }

  @Override
  public void handle(Handle tx, Event event) {
    ReservationReturned payload =
        EventPayloads.parse(event, ReservationReturned.getDefaultInstance());
    returns.goodsAreBack(tx, UUID.fromString(payload.getOrderId()));
  }
}
