package dev.weft.order;

import dev.weft.durable.Database;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/**
 * Brings a CONFIRMED order to REFUNDED that is called off, or whose money was given back in full by
 * an administrator. Nobody is called: payment-svc and inventory-svc hear that the order is
 * REFUNDING, give back money and goods, and say so, in whatever order, more than once, or before
 * this service has heard that there is anything to give back.
 *
 * <p>All methods run in the caller's transaction, and lock the order's row.
 */
final class Returns {
  private final Database database;
  private final OrderStore orders;
  private final ReturnStore store;
  private final OrderFeed feed;

  Returns(Database database, OrderStore orders, ReturnStore store, OrderFeed feed) {
    this.database = database;
    this.orders = orders;
    this.store = store;
    this.feed = feed;
  }

  /** Calls a CONFIRMED order off. */
  void begin(Handle tx, UUID orderId) {
    orders.requestRefund(tx, orderId);
    database.afterCommit(() -> feed.changed(orderId));
  }

  /** An order was just confirmed, whose money may be back already. */
  void confirmed(Handle tx, UUID orderId) {
    if (store.moneyIsBack(tx, orderId)) {
      begin(tx, orderId);
    }
  }

  /** All that the order paid was given back. */
  void moneyIsBack(Handle tx, UUID orderId) {
    Order order = lock(tx, orderId);
    switch (order.state()) {
      // Its money was taken, so it will be confirmed.
      case PENDING -> store.note(tx, orderId, true, false);
      case CONFIRMED -> {
        store.note(tx, orderId, true, false);
        begin(tx, orderId);
      }
      case REFUNDING -> endIf(tx, orderId, store.note(tx, orderId, true, false));
      case REFUNDED -> {}
      case CANCELLED -> throw unexpected(order, "money");
    }
  }

  /** All that the order bought is available again. */
  void goodsAreBack(Handle tx, UUID orderId) {
    Order order = lock(tx, orderId);
    switch (order.state()) {
      case REFUNDING -> endIf(tx, orderId, store.note(tx, orderId, false, true));
      case REFUNDED -> {}
      case PENDING, CONFIRMED, CANCELLED -> throw unexpected(order, "goods");
    }
  }

  private void endIf(Handle tx, UUID orderId, boolean allIsBack) {
    if (allIsBack) {
      orders.refunded(tx, orderId);
      database.afterCommit(() -> feed.changed(orderId));
    }
  }

  private Order lock(Handle tx, UUID orderId) {
    return orders
        .lock(tx, orderId)
        .orElseThrow(() -> new IllegalStateException("there is no order " + orderId));
  }

  private static IllegalStateException unexpected(Order order, String what) {
    return new IllegalStateException(
        "the " + what + " of order " + order.id() + " are back, and it is " + order.state());
  }
}
