package dev.weft.payment;

import dev.weft.mesh.Caller;
import dev.weft.mesh.PageSize;
import dev.weft.mesh.UuidText;
import dev.weft.shop.payment.v1.AuthorizeRequest;
import dev.weft.shop.payment.v1.AuthorizeResponse;
import dev.weft.shop.payment.v1.CaptureRequest;
import dev.weft.shop.payment.v1.CaptureResponse;
import dev.weft.shop.payment.v1.GetPaymentRequest;
import dev.weft.shop.payment.v1.GetPaymentResponse;
import dev.weft.shop.payment.v1.ListLedgerEntriesRequest;
import dev.weft.shop.payment.v1.ListLedgerEntriesResponse;
import dev.weft.shop.payment.v1.ListPaymentsRequest;
import dev.weft.shop.payment.v1.ListPaymentsResponse;
import dev.weft.shop.payment.v1.ListRefundsRequest;
import dev.weft.shop.payment.v1.ListRefundsResponse;
import dev.weft.shop.payment.v1.PaymentServiceGrpc;
import dev.weft.shop.payment.v1.RefundPaymentRequest;
import dev.weft.shop.payment.v1.RefundPaymentResponse;
import dev.weft.shop.payment.v1.RefundRequest;
import dev.weft.shop.payment.v1.RefundResponse;
import dev.weft.shop.payment.v1.RetryRefundRequest;
import dev.weft.shop.payment.v1.RetryRefundResponse;
import dev.weft.shop.payment.v1.VoidRequest;
import dev.weft.shop.payment.v1.VoidResponse;
import io.grpc.stub.StreamObserver;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/** The gRPC face; decides nothing but whose payments a caller may see. */
final class PaymentService extends PaymentServiceGrpc.PaymentServiceImplBase {
  private static final PageSize PAYMENTS = new PageSize(50, 200);
  private static final PageSize LEDGER_ENTRIES = new PageSize(200, 1_000);

  private final Payments payments;

  PaymentService(Payments payments) {
    this.payments = payments;
  }

  @Override
  public void getPayment(GetPaymentRequest request, StreamObserver<GetPaymentResponse> reply) {
    Payment payment =
        payments.get(UuidText.parse("payment_id", request.getPaymentId()), visibleUser());
    answer(
        reply,
        GetPaymentResponse.newBuilder().setPayment(PaymentMessages.payment(payment)).build());
  }

  @Override
  public void listPayments(
      ListPaymentsRequest request, StreamObserver<ListPaymentsResponse> reply) {
    answer(
        reply,
        PaymentMessages.payments(
            payments.list(
                visibleUser(),
                UuidText.parseIfSet("order_id", request.getOrderId()),
                PAYMENTS.of(request.getPageSize()),
                request.getPageToken())));
  }

  @Override
  public void refundPayment(
      RefundPaymentRequest request, StreamObserver<RefundPaymentResponse> reply) {
    Payment payment =
        payments.refund(
            PaymentMessages.refundWish(
                request,
                Caller.current().requireUser().id(),
                PaymentServiceGrpc.getRefundPaymentMethod().getFullMethodName()));
    answer(
        reply,
        RefundPaymentResponse.newBuilder().setPayment(PaymentMessages.payment(payment)).build());
  }

  @Override
  public void listRefunds(ListRefundsRequest request, StreamObserver<ListRefundsResponse> reply) {
    answer(
        reply,
        PaymentMessages.refunds(
            payments.listRefunds(
                PaymentMessages.state(request.getState()),
                PAYMENTS.of(request.getPageSize()),
                request.getPageToken())));
  }

  @Override
  public void retryRefund(RetryRefundRequest request, StreamObserver<RetryRefundResponse> reply) {
    PaymentStore.ListedRefund refund =
        payments.retryRefund(UuidText.parse("refund_id", request.getRefundId()));
    answer(
        reply, RetryRefundResponse.newBuilder().setRefund(PaymentMessages.refund(refund)).build());
  }

  @Override
  public void authorize(AuthorizeRequest request, StreamObserver<AuthorizeResponse> reply) {
    Payment payment = payments.authorize(PaymentMessages.authorization(request));
    answer(
        reply, AuthorizeResponse.newBuilder().setPayment(PaymentMessages.payment(payment)).build());
  }

  @Override
  public void capture(CaptureRequest request, StreamObserver<CaptureResponse> reply) {
    Payment payment =
        payments.capture(UuidText.parse("order_id", request.getOrderId()), request.getCommandId());
    answer(
        reply, CaptureResponse.newBuilder().setPayment(PaymentMessages.payment(payment)).build());
  }

  @Override
  public void void_(VoidRequest request, StreamObserver<VoidResponse> reply) {
    VoidResponse.Builder response = VoidResponse.newBuilder();
    payments
        .release(
            UuidText.parse("order_id", request.getOrderId()),
            PaymentMessages.command(request.getCommandId()))
        .ifPresent(payment -> response.setPayment(PaymentMessages.payment(payment)));
    answer(reply, response.build());
  }

  @Override
  public void refund(RefundRequest request, StreamObserver<RefundResponse> reply) {
    Payment payment = payments.refundOrder(UuidText.parse("order_id", request.getOrderId()));
    answer(reply, RefundResponse.newBuilder().setPayment(PaymentMessages.payment(payment)).build());
  }

  @Override
  public void listLedgerEntries(
      ListLedgerEntriesRequest request, StreamObserver<ListLedgerEntriesResponse> reply) {
    answer(
        reply,
        PaymentMessages.ledger(
            payments.listLedger(
                orders(request),
                LEDGER_ENTRIES.of(request.getPageSize()),
                request.getPageToken())));
  }

  private static Set<UUID> orders(ListLedgerEntriesRequest request) {
    Set<UUID> orders = new HashSet<>();
    UuidText.parseIfSet("order_id", request.getOrderId()).ifPresent(orders::add);
    request.getOrderIdsList().forEach(id -> orders.add(UuidText.parse("order_ids", id)));
    return orders;
  }

  /** Whose payments the caller sees: their own, or everybody's, which is empty, for an admin. */
  private static Optional<UUID> visibleUser() {
    Caller.User user = Caller.current().requireUser();
    return user.admin()
        ? Optional.empty()
        : Optional.of(UuidText.parse("the token's subject", user.id()));
  }

  private static <T> void answer(StreamObserver<T> reply, T message) {
    reply.onNext(message);
    reply.onCompleted();
  }
}
