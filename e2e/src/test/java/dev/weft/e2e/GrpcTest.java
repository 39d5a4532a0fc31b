package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.ListProductsRequest;
import dev.weft.shop.order.v1.Address;
import dev.weft.shop.order.v1.CreateOrderRequest;
import dev.weft.shop.order.v1.GetOrderRequest;
import dev.weft.shop.order.v1.NewOrderItem;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.OrderServiceGrpc;
import dev.weft.shop.order.v1.WatchOrderRequest;
import dev.weft.shop.payment.v1.CaptureRequest;
import dev.weft.shop.payment.v1.ListPaymentsRequest;
import dev.weft.shop.payment.v1.Payment;
import dev.weft.shop.payment.v1.PaymentServiceGrpc;
import dev.weft.shop.user.v1.GetMeRequest;
import dev.weft.shop.user.v1.UserServiceGrpc;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthCheckRequest;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.health.v1.HealthGrpc;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Generated stubs, straight to the port of each service, with certificates. */
@ExtendWith(SharedWeft.class)
final class GrpcTest {
  private static final int SECONDS = 10;

  private final Weft weft;
  private final Visitor customer;

  GrpcTest(Weft weft) {
    this.weft = weft;
    this.customer = Visitor.demo(weft);
  }

  @Test
  void anOrderPlacedByAStubIsWatchedUntilItIsConfirmed() {
    try (var port = ServicePort.open(weft, "order-svc")) {
      var orders = OrderServiceGrpc.newBlockingV2Stub(port.as(customer));
      var request =
          CreateOrderRequest.newBuilder()
              .addItems(
                  NewOrderItem.newBuilder().setProductId(weft.product("BOOK-02")).setQuantity(1))
              .setShippingAddress(
                  Address.newBuilder()
                      .setName("Ada Weaver")
                      .setLine1("Loom Street 1")
                      .setCity("Ghent")
                      .setPostalCode("9000")
                      .setCountryCode("BE"))
              .setPaymentMethod("card_ok")
              .setRequestId(UUID.randomUUID().toString())
              .build();

      Order order =
          orders.withDeadlineAfter(SECONDS, TimeUnit.SECONDS).createOrder(request).getOrder();

      assertThat(order.getState()).isEqualTo(Order.State.STATE_PENDING);
      var watch =
          OrderServiceGrpc.newBlockingStub(port.as(customer))
              .withDeadlineAfter(SECONDS, TimeUnit.SECONDS)
              .watchOrder(WatchOrderRequest.newBuilder().setOrderId(order.getOrderId()).build());
      Order.State last = Order.State.STATE_UNSPECIFIED;
      while (watch.hasNext()) {
        last = watch.next().getOrder().getState();
      }
      assertThat(last).isEqualTo(Order.State.STATE_CONFIRMED);
    } catch (io.grpc.StatusException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void everyServiceAnswersAStub() {
    try (var users = ServicePort.open(weft, "user-svc");
        var inventory = ServicePort.open(weft, "inventory-svc");
        var payments = ServicePort.open(weft, "payment-svc")) {
      assertThat(
              UserServiceGrpc.newBlockingStub(users.as(customer))
                  .withDeadlineAfter(SECONDS, TimeUnit.SECONDS)
                  .getMe(GetMeRequest.getDefaultInstance())
                  .getUser()
                  .getEmail())
          .isEqualTo(weft.demo().at("/customer/email").textValue());
      assertThat(
              InventoryServiceGrpc.newBlockingStub(inventory.asNobody())
                  .withDeadlineAfter(SECONDS, TimeUnit.SECONDS)
                  .listProducts(ListProductsRequest.newBuilder().setPageSize(3).build())
                  .getProductsList())
          .hasSize(3);
      assertThat(
              PaymentServiceGrpc.newBlockingStub(payments.as(customer))
                  .withDeadlineAfter(SECONDS, TimeUnit.SECONDS)
                  .listPayments(ListPaymentsRequest.getDefaultInstance())
                  .getPaymentsList())
          .extracting(Payment::getState)
          .doesNotContain(Payment.State.STATE_UNSPECIFIED);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"user-svc", "order-svc", "payment-svc", "inventory-svc"})
  void everyServiceSaysThatItServes(String service) {
    try (var port = ServicePort.open(weft, service)) {
      assertThat(
              HealthGrpc.newBlockingStub(port.asNobody())
                  .withDeadlineAfter(SECONDS, TimeUnit.SECONDS)
                  .check(HealthCheckRequest.getDefaultInstance())
                  .getStatus())
          .isEqualTo(ServingStatus.SERVING);
    }
  }

  @Test
  void aServiceChecksTheTokenItselfAndNamesTheReason() {
    try (var port = ServicePort.open(weft, "order-svc")) {
      var orders = OrderServiceGrpc.newBlockingStub(port.asNobody());
      var request = GetOrderRequest.newBuilder().setOrderId(UUID.randomUUID().toString()).build();

      var refused =
          catchThrowableOfType(
              StatusRuntimeException.class,
              () -> orders.withDeadlineAfter(SECONDS, TimeUnit.SECONDS).getOrder(request));

      assertThat(refused.getStatus().getCode()).isEqualTo(Status.Code.UNAUTHENTICATED);
      assertThat(ServicePort.errorInfo(refused).getReason()).isEqualTo("TOKEN_MISSING");
    }
  }

  @Test
  void aUserCannotCallWhatIsForServices() {
    try (var port = ServicePort.open(weft, "payment-svc")) {
      var payments = PaymentServiceGrpc.newBlockingStub(port.as(Visitor.admin(weft)));
      var request =
          CaptureRequest.newBuilder()
              .setOrderId(UUID.randomUUID().toString())
              .setCommandId("mine")
              .build();

      var refused =
          catchThrowableOfType(
              StatusRuntimeException.class,
              () -> payments.withDeadlineAfter(SECONDS, TimeUnit.SECONDS).capture(request));

      assertThat(ServicePort.errorInfo(refused).getReason()).isEqualTo("SERVICE_TOKEN_MISSING");
    }
  }
}
