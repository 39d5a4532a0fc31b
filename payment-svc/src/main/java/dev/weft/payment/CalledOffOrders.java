package dev.weft.payment;

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
 * Wants the money of orders given back that were called off after they were confirmed, as order-svc
 * says it. The card network is asked by the {@link Settlement}, after the commit.
 */
final class CalledOffOrders implements EventHandler {
  static final String CONSUMER = "payments-of-orders";
  private static final String SOURCE = "order-svc";
  private static final String TYPE = "shop.order.refund_requested";

  private final Payments payments;

  CalledOffOrders(Payments payments) {
    this.payments = payments;
  }

  void subscribe(EventBus bus) {
    bus.subscribe(Subscription.of(CONSUMER, SOURCE, TYPE).retries(RetryPolicy.FOR_HOURS), this);
  }

  @Override
  public void handle(Handle tx, Event event) {
    OrderRefundRequested payload =
        EventPayloads.parse(event, OrderRefundRequested.getDefaultInstance());
    payments.oweAll(tx, UUID.fromString(payload.getOrder().getOrderId()));
  }
}
