package dev.weft.order;

import dev.weft.mesh.MinorUnits;
import dev.weft.mesh.RemoteError;
import dev.weft.shop.payment.v1.AuthorizeRequest;
import dev.weft.shop.payment.v1.CaptureRequest;
import dev.weft.shop.payment.v1.PaymentServiceGrpc;
import dev.weft.shop.payment.v1.PaymentServiceGrpc.PaymentServiceBlockingStub;
import dev.weft.shop.payment.v1.VoidRequest;
import io.grpc.Channel;
import io.grpc.StatusRuntimeException;
import java.util.UUID;

/** What order-svc asks of payment-svc. A definite no is a {@link DefiniteRefusal}. */
final class PaymentClient {
  static final String SERVICE = "payment-svc";

  private final PaymentServiceBlockingStub payments;

  PaymentClient(Channel channel) {
    payments = PaymentServiceGrpc.newBlockingStub(channel);
  }

  /** Holds what the order costs on its card; returns the payment's id. */
  UUID authorize(Order order, String commandId) {
    AuthorizeRequest request =
        AuthorizeRequest.newBuilder()
            .setOrderId(order.id().toString())
            .setUserId(order.userId().toString())
            .setAmount(MinorUnits.money(order.total().minor(), order.total().currency()))
            .setPaymentMethod(order.paymentMethod())
            .setCommandId(commandId)
            .build();
    try {
      return UUID.fromString(payments.authorize(request).getPayment().getPaymentId());
    } catch (StatusRuntimeException e) {
      throw refused(e);
    }
  }

  /** Takes what is held. */
  void capture(UUID orderId, String commandId) {
    try {
      payments.capture(
          CaptureRequest.newBuilder()
              .setOrderId(orderId.toString())
              .setCommandId(commandId)
              .build());
    } catch (StatusRuntimeException e) {
      throw refused(e);
    }
  }

  /** Gives free what is held; an order that holds nothing will never hold anything. */
  void release(UUID orderId, String commandId) {
    payments.void_(
        VoidRequest.newBuilder().setOrderId(orderId.toString()).setCommandId(commandId).build());
  }

  private static RuntimeException refused(StatusRuntimeException e) {
    return switch (RemoteError.of(e.getStatus(), e.getTrailers()).reason()) {
      case "PAYMENT_DECLINED" -> new DefiniteRefusal(CancelReason.PAYMENT_DECLINED);
      // Given free meanwhile: no money is held, and none was taken.
      case "PAYMENT_VOIDED", "NOT_AUTHORIZED" -> new DefiniteRefusal(CancelReason.TIMED_OUT);
      // Also PAYMENT_NOT_FOUND: books that lost the payment cannot say that no money moved.
      default -> e;
    };
  }
}
