package dev.weft.order;

import static dev.weft.order.Shop.order;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Event;
import dev.weft.event.v1.ReadEventsRequest;
import dev.weft.events.EventPayloads;
import dev.weft.mesh.Rejection;
import dev.weft.order.Faults.Hold;
import dev.weft.order.Faults.When;
import dev.weft.shop.event.v1.OrderCancelled;
import dev.weft.shop.event.v1.OrderConfirmed;
import dev.weft.shop.event.v1.OrderFacts;
import dev.weft.shop.event.v1.SagaCompensated;
import dev.weft.shop.event.v1.SagaCompleted;
import dev.weft.shop.event.v1.SagaFacts;
import dev.weft.shop.event.v1.SagaStalled;
import dev.weft.shop.order.v1.CancelOrderRequest;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.Order.CancelReason;
import dev.weft.shop.order.v1.Order.State;
import dev.weft.testkit.PostgresExtension;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What order-svc says, and to whom. */
final class OrderEventsTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();

  @RegisterExtension final Shop shop = new Shop(postgres.database());

  private final UUID ann = UUID.randomUUID();
  private final Shop.Instance instance = shop.start(postgres.database());
  private final UUID product = shop.inventory.product(10, 1999, "EUR");

  @Test
  void saysEachChangeOfAnOrderThatIsConfirmed() {
    Order order = shop.ended(shop.place(ann, order("card_ok", product)));
    List<Event> events = instance.said(order, 3);
    assertThat(events)
        .extracting(Event::type)
        .containsExactly("shop.order.created", "shop.order.capture_begun", "shop.order.confirmed");
    OrderFacts facts =
        EventPayloads.parse(events.getLast(), OrderConfirmed.getDefaultInstance()).getOrder();
    assertThat(facts.getState()).isEqualTo(State.STATE_CONFIRMED);
    assertThat(facts.getOrderId()).isEqualTo(order.getOrderId());
    assertThat(facts.getUserId()).isEqualTo(ann.toString());
    assertThat(facts.getPaymentId()).isEqualTo(order.getPaymentId());
    assertThat(facts.getTotal()).isEqualTo(order.getTotal());
    assertThat(facts.getItems(0).getProductId()).isEqualTo(product.toString());
    assertThat('"' + Long.toString(facts.getVersion()) + '"').isEqualTo(order.getEtag());
  }

  @Test
  void saysThatAnOrderWasCalledOffAndThenThatItIsCancelled() {
    Hold hold = shop.faults.hold("authorize", When.BEFORE);
    Order placed = shop.place(ann, order("card_ok", product));
    shop.ordersAs(ann)
        .cancelOrder(
            CancelOrderRequest.newBuilder()
                .setOrderId(placed.getOrderId())
                .setRequestId("cancel")
                .build());
    hold.release();
    Order order = shop.ended(placed);
    List<Event> events = instance.said(order, 3);
    assertThat(events)
        .extracting(Event::type)
        .containsExactly(
            "shop.order.created", "shop.order.cancellation_requested", "shop.order.cancelled");
    assertThat(
            EventPayloads.parse(events.getLast(), OrderCancelled.getDefaultInstance())
                .getOrder()
                .getCancelReason())
        .isEqualTo(CancelReason.CANCEL_REASON_REQUESTED);
  }

  @Test
  void allEventsOfAnOrderLeadToTheRequestThatPlacedIt() {
    List<Event> events = instance.said(shop.ended(shop.place(ann, order("card_ok", product))), 3);
    Event created = events.getFirst();
    assertThat(created.origin().traceparent()).isPresent();
    assertThat(events)
        .allSatisfy(
            event -> {
              assertThat(event.origin().correlationId())
                  .isEqualTo(created.origin().correlationId());
              assertThat(event.origin().traceparent().orElse(""))
                  .contains(created.origin().correlationId());
            });
  }

  @Test
  void saysNoNameAndNoAddress() {
    List<Event> events = instance.said(shop.ended(shop.place(ann, order("card_ok", product))), 3);
    assertThat(events)
        .allSatisfy(
            event ->
                assertThat(new String(event.content().bytes(), StandardCharsets.ISO_8859_1))
                    .doesNotContain(Shop.ADDRESS.getName(), Shop.ADDRESS.getLine1(), "card_ok"));
  }

  @Test
  void saysNothingOfAnOrderThatWasRefused() {
    long before = instance.events.store().last();
    assertThatThrownBy(() -> shop.place(ann, order("card_ok", UUID.randomUUID()))).isNotNull();
    shop.ended(shop.place(ann, order("card_declined", product)));
    // Of the other one: that it was accepted, that it is cancelled, and that its saga has ended.
    await().until(() -> instance.events.store().last() == before + 3);
  }

  @Test
  void saysThatASagaIsComplete() {
    Order order = shop.ended(shop.place(ann, order("card_ok", product)));

    Event event = ofItsSaga(order, 1).getFirst();

    assertThat(event.type()).isEqualTo("shop.saga.completed");
    assertThat(event.origin().correlationId())
        .isEqualTo(instance.said(order, 3).getFirst().origin().correlationId());
    SagaFacts facts = EventPayloads.parse(event, SagaCompleted.getDefaultInstance()).getSaga();
    assertThat(facts)
        .isEqualTo(
            SagaFacts.newBuilder()
                .setSagaId(event.aggregate().id())
                .setSubject(order.getOrderId())
                .setDefinition(OrderSaga.NAME)
                .setVersion(1)
                .addAllDoneSteps(
                    List.of("check-user", "reserve", "authorize", "pin", "capture", "confirm"))
                .build());
  }

  @Test
  void saysThatASagaIsUndoneAndWhatWasRefused() {
    shop.faults.next("capture", When.BEFORE, () -> shop.payments.declineAll());
    Order order = shop.ended(shop.place(ann, order("card_ok", product)));

    Event event = ofItsSaga(order, 1).getFirst();

    SagaFacts facts = EventPayloads.parse(event, SagaCompensated.getDefaultInstance()).getSaga();
    assertThat(facts.getReason()).isEqualTo("PAYMENT_DECLINED");
    assertThat(facts.getRefusedStep()).isEqualTo("capture");
    assertThat(facts.getDoneStepsList())
        .containsExactly("check-user", "reserve", "authorize", "pin");
    assertThat(facts.getUndoneStepsList()).containsExactly("reserve", "authorize");
  }

  @Test
  void saysThatASagaStallsAndAfterwardsThatItIsUndone() {
    shop.faults.always(
        "release",
        () -> {
          throw Rejection.conflict("NOT_NOW", "the test has it so");
        });
    Order placed = shop.place(ann, order("card_declined", product));
    Event stalled = ofItsSaga(placed, 1).getFirst();
    assertThat(stalled.type()).isEqualTo("shop.saga.stalled");
    assertThat(
            EventPayloads.parse(stalled, SagaStalled.getDefaultInstance())
                .getSaga()
                .getUndoneStepsList())
        .isEmpty();

    shop.faults.heal("release");
    instance.sagas.retryNow(UUID.fromString(stalled.aggregate().id()));

    assertThat(ofItsSaga(placed, 2))
        .extracting(Event::type)
        .containsExactly("shop.saga.stalled", "shop.saga.compensated");
  }

  /** The events of an order's saga, once there are so many. */
  private List<Event> ofItsSaga(Order order, int count) {
    String saga = instance.sagas.ofSubject(order.getOrderId()).getFirst().id().toString();
    return await()
        .atMost(Duration.ofSeconds(20))
        .until(
            () -> instance.events.store().readAggregate("shop.saga", saga, 1, 100),
            read -> read.size() == count);
  }

  @Test
  void letsOthersReadWhatTheyAreListedFor() {
    Order order = shop.ended(shop.place(ann, order("card_ok", product)));
    instance.said(order, 3);
    ReadEventsRequest all =
        ReadEventsRequest.newBuilder().addTypes("shop.order.*").setPageSize(1_000).build();
    assertThat(shop.eventsAs("payment-svc").readEvents(all).getEventsList())
        .filteredOn(event -> event.getSubject().equals(order.getOrderId()))
        .hasSize(3);
    assertThatThrownBy(() -> shop.eventsAs("user-svc").readEvents(all))
        .hasMessageContaining("PERMISSION_DENIED");
  }
}
