package dev.weft.order;

import dev.weft.mesh.Rejection;
import dev.weft.shop.payment.v1.AuthorizeRequest;
import dev.weft.shop.payment.v1.AuthorizeResponse;
import dev.weft.shop.payment.v1.CaptureRequest;
import dev.weft.shop.payment.v1.CaptureResponse;
import dev.weft.shop.payment.v1.Payment;
import dev.weft.shop.payment.v1.PaymentServiceGrpc;
import dev.weft.shop.payment.v1.VoidRequest;
import dev.weft.shop.payment.v1.VoidResponse;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.stub.StreamObserver;
import io.opentelemetry.api.trace.Span;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/** A till in memory that keeps the contract of payment-svc. */
final class FakePayments extends PaymentServiceGrpc.PaymentServiceImplBase {
  private final Faults faults;

  // All guarded by this.
  private final Map<String, Payment> payments = new HashMap<>();
  private final List<String> commands = new ArrayList<>();
  private final Map<String, Duration> patience = new HashMap<>();
  private final Set<String> traces = new HashSet<>();
  private int captures;

  FakePayments(Faults faults) {
    this.faults = faults;
  }

  synchronized Payment.State state(String orderId) {
    return payments.getOrDefault(orderId, Payment.getDefaultInstance()).getState();
  }

  synchronized Payment payment(String orderId) {
    return payments.getOrDefault(orderId, Payment.getDefaultInstance());
  }

  /** Command ids as they came, attempts included. */
  synchronized List<String> commands() {
    return List.copyOf(commands);
  }

  /** How often money was really taken. */
  synchronized int captures() {
    return captures;
  }

  /** How long the last caller of a method was ready to wait. */
  synchronized Duration patience(String method) {
    return Objects.requireNonNull(patience.get(method));
  }

  @Override
  public void authorize(AuthorizeRequest request, StreamObserver<AuthorizeResponse> reply) {
    noteCall("authorize");
    answer(
        reply,
        faults.around(
            "authorize",
            () -> AuthorizeResponse.newBuilder().setPayment(authorize(request)).build()));
  }

  @Override
  public void capture(CaptureRequest request, StreamObserver<CaptureResponse> reply) {
    noteCall("capture");
    answer(
        reply,
        faults.around(
            "capture", () -> CaptureResponse.newBuilder().setPayment(capture(request)).build()));
  }

  @Override
  public void void_(VoidRequest request, StreamObserver<VoidResponse> reply) {
    answer(
        reply,
        faults.around(
            "void", () -> VoidResponse.newBuilder().setPayment(release(request)).build()));
  }

  /** The traces that calls came in. */
  synchronized Set<String> traces() {
    return Set.copyOf(traces);
  }

  private synchronized void noteCall(String method) {
    traces.add(Span.current().getSpanContext().getTraceId());
    Deadline deadline = Objects.requireNonNull(Context.current().getDeadline());
    patience.put(method, Duration.ofMillis(deadline.timeRemaining(TimeUnit.MILLISECONDS)));
  }

  private synchronized Payment authorize(AuthorizeRequest request) {
    commands.add(request.getCommandId());
    Payment payment =
        payments.computeIfAbsent(
            request.getOrderId(),
            orderId ->
                Payment.newBuilder()
                    .setPaymentId(UUID.randomUUID().toString())
                    .setOrderId(orderId)
                    .setUserId(request.getUserId())
                    .setAmount(request.getAmount())
                    .setState(
                        request.getPaymentMethod().equals("card_declined")
                            ? Payment.State.STATE_DECLINED
                            : Payment.State.STATE_AUTHORIZED)
                    .build());
    return switch (payment.getState()) {
      case STATE_DECLINED -> throw declined();
      case STATE_VOIDED -> throw Rejection.notAllowedNow("PAYMENT_VOIDED", "it was given free");
      default -> payment;
    };
  }

  private synchronized Payment capture(CaptureRequest request) {
    commands.add(request.getCommandId());
    Payment payment = payments.get(request.getOrderId());
    if (payment == null) {
      throw Rejection.notFound("PAYMENT_NOT_FOUND", "no such payment");
    }
    return switch (payment.getState()) {
      case STATE_CAPTURED -> payment;
      case STATE_AUTHORIZED -> {
        captures++;
        yield put(payment, Payment.State.STATE_CAPTURED);
      }
      case STATE_DECLINED -> throw declined();
      default -> throw Rejection.notAllowedNow("NOT_AUTHORIZED", "it was given free");
    };
  }

  private synchronized Payment release(VoidRequest request) {
    commands.add(request.getCommandId());
    Payment payment =
        payments.getOrDefault(
            request.getOrderId(), Payment.newBuilder().setOrderId(request.getOrderId()).build());
    return switch (payment.getState()) {
      case STATE_CAPTURED -> throw Rejection.notAllowedNow("ALREADY_CAPTURED", "it was captured");
      case STATE_DECLINED -> payment;
      default -> put(payment, Payment.State.STATE_VOIDED);
    };
  }

  /** All cards turn out to be blocked after all. */
  synchronized void declineAll() {
    List.copyOf(payments.values()).forEach(one -> put(one, Payment.State.STATE_DECLINED));
  }

  private Payment put(Payment payment, Payment.State state) {
    Payment moved = payment.toBuilder().setState(state).build();
    payments.put(payment.getOrderId(), moved);
    return moved;
  }

  private static Rejection declined() {
    return Rejection.notAllowedNow("PAYMENT_DECLINED", "the card was declined")
        .with("decline_reason", "card_declined");
  }

  private static <T> void answer(StreamObserver<T> reply, T message) {
    reply.onNext(message);
    reply.onCompleted();
  }
}
