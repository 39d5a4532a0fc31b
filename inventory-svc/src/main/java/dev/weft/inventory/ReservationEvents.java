package dev.weft.inventory;

import dev.weft.events.EventGrants;
import dev.weft.events.EventLog;
import org.jdbi.v3.core.Handle;

/** What is said about reservations, in the transaction in which it happens. */
final class ReservationEvents {
  /** Who may read it. */
  static final EventGrants GRANTS =
      EventGrants.of(EventGrants.grant("order-svc", "orders-of-stock", "shop.reservation.*"));

  private final EventLog log;

  ReservationEvents(EventLog log) {
    this.log = log;
  }

  /**
   * What was sold is back.
   *
   * @param eventVersion how many events the reservation has said with this one
   */
  void returned(Handle tx, Reservation reservation, long eventVersion) {
    log.publish(
        tx,
        reservation.orderId().toString(),
        eventVersion,
        InventoryMessages.returned(reservation));
  }
}
