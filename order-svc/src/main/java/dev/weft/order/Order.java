package dev.weft.order;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * What one customer bought, or tried to.
 *
 * @param cancelReason when CANCELLED
 * @param cancelRequested whether its customer wants to turn it back; heeded until the capture
 * @param paymentId from the capture on
 * @param paymentMethod what the card network knows the card by
 * @param version grows with every write
 */
record Order(
    UUID id,
    UUID userId,
    List<OrderLine> lines,
    Amount total,
    OrderState state,
    Optional<CancelReason> cancelReason,
    boolean cancelRequested,
    Optional<UUID> paymentId,
    Address address,
    String paymentMethod,
    long version,
    Instant createTime,
    Instant updateTime) {

  Order {
    lines = List.copyOf(lines);
  }

  List<Item> items() {
    return lines.stream().map(OrderLine::item).toList();
  }
}
