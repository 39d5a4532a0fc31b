package dev.weft.payment;

/** Where the money of an order is. */
enum PaymentState {
  /** The card network is asked to hold it; its answer is not known yet. */
  AUTHORIZING,
  /** Held on the card. */
  AUTHORIZED,
  /** The card network is asked to take it; its answer is not known yet. */
  CAPTURING,
  /** Taken. */
  CAPTURED,
  /** Given free before it was taken. */
  VOIDED,
  /** Refused by the card network. */
  DECLINED,
  /** Given back in full. */
  REFUNDED
}
