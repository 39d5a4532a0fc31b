package dev.weft.payment;

import dev.weft.events.Cause;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * Money to be given back.
 *
 * @param cause who asked, in words that are the same whenever the same is asked
 * @param done how it ended, when the card network did it
 * @param refusal the card network's last word, when it refuses or refused
 * @param origin what led to it, for what is said when it is done
 */
record Refund(
    UUID id,
    UUID paymentId,
    String cause,
    long amountMinor,
    State state,
    Optional<Done> done,
    Optional<String> refusal,
    Cause origin) {
  private static final String OF_ORDER = "order:";

  enum State {
    REQUESTED,
    /** Owed, and refused by the card network, which is asked again all the same. */
    STALLED,
    DONE,
    REFUSED
  }

  /** What the payment's refunds came to with this one, and when. */
  record Done(long refundedAfterMinor, Instant time) {}

  /** One that the card network is to be asked for. */
  static Refund requested(UUID id, UUID paymentId, String cause, long amountMinor, Cause origin) {
    return new Refund(
        id,
        paymentId,
        cause,
        amountMinor,
        State.REQUESTED,
        Optional.empty(),
        Optional.empty(),
        origin);
  }

  /** The cause of giving back everything an order paid. */
  static String ofOrder(UUID orderId) {
    return OF_ORDER + orderId;
  }

  /** The cause of giving back what is left of that because another refund was refused. */
  static String ofOrder(UUID orderId, UUID insteadOf) {
    return OF_ORDER + orderId + ":" + insteadOf;
  }

  /** The cause of a refund that somebody asked for with a request id. */
  static String ofRequest(String principal, String requestId) {
    return "request:" + principal + ":" + requestId;
  }

  /** Whether the card network is asked for it no more. */
  boolean ended() {
    return state == State.DONE || state == State.REFUSED;
  }

  /** Whether it has to be made, whatever the card network says. */
  boolean owed() {
    return cause.startsWith(OF_ORDER);
  }
}
