package dev.weft.payment;

import com.google.type.Money;
import dev.weft.durable.CommandId;
import dev.weft.durable.RequestIds;
import dev.weft.mesh.MinorUnits;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.Timestamps;
import dev.weft.mesh.UuidText;
import dev.weft.shop.event.v1.PaymentRefunded;
import dev.weft.shop.payment.v1.AuthorizeRequest;
import dev.weft.shop.payment.v1.LedgerEntry;
import dev.weft.shop.payment.v1.ListLedgerEntriesResponse;
import dev.weft.shop.payment.v1.ListPaymentsResponse;
import dev.weft.shop.payment.v1.ListRefundsResponse;
import dev.weft.shop.payment.v1.RefundPaymentRequest;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Optional;
import java.util.UUID;

/**
 * From the contract's messages to the domain and back. Pure; refuses what is not in the contract.
 */
final class PaymentMessages {
  private PaymentMessages() {}

  static Payments.Authorization authorization(AuthorizeRequest request) {
    return new Payments.Authorization(
        UuidText.parse("order_id", request.getOrderId()),
        UuidText.parse("user_id", request.getUserId()),
        amount("amount", request.getAmount()),
        request.getPaymentMethod(),
        command(request.getCommandId()));
  }

  static CommandId command(String text) {
    try {
      return CommandId.parse(text);
    } catch (IllegalArgumentException e) {
      throw Rejection.invalid("command_id", "expected saga:step:direction");
    }
  }

  static Payments.RefundWish refundWish(
      RefundPaymentRequest request, String principal, String method) {
    UUID paymentId = UuidText.parse("payment_id", request.getPaymentId());
    Optional<Amount> amount =
        request.hasAmount() ? Optional.of(amount("amount", request.getAmount())) : Optional.empty();
    String canonical =
        paymentId + " " + amount.map(a -> a.minor() + " " + a.currency()).orElse("all");
    return new Payments.RefundWish(
        paymentId,
        amount,
        new RequestIds.Key(principal, method, request.getRequestId()),
        sha256(canonical));
  }

  private static Amount amount(String field, Money money) {
    return new Amount(MinorUnits.positive(field, money), money.getCurrencyCode());
  }

  private static Money money(Amount amount) {
    return MinorUnits.money(amount.minor(), amount.currency());
  }

  static dev.weft.shop.payment.v1.Payment payment(Payment payment) {
    return dev.weft.shop.payment.v1.Payment.newBuilder()
        .setPaymentId(payment.id().toString())
        .setOrderId(payment.orderId().toString())
        .setUserId(payment.userId().toString())
        .setAmount(money(payment.amount()))
        .setCapturedAmount(money(payment.amount().withMinor(payment.capturedMinor())))
        .setRefundedAmount(money(payment.amount().withMinor(payment.refundedMinor())))
        .setState(state(payment.state()))
        .setDeclineReason(payment.declineReason().orElse(""))
        .setCreateTime(Timestamps.of(payment.createTime()))
        .setUpdateTime(Timestamps.of(payment.updateTime()))
        .build();
  }

  static ListPaymentsResponse payments(Payments.Page<Payment> page) {
    return ListPaymentsResponse.newBuilder()
        .addAllPayments(page.rows().stream().map(PaymentMessages::payment).toList())
        .setNextPageToken(page.nextToken())
        .build();
  }

  static ListRefundsResponse refunds(Payments.Page<PaymentStore.ListedRefund> page) {
    return ListRefundsResponse.newBuilder()
        .addAllRefunds(page.rows().stream().map(PaymentMessages::refund).toList())
        .setNextPageToken(page.nextToken())
        .build();
  }

  static Optional<Refund.State> state(dev.weft.shop.payment.v1.Refund.State state) {
    return switch (state) {
      case STATE_UNSPECIFIED -> Optional.empty();
      case STATE_REQUESTED -> Optional.of(Refund.State.REQUESTED);
      case STATE_STALLED -> Optional.of(Refund.State.STALLED);
      case STATE_DONE -> Optional.of(Refund.State.DONE);
      case STATE_REFUSED -> Optional.of(Refund.State.REFUSED);
      case UNRECOGNIZED -> throw Rejection.invalid("state", "is not one of the states");
    };
  }

  /** That something was given back, as others need to know it. */
  static PaymentRefunded refunded(Payment payment, Refund refund) {
    return PaymentRefunded.newBuilder()
        .setPaymentId(payment.id().toString())
        .setOrderId(payment.orderId().toString())
        .setUserId(payment.userId().toString())
        .setRefundId(refund.id().toString())
        .setAmount(money(payment.amount().withMinor(refund.amountMinor())))
        .setRefundedAmount(money(payment.amount().withMinor(payment.refundedMinor())))
        .setCapturedAmount(money(payment.amount().withMinor(payment.capturedMinor())))
        .setState(state(payment.state()))
        .build();
  }

  static ListLedgerEntriesResponse ledger(Payments.Page<Ledger.Entry> page) {
    return ListLedgerEntriesResponse.newBuilder()
        .addAllEntries(page.rows().stream().map(PaymentMessages::entry).toList())
        .setNextPageToken(page.nextToken())
        .build();
  }

  private static LedgerEntry entry(Ledger.Entry entry) {
    return LedgerEntry.newBuilder()
        .setEntryId(entry.id())
        .setTransactionId(entry.transactionId().toString())
        .setPaymentId(entry.paymentId().toString())
        .setOrderId(entry.orderId().toString())
        .setAccount(entry.account())
        .setAmount(money(entry.amount()))
        .setCreateTime(Timestamps.of(entry.createTime()))
        .build();
  }

  static dev.weft.shop.payment.v1.Refund refund(PaymentStore.ListedRefund listed) {
    Refund refund = listed.refund();
    return dev.weft.shop.payment.v1.Refund.newBuilder()
        .setRefundId(refund.id().toString())
        .setPaymentId(refund.paymentId().toString())
        .setOrderId(listed.orderId().toString())
        .setAmount(money(listed.amount()))
        .setState(
            switch (refund.state()) {
              case REQUESTED -> dev.weft.shop.payment.v1.Refund.State.STATE_REQUESTED;
              case STALLED -> dev.weft.shop.payment.v1.Refund.State.STATE_STALLED;
              case DONE -> dev.weft.shop.payment.v1.Refund.State.STATE_DONE;
              case REFUSED -> dev.weft.shop.payment.v1.Refund.State.STATE_REFUSED;
            })
        .setRefusal(refund.refusal().orElse(""))
        .setCreateTime(Timestamps.of(listed.createTime()))
        .build();
  }

  private static dev.weft.shop.payment.v1.Payment.State state(PaymentState state) {
    return switch (state) {
      case AUTHORIZING -> dev.weft.shop.payment.v1.Payment.State.STATE_AUTHORIZING;
      case AUTHORIZED -> dev.weft.shop.payment.v1.Payment.State.STATE_AUTHORIZED;
      case CAPTURING -> dev.weft.shop.payment.v1.Payment.State.STATE_CAPTURING;
      case CAPTURED -> dev.weft.shop.payment.v1.Payment.State.STATE_CAPTURED;
      case VOIDED -> dev.weft.shop.payment.v1.Payment.State.STATE_VOIDED;
      case DECLINED -> dev.weft.shop.payment.v1.Payment.State.STATE_DECLINED;
      case REFUNDED -> dev.weft.shop.payment.v1.Payment.State.STATE_REFUNDED;
    };
  }

  static String sha256(String text) {
    try {
      return HexFormat.of()
          .formatHex(
              MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
