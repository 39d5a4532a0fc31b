package dev.weft.payment;

import com.google.type.Money;
import dev.weft.durable.CommandId;
import dev.weft.durable.RequestIds;
import dev.weft.mesh.MinorUnits;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.Timestamps;
import dev.weft.mesh.UuidText;
import dev.weft.shop.payment.v1.AuthorizeRequest;
import dev.weft.shop.payment.v1.LedgerEntry;
import dev.weft.shop.payment.v1.ListLedgerEntriesResponse;
import dev.weft.shop.payment.v1.ListPaymentsResponse;
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
