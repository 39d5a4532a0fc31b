package dev.weft.payment;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * Money to be given back.
 *
 * @param cause who asked, in words that are the same whenever the same is asked
 * @param done how it ended, when the card network did it
 */
record Refund(
    UUID id, UUID paymentId, String cause, long amountMinor, State state, Optional<Done> done) {
  enum State {
    REQUESTED,
    DONE,
    REFUSED
  }

  /** What the payment's refunds came to with this one, and when. */
  record Done(long refundedAfterMinor, Instant time) {}

  /** The cause of giving back everything an order paid. */
  static String ofOrder(UUID orderId) {
    return "order:" + orderId;
  }

  /** The cause of a refund that somebody asked for with a request id. */
  static String ofRequest(String principal, String requestId) {
    return "request:" + principal + ":" + requestId;
  }
}
