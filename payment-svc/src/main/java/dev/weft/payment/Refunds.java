package dev.weft.payment;

import dev.weft.durable.UuidV7;
import dev.weft.events.Cause;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/**
 * Begins refunds, and ends those that the card network refuses. What an administrator asked for is
 * over then. What is owed, because the order was called off, stays so: it is stalled, and asked for
 * again.
 *
 * <p>All methods run in the caller's transaction, which has locked the payment.
 */
final class Refunds {
  private final PaymentStore store;

  Refunds(PaymentStore store) {
    this.store = store;
  }

  /** Wants so much of a captured payment given back, because of what is done on this thread. */
  Payment begin(Handle tx, Payment payment, UUID refundId, String cause, long minor) {
    return begin(
        tx, payment, Refund.requested(refundId, payment.id(), cause, minor, Cause.current()));
  }

  private Payment begin(Handle tx, Payment payment, Refund refund) {
    store.insert(tx, refund);
    return store.save(tx, payment.refunding(refund.amountMinor()));
  }

  /**
   * Wants all that is left of a captured payment given back, and what others asked for as well
   * should the card network refuse them. A second time it changes nothing.
   */
  Payment oweAll(Handle tx, Payment payment) {
    store.oweBack(tx, payment.id(), Cause.current());
    return payment.refundableMinor() > 0
        ? begin(
            tx,
            payment,
            UuidV7.next(),
            Refund.ofOrder(payment.orderId()),
            payment.refundableMinor())
        : payment;
  }

  /** The card network refused it; the payment as it is then. */
  Payment refused(Handle tx, Payment payment, Refund refund, String code) {
    if (refund.owed()) {
      store.stall(tx, refund, code);
      return payment;
    }
    if (!store.refused(tx, refund, code)) {
      return payment;
    }
    Payment after = store.save(tx, payment.refundRefused(refund.amountMinor()));
    return store
        .owedBack(tx, payment.id())
        .map(origin -> begin(tx, after, insteadOf(refund, payment.orderId(), origin)))
        .orElse(after);
  }

  /** For what was owed already when the card network refused another refund of it. */
  private static Refund insteadOf(Refund refused, UUID orderId, Cause origin) {
    return Refund.requested(
        UuidV7.next(),
        refused.paymentId(),
        Refund.ofOrder(orderId, refused.id()),
        refused.amountMinor(),
        origin);
  }
}
