package dev.weft.payment;

import static dev.weft.payment.PaymentState.AUTHORIZED;
import static dev.weft.payment.PaymentState.AUTHORIZING;
import static dev.weft.payment.PaymentState.CAPTURED;
import static dev.weft.payment.PaymentState.CAPTURING;
import static dev.weft.payment.PaymentState.DECLINED;
import static dev.weft.payment.PaymentState.REFUNDED;
import static dev.weft.payment.PaymentState.VOIDED;

import java.time.Instant;
import java.util.Arrays;
import java.util.Optional;
import java.util.UUID;

/**
 * The money of one order, and the only ways it can move. Immutable and pure: {@link Payments} asks,
 * {@link Settlement} learns what the card network did, {@link PaymentStore} keeps.
 *
 * @param method what the card network knows the card by
 * @param capturedMinor 0, or the whole amount
 * @param refundRequestedMinor refunds that were done or that the card network is to be asked for
 * @param refundedMinor refunds that were done
 * @param chargeId the card network's name for it, once known
 * @param declineReason the card network's word, when DECLINED
 * @param commands who asked for what, by command id
 */
record Payment(
    UUID id,
    UUID orderId,
    UUID userId,
    Amount amount,
    String method,
    PaymentState state,
    long capturedMinor,
    long refundRequestedMinor,
    long refundedMinor,
    Optional<String> chargeId,
    Optional<String> declineReason,
    Commands commands,
    Instant createTime,
    Instant updateTime) {

  /**
   * The command ids a payment was moved by.
   *
   * @param release of the void; present from the moment it is wanted
   */
  record Commands(String authorize, Optional<String> capture, Optional<String> release) {
    static Commands authorize(String commandId) {
      return new Commands(commandId, Optional.empty(), Optional.empty());
    }
  }

  /** What the card network is to be asked next. */
  enum Step {
    AUTHORIZE,
    CAPTURE,
    RELEASE,
    REFUND
  }

  /** What is left to do at the card network; empty when the payment is at rest. */
  Optional<Step> next() {
    return Optional.ofNullable(
        switch (state) {
          case AUTHORIZING -> Step.AUTHORIZE;
          case AUTHORIZED -> released() ? Step.RELEASE : null;
          case CAPTURING -> Step.CAPTURE;
          case CAPTURED -> refundRequestedMinor > refundedMinor ? Step.REFUND : null;
          case VOIDED, DECLINED, REFUNDED -> null;
        });
  }

  /** Whether it is to be given free, or was. */
  boolean released() {
    return commands.release().isPresent();
  }

  /** Whether it can be captured now. */
  boolean capturable() {
    return state == AUTHORIZED && !released();
  }

  /** What is neither given back nor about to be. */
  long refundableMinor() {
    return capturedMinor - refundRequestedMinor;
  }

  /** Whether the same was asked for before, whatever became of it. */
  boolean sameRequest(UUID user, Amount wanted, String card) {
    return userId.equals(user) && amount.equals(wanted) && method.equals(card);
  }

  /** The network holds the money. */
  Payment authorized(String charge) {
    return from(AUTHORIZING).with(AUTHORIZED, 0, Optional.of(charge), Optional.empty(), commands);
  }

  /** The network refused for good. */
  Payment declined(String reason) {
    return from(AUTHORIZING, CAPTURING).with(DECLINED, 0, chargeId, Optional.of(reason), commands);
  }

  /** The network is about to be asked to take it. */
  Payment capturing(String commandId) {
    if (released()) {
      throw new IllegalStateException("payment " + id + " is to be given free");
    }
    return from(AUTHORIZED)
        .with(
            CAPTURING,
            0,
            chargeId,
            Optional.empty(),
            new Commands(commands.authorize(), Optional.of(commandId), Optional.empty()));
  }

  /** The network took it. Also out of AUTHORIZED, when books restored from a backup are behind. */
  Payment captured() {
    return from(CAPTURING, AUTHORIZED)
        .with(CAPTURED, amount.minor(), chargeId, Optional.empty(), commands);
  }

  /** It is to be given free as soon as it is held. */
  Payment releasing(String commandId) {
    return from(AUTHORIZING, AUTHORIZED)
        .with(
            state,
            0,
            chargeId,
            Optional.empty(),
            new Commands(
                commands.authorize(),
                commands.capture(),
                commands.release().or(() -> Optional.of(commandId))));
  }

  /** The network gave it free. */
  Payment voided() {
    return from(AUTHORIZING, AUTHORIZED).with(VOIDED, 0, chargeId, Optional.empty(), commands);
  }

  /** The network is about to be asked to give so much back. */
  Payment refunding(long minor) {
    if (minor < 1 || minor > refundableMinor()) {
      throw new IllegalStateException("payment " + id + " cannot give back " + minor);
    }
    return from(CAPTURED).withRefunds(CAPTURED, refundRequestedMinor + minor, refundedMinor);
  }

  /** The network gave so much back. */
  Payment refunded(long minor) {
    long done = refundedMinor + minor;
    return from(CAPTURED)
        .withRefunds(done == capturedMinor ? REFUNDED : CAPTURED, refundRequestedMinor, done);
  }

  /** The network refused to give so much back. */
  Payment refundRefused(long minor) {
    return from(CAPTURED).withRefunds(CAPTURED, refundRequestedMinor - minor, refundedMinor);
  }

  /** As it was when its refunds came to so much, at that time: a refund's answer, told again. */
  Payment asOfRefund(long refundedThen, Instant then) {
    return new Payment(
        id,
        orderId,
        userId,
        amount,
        method,
        refundedThen == capturedMinor ? REFUNDED : CAPTURED,
        capturedMinor,
        refundedThen,
        refundedThen,
        chargeId,
        declineReason,
        commands,
        createTime,
        then);
  }

  private Payment from(PaymentState... allowed) {
    if (!Arrays.asList(allowed).contains(state)) {
      throw new IllegalStateException(
          "payment " + id + " is " + state + " (expected: " + Arrays.toString(allowed) + ")");
    }
    return this;
  }

  private Payment with(
      PaymentState next,
      long captured,
      Optional<String> charge,
      Optional<String> reason,
      Commands by) {
    return new Payment(
        id,
        orderId,
        userId,
        amount,
        method,
        next,
        captured,
        refundRequestedMinor,
        refundedMinor,
        charge,
        reason,
        by,
        createTime,
        updateTime);
  }

  private Payment withRefunds(PaymentState next, long requested, long done) {
    return new Payment(
        id,
        orderId,
        userId,
        amount,
        method,
        next,
        capturedMinor,
        requested,
        done,
        chargeId,
        declineReason,
        commands,
        createTime,
        updateTime);
  }
}
