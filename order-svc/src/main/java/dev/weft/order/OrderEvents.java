package dev.weft.order;

import com.google.protobuf.Message;
import dev.weft.events.EventGrants;
import dev.weft.events.EventLog;
import dev.weft.shop.event.v1.OrderCancellationRequested;
import dev.weft.shop.event.v1.OrderCancelled;
import dev.weft.shop.event.v1.OrderCaptureBegun;
import dev.weft.shop.event.v1.OrderConfirmed;
import dev.weft.shop.event.v1.OrderCreated;
import dev.weft.shop.event.v1.OrderRefundRequested;
import dev.weft.shop.event.v1.OrderRefunded;
import org.jdbi.v3.core.Handle;

/** What is said about orders: one event for each change, in its transaction. */
final class OrderEvents {
  static final String ALL = "shop.order.*";

  /** Who may read them. */
  static final EventGrants GRANTS =
      EventGrants.of(
          EventGrants.grant("order-svc", "order-view", ALL),
          EventGrants.grant("payment-svc", "payments-of-orders", ALL),
          EventGrants.grant("inventory-svc", "stock-of-orders", ALL),
          EventGrants.grant("shipping-svc", "shipping", ALL),
          EventGrants.grant("notification-svc", "notifications-of-orders", ALL));

  private final EventLog log;

  OrderEvents(EventLog log) {
    this.log = log;
  }

  void created(Handle tx, Order order) {
    say(tx, order, OrderCreated.newBuilder().setOrder(OrderMessages.facts(order)).build());
  }

  void cancellationRequested(Handle tx, Order order) {
    say(
        tx,
        order,
        OrderCancellationRequested.newBuilder().setOrder(OrderMessages.facts(order)).build());
  }

  void captureBegun(Handle tx, Order order) {
    say(tx, order, OrderCaptureBegun.newBuilder().setOrder(OrderMessages.facts(order)).build());
  }

  void confirmed(Handle tx, Order order) {
    say(tx, order, OrderConfirmed.newBuilder().setOrder(OrderMessages.facts(order)).build());
  }

  void cancelled(Handle tx, Order order) {
    say(tx, order, OrderCancelled.newBuilder().setOrder(OrderMessages.facts(order)).build());
  }

  void refundRequested(Handle tx, Order order) {
    say(tx, order, OrderRefundRequested.newBuilder().setOrder(OrderMessages.facts(order)).build());
  }

  void refunded(Handle tx, Order order) {
    say(tx, order, OrderRefunded.newBuilder().setOrder(OrderMessages.facts(order)).build());
  }

  private void say(Handle tx, Order order, Message payload) {
    log.publish(tx, order.id().toString(), order.eventVersion(), payload);
  }
}
