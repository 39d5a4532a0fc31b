package dev.weft.order;

import dev.weft.durable.Event;
import dev.weft.events.EventBus;
import dev.weft.events.EventHandler;
import dev.weft.events.EventPayloads;
import dev.weft.events.RetryPolicy;
import dev.weft.events.Subscription;
import dev.weft.shop.event.v1.PaymentRefunded;
import dev.weft.shop.payment.v1.Payment;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/** Hears from payment-svc that all of an order's money is back. */
final class RefundedPayments implements EventHandler {
  static final String CONSUMER = "orders-of-payments";
  private static final String SOURCE = "payment-svc";
  private static final String TYPE = "shop.payment.refunded";

  private final Returns returns;

  RefundedPayments(Returns returns) {
    this.returns = returns;
  }

  void subscribe(EventBus bus) {
    bus.subscribe(Subscription.of(CONSUMER, SOURCE, TYPE).retries(RetryPolicy.FOR_HOURS), this);
  }

  @Override
  public void handle(Handle tx, Event event) {
    PaymentRefunded payload = EventPayloads.parse(event, PaymentRefunded.getDefaultInstance());
    // An administrator may give back a part, and the order goes on.
    if (payload.getState() == Payment.State.STATE_REFUNDED) {
      returns.moneyIsBack(tx, UUID.fromString(payload.getOrderId()));
    }
  }
}
