package dev.weft.payment;

import com.google.protobuf.Timestamp;
import com.google.type.Money;
import dev.weft.durable.RequestIds;
import dev.weft.mesh.Rejection;
import dev.weft.shop.payment.v1.AuthorizeRequest;
import dev.weft.shop.payment.v1.LedgerEntry;
import dev.weft.shop.payment.v1.ListLedgerEntriesResponse;
import dev.weft.shop.payment.v1.ListPaymentsResponse;
import dev.weft.shop.payment.v1.RefundPaymentRequest;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Instant;
import java.util.Currency;
import java.util.HexFormat;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * From the contract's messages to the domain and back. Pure; refuses what is not in the contract.
 */
final class PaymentMessages {
  private static final Pattern UUID_TEXT =
      Pattern.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}");
  private static final int NANO_DIGITS = 9;

  private PaymentMessages() {}

  static Payments.Authorization authorization(AuthorizeRequest request) {
    return new Payments.Authorization(
        uuid("order_id", request.getOrderId()),
        uuid("user_id", request.getUserId()),
        amount("amount", request.getAmount()),
        request.getPaymentMethod(),
        request.getCommandId());
  }

  static Payments.RefundWish refundWish(
      RefundPaymentRequest request, String principal, String method) {
    UUID paymentId = uuid("payment_id", request.getPaymentId());
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

  static UUID uuid(String field, String value) {
    if (!UUID_TEXT.matcher(value).matches()) {
      throw Rejection.invalid(field, "must be a UUID");
    }
    return UUID.fromString(value);
  }

  /** Empty for the empty string, which means that the field was not set. */
  static Optional<UUID> uuidIfSet(String field, String value) {
    return value.isEmpty() ? Optional.empty() : Optional.of(uuid(field, value));
  }

  /** 0 means the default; more than the maximum means the maximum. */
  static int pageSize(int asked, int defaultSize, int maxSize) {
    if (asked < 0) {
      throw Rejection.invalid("page_size", "must not be negative");
    }
    return asked == 0 ? defaultSize : Math.min(asked, maxSize);
  }

  /** A positive amount in whole minor units of a currency in use. */
  static Amount amount(String field, Money money) {
    int digits = digits(field, money.getCurrencyCode());
    int nanosPerMinor = Math.powExact(10, NANO_DIGITS - digits);
    boolean signsDiffer = Long.signum(money.getUnits()) * Integer.signum(money.getNanos()) < 0;
    if (signsDiffer || Math.abs((long) money.getNanos()) > 999_999_999) {
      throw Rejection.invalid(field + ".nanos", "is no fraction of these units");
    }
    if (money.getNanos() % nanosPerMinor != 0) {
      throw Rejection.invalid(
          field + ".nanos", "is finer than the minor unit of " + money.getCurrencyCode());
    }
    long minor;
    try {
      minor =
          Math.addExact(
              Math.multiplyExact(money.getUnits(), (long) Math.powExact(10, digits)),
              money.getNanos() / nanosPerMinor);
    } catch (ArithmeticException e) {
      throw Rejection.invalid(field + ".units", "is too much");
    }
    if (minor <= 0) {
      throw Rejection.invalid(field, "must be positive");
    }
    return new Amount(minor, money.getCurrencyCode());
  }

  static Money money(Amount amount) {
    int digits = digits("amount", amount.currency());
    long minorPerUnit = Math.powExact(10, digits);
    return Money.newBuilder()
        .setCurrencyCode(amount.currency())
        .setUnits(amount.minor() / minorPerUnit)
        .setNanos((int) (amount.minor() % minorPerUnit * Math.powExact(10, NANO_DIGITS - digits)))
        .build();
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
        .setCreateTime(timestamp(payment.createTime()))
        .setUpdateTime(timestamp(payment.updateTime()))
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
        .setCreateTime(timestamp(entry.createTime()))
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

  private static int digits(String field, String currencyCode) {
    try {
      int digits = Currency.getInstance(currencyCode).getDefaultFractionDigits();
      if (digits >= 0) {
        return digits;
      }
    } catch (IllegalArgumentException e) {
      // Refused below, together with gold and other currencies without a minor unit.
    }
    throw Rejection.invalid(field + ".currency_code", "must be a currency of ISO 4217");
  }

  private static Timestamp timestamp(Instant instant) {
    return Timestamp.newBuilder()
        .setSeconds(instant.getEpochSecond())
        .setNanos(instant.getNano())
        .build();
  }

  private static String sha256(String text) {
    try {
      return HexFormat.of()
          .formatHex(
              MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
