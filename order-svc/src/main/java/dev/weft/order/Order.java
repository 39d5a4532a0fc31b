package dev.weft.order;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * What one customer bought, or tried to.
 *
 * @param cancelReason when CANCELLED
 * @param calledOff why it was turned back before its end, which is possible until the capture
 * @param paymentId from the capture on
 * @param paymentMethod what the card network knows the card by
 * @param version grows with every write
 * @param eventVersion how many events it has said
 */
record Order(
    UUID id,
    UUID userId,
    List<OrderLine> lines,
    Amount total,
    OrderState state,
    Optional<CancelReason> cancelReason,
    Optional<CancelReason> calledOff,
    Optional<UUID> paymentId,
    Address address,
    String paymentMethod,
    long version,
    long eventVersion,
    Instant createTime,
    Instant updateTime) {

  Order {
    lines = List.copyOf(lines);
  }

  /** Whether it is too late to turn a PENDING order back: its money is on its way. */
  boolean captureBegun() {
    return state == OrderState.PENDING && paymentId.isPresent();
  }

  /** Why the order was cancelled, or is about to be because it was called off. */
  Optional<CancelReason> shownCancelReason() {
    return state == OrderState.PENDING ? calledOff : cancelReason;
  }

  List<Item> items() {
    return lines.stream().map(OrderLine::item).toList();
  }
}
