package dev.weft.order;

/**
 * Another service said no, for good, to a step of an order: the order is to be cancelled. Anything
 * else that a call throws leaves the outcome open.
 */
final class DefiniteRefusal extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final CancelReason reason;

  DefiniteRefusal(CancelReason reason) {
    super(reason.name(), null, false, false);
    this.reason = reason;
  }

  CancelReason reason() {
    return reason;
  }
}
