package dev.weft.payment;

import dev.weft.events.EventGrants;
import dev.weft.events.EventLog;
import org.jdbi.v3.core.Handle;

/** What is said about payments, in the transaction in which it happens. */
final class PaymentEvents {
  private static final String ALL = "shop.payment.*";

  /** Who may read it. */
  static final EventGrants GRANTS =
      EventGrants.of(
          EventGrants.grant("order-svc", "orders-of-payments", ALL),
          EventGrants.grant("notification-svc", "notifications-of-payments", ALL));

  private final EventLog log;
  private final PaymentStore store;

  PaymentEvents(EventLog log, PaymentStore store) {
    this.log = log;
    this.store = store;
  }

  /**
   * The card network gave something back. Said as the answer to what led to the refund, whoever
   * brought it about by now.
   *
   * @param payment as it is since then
   */
  void refunded(Handle tx, Payment payment, Refund refund) {
    refund
        .origin()
        .lead(
            () ->
                log.publish(
                    tx,
                    payment.id().toString(),
                    store.nextEventVersion(tx, payment.id()),
                    PaymentMessages.refunded(payment, refund)));
  }
}
