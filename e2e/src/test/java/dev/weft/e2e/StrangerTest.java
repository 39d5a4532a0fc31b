package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.Descriptors.FileDescriptor;
import dev.weft.event.v1.Event;
import dev.weft.event.v1.EventLogServiceGrpc;
import dev.weft.event.v1.EventOptionsProto;
import dev.weft.event.v1.EventSubscription;
import dev.weft.event.v1.ReadEventsRequest;
import dev.weft.shop.notification.v1.Notification.Kind;
import dev.weft.shop.notification.v1.NotificationServiceProto;
import dev.weft.shop.shipping.v1.Shipment;
import dev.weft.shop.shipping.v1.ShippingServiceProto;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Services that are none of ours read what they are told, by the contract alone. */
@ExtendWith(SharedWeft.class)
final class StrangerTest {
  private static final String SHIPPING = "shipping-svc";
  private static final String NOTIFICATION = "notification-svc";
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private final Weft weft;
  private final Visitor customer;

  StrangerTest(Weft weft) {
    this.weft = weft;
    customer = Visitor.registered(weft);
  }

  @BeforeEach
  void giveThemKeys() {
    for (String service : List.of(SHIPPING, NOTIFICATION)) {
      assertThat(Command.weft("key", service, "--state", weft.folder().toString()).exitCode())
          .isZero();
    }
  }

  @Test
  void aShipmentIsPlannedOnceForEachConfirmedOrderAndStoppedWhenItIsCalledOff() {
    EventSubscription subscription = subscriptions(ShippingServiceProto.getDescriptor()).getFirst();
    Shipments shipments = new Shipments();
    String kept = placed("card_ok");
    String declined = placed("card_declined");
    String called = placed("card_ok");

    // One that dies before it says what it has handled.
    try (var _ = new Stranger(weft, SHIPPING, subscription, shipments::handle, false)) {
      await()
          .atMost(LIMIT)
          .until(() -> shipments.of(kept).isPresent() && shipments.of(called).isPresent());
    }
    callOff(called);
    try (var _ = new Stranger(weft, SHIPPING, subscription, shipments::handle, true)) {
      await()
          .atMost(LIMIT)
          .until(
              () ->
                  shipments
                      .of(called)
                      .filter(one -> one.getState() == Shipment.State.STATE_STOPPED)
                      .isPresent());
    }

    assertThat(shipments.duplicates()).isPositive();
    assertThat(shipments.plans(kept)).isEqualTo(1);
    assertThat(shipments.plans(called)).isEqualTo(1);
    assertThat(shipments.of(kept).orElseThrow().getState()).isEqualTo(Shipment.State.STATE_PLANNED);
    assertThat(shipments.of(kept).orElseThrow().getLinesList())
        .singleElement()
        .returns(2, line -> line.getQuantity());
    assertThat(shipments.of(declined)).isEmpty();
  }

  @Test
  void aCustomerIsToldOnceOfEachThingThatBecameOfAnOrder() {
    Map<String, Event> told = new ConcurrentHashMap<>();
    String order = placed("card_ok");
    callOff(order);
    List<Stranger> readers = new ArrayList<>();
    try {
      for (EventSubscription one : subscriptions(NotificationServiceProto.getDescriptor())) {
        readers.add(
            new Stranger(
                weft,
                NOTIFICATION,
                one,
                event -> told.putIfAbsent(event.getEventId(), event),
                true));
      }
      await()
          .atMost(LIMIT)
          .untilAsserted(
              () ->
                  assertThat(told.values())
                      .filteredOn(event -> event.getSubject().equals(order))
                      .extracting(StrangerTest::kind)
                      .containsExactlyInAnyOrder(
                          Kind.KIND_ORDER_CONFIRMED,
                          Kind.KIND_ORDER_REFUND_REQUESTED,
                          Kind.KIND_ORDER_REFUNDED));
      String payment = customer.get("/v1/orders/" + order).text("paymentId");
      await()
          .atMost(LIMIT)
          .untilAsserted(
              () ->
                  assertThat(told.values())
                      .filteredOn(event -> event.getSubject().equals(payment))
                      .extracting(StrangerTest::kind)
                      .containsExactly(Kind.KIND_PAYMENT_REFUNDED));
    } finally {
      readers.forEach(Stranger::close);
    }
  }

  @Test
  void nobodyReadsWhatIsNotForThem() {
    try (var payments = ServicePort.open(weft, "payment-svc")) {
      Status.Code code =
          await()
              .atMost(LIMIT)
              .until(
                  () ->
                      catchThrowableOfType(
                              StatusRuntimeException.class,
                              () ->
                                  EventLogServiceGrpc.newBlockingStub(payments.asService(SHIPPING))
                                      .withDeadlineAfter(10, TimeUnit.SECONDS)
                                      .readEvents(
                                          ReadEventsRequest.newBuilder()
                                              .addTypes("shop.payment.refunded")
                                              .build()))
                          .getStatus()
                          .getCode(),
                  // Until its key is known.
                  refusal -> refusal != Status.Code.UNAUTHENTICATED);
      assertThat(code).isEqualTo(Status.Code.PERMISSION_DENIED);
    }
  }

  private static Kind kind(Event event) {
    return switch (event.getType()) {
      case "shop.order.confirmed" -> Kind.KIND_ORDER_CONFIRMED;
      case "shop.order.cancelled" -> Kind.KIND_ORDER_CANCELLED;
      case "shop.order.refund_requested" -> Kind.KIND_ORDER_REFUND_REQUESTED;
      case "shop.order.refunded" -> Kind.KIND_ORDER_REFUNDED;
      case "shop.payment.refunded" -> Kind.KIND_PAYMENT_REFUNDED;
      default -> throw new AssertionError("not asked for: " + event.getType());
    };
  }

  /** What the contract says that a service reads. */
  private static List<EventSubscription> subscriptions(FileDescriptor contract) {
    return contract
        .getServices()
        .getFirst()
        .getOptions()
        .getExtension(EventOptionsProto.events)
        .getSubscriptionsList();
  }

  /** An order of two, once it has ended. */
  private String placed(String card) {
    String id =
        Orders.place(
            customer, UUID.randomUUID().toString(), Orders.of(weft.product("MUG-01"), 2, card));
    Orders.awaitEnd(customer, id);
    return id;
  }

  private void callOff(String order) {
    Answer called =
        customer.post("/v1/orders/" + order + ":cancel", UUID.randomUUID().toString(), Map.of());
    assertThat(called.status()).as("%s", called).isEqualTo(200);
    assertThat(called.text("state")).isEqualTo("STATE_REFUNDING");
  }
}
