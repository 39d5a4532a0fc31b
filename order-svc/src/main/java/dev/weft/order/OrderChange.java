package dev.weft.order;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * An event of an order: what happened, and the order as it is from then on.
 *
 * @param type such as {@code shop.order.confirmed}
 * @param shownReason why it was or will be cancelled, as far as is known
 * @param version of the order from then on
 * @param eventVersion the how-manieth event of the order it is, from 1 on
 */
record OrderChange(
    UUID eventId,
    String type,
    Instant time,
    UUID orderId,
    UUID userId,
    OrderState state,
    Optional<CancelReason> shownReason,
    Optional<UUID> paymentId,
    Amount total,
    long version,
    long eventVersion,
    Instant createTime,
    Instant updateTime) {

  /**
   * A line of an order's history.
   *
   * @param version of the order from then on
   */
  record Told(
      UUID eventId,
      String type,
      Instant time,
      OrderState state,
      Optional<CancelReason> shownReason,
      long version) {}
}
