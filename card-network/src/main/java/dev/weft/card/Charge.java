package dev.weft.card;

import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * What the network knows of one merchant reference. Immutable: every operation makes the next one.
 *
 * @param id {@code ch_} and a number
 * @param reference the merchant's own word for it; one charge per reference, for ever
 * @param card the card's name as the merchant gave it
 * @param amount in minor units of the currency, positive
 * @param currency ISO 4217
 * @param captured 0, or the amount
 * @param refunds in the order they were made; their sum is at most what was captured
 * @param declineReason why the authorization was refused, if it was
 */
record Charge(
    String id,
    String reference,
    String card,
    long amount,
    String currency,
    Status status,
    long captured,
    List<Refund> refunds,
    Optional<String> declineReason,
    Instant createTime,
    Instant updateTime) {
  /** More than any shop needs, and a bound on what one charge can weigh. */
  static final int REFUNDS_MAX = 100;

  enum Status {
    AUTHORIZED,
    DECLINED,
    CAPTURED,
    VOIDED;

    String text() {
      return name().toLowerCase(Locale.ROOT);
    }

    static Status of(String text) {
      return valueOf(text.toUpperCase(Locale.ROOT));
    }
  }

  /**
   * Money given back.
   *
   * @param id the merchant's own word for it, once per charge
   * @param amount in minor units, positive
   */
  record Refund(String id, long amount) {}

  Charge {
    refunds = List.copyOf(refunds);
    // Of these there are few, and many charges that say them.
    card = Card.named(card).shared(card);
    currency = currency.intern();
    declineReason = declineReason.map(String::intern);
    updateTime = updateTime.equals(createTime) ? createTime : updateTime;
  }

  long refunded() {
    return refunds.stream().mapToLong(Refund::amount).sum();
  }

  Charge capture(Instant now) {
    if (status != Status.AUTHORIZED) {
      throw Refusal.conflict("not_authorized", "the charge is " + status.text());
    }
    return with(Status.CAPTURED, amount, refunds, now);
  }

  Charge release(Instant now) {
    if (status != Status.AUTHORIZED) {
      throw Refusal.conflict("not_authorized", "the charge is " + status.text());
    }
    return with(Status.VOIDED, 0, refunds, now);
  }

  Charge refund(Refund refund, Instant now) {
    if (status != Status.CAPTURED) {
      throw Refusal.conflict("not_captured", "the charge is " + status.text());
    }
    if (refunds.stream().anyMatch(made -> made.id().equals(refund.id()))) {
      throw Refusal.conflict("refund_exists", "this refundId was used for this charge");
    }
    if (refund.amount() > captured - refunded()) {
      throw Refusal.conflict("refund_exceeds_capture", "more than what is left of the capture");
    }
    if (refunds.size() == REFUNDS_MAX) {
      throw Refusal.conflict("too_many_refunds", "a charge has at most " + REFUNDS_MAX);
    }
    return with(status, captured, Stream.concat(refunds.stream(), Stream.of(refund)).toList(), now);
  }

  /** As it was after so many refunds, in the state it had then. */
  Charge asOf(Status then, int refundsThen, Instant time) {
    return with(then, then == Status.CAPTURED ? amount : 0, refunds.subList(0, refundsThen), time);
  }

  /** The same, made of what an earlier state of it holds in memory already. */
  Charge sharing(Charge before) {
    return before.with(status, captured, refunds, updateTime);
  }

  private Charge with(Status next, long capturedNext, List<Refund> refundsNext, Instant now) {
    return new Charge(
        id,
        reference,
        card,
        amount,
        currency,
        next,
        capturedNext,
        refundsNext,
        declineReason,
        createTime,
        now);
  }
}
