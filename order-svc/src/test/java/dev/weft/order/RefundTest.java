package dev.weft.order;

import static dev.weft.order.Refused.refused;
import static dev.weft.order.Shop.order;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.Message;
import dev.weft.durable.Event;
import dev.weft.durable.Inbox;
import dev.weft.durable.UuidV7;
import dev.weft.events.EventHandler;
import dev.weft.events.EventPayloads;
import dev.weft.order.Faults.Hold;
import dev.weft.order.Faults.When;
import dev.weft.shop.event.v1.OrderRefundRequested;
import dev.weft.shop.event.v1.PaymentRefunded;
import dev.weft.shop.event.v1.ReservationReturned;
import dev.weft.shop.order.v1.CancelOrderRequest;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.Order.CancelReason;
import dev.weft.shop.order.v1.Order.State;
import dev.weft.shop.order.v1.WatchOrderRequest;
import dev.weft.shop.order.v1.WatchOrderResponse;
import dev.weft.shop.payment.v1.Payment;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Status;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** From CONFIRMED to REFUNDED, by what other services say. */
final class RefundTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();

  @RegisterExtension final Shop shop = new Shop(postgres.database());

  private final UUID ann = UUID.randomUUID();
  private final Shop.Instance instance = shop.start(postgres.database());
  private final UUID product = shop.inventory.product(100, 1999, "EUR");

  @Test
  void aConfirmedOrderThatIsCalledOffIsOnItsWayBackAndThatIsSaidOnce() {
    Order order = confirmed();
    CancelOrderRequest cancel = cancel(order);

    Order called = shop.ordersAs(ann).cancelOrder(cancel).getOrder();

    assertThat(called.getState()).isEqualTo(State.STATE_REFUNDING);
    assertThat(called.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_UNSPECIFIED);
    assertThat(shop.get(order.getOrderId())).isEqualTo(called);
    assertThat(shop.ordersAs(ann).cancelOrder(cancel).getOrder()).isEqualTo(called);
    assertThat(shop.ordersAs(ann).cancelOrder(cancel(order)).getOrder()).isEqualTo(called);
    List<Event> said = instance.said(order, 4);
    assertThat(said.getLast().type()).isEqualTo("shop.order.refund_requested");
    assertThat(
            EventPayloads.parse(said.getLast(), OrderRefundRequested.getDefaultInstance())
                .getOrder()
                .getState())
        .isEqualTo(State.STATE_REFUNDING);
  }

  @Test
  void isRefundedOnceMoneyAndGoodsAreBackAndNotBefore() {
    for (boolean moneyFirst : List.of(true, false)) {
      Order order = called();

      deliver(moneyFirst ? moneyBack(order) : goodsBack(order));
      assertThat(shop.get(order.getOrderId()).getState()).isEqualTo(State.STATE_REFUNDING);
      deliver(moneyFirst ? goodsBack(order) : moneyBack(order));

      Order refunded = shop.get(order.getOrderId());
      assertThat(refunded.getState()).isEqualTo(State.STATE_REFUNDED);
      refused(
          Status.Code.FAILED_PRECONDITION,
          "ORDER_NOT_CANCELLABLE",
          () -> shop.ordersAs(ann).cancelOrder(cancel(order)));
    }
  }

  @Test
  void eachIsRefundedOnceThoughEveryEventArrivesThriceInAnyOrderAndAtTheSameTime()
      throws Exception {
    List<Order> orders = new ArrayList<>();
    List<Callable<Void>> deliveries = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      Order order = called();
      orders.add(order);
      for (Said said : List.of(moneyBack(order), goodsBack(order))) {
        deliveries.addAll(
            Collections.nCopies(
                3,
                () -> {
                  deliver(said);
                  return null;
                }));
      }
    }
    Collections.shuffle(deliveries, new Random(7));

    try (var threads = Executors.newFixedThreadPool(4)) {
      for (Future<Void> one : threads.invokeAll(deliveries)) {
        one.get();
      }
    }

    for (Order order : orders) {
      assertThat(shop.get(order.getOrderId()).getState()).isEqualTo(State.STATE_REFUNDED);
      assertThat(instance.said(order, 5))
          .extracting(Event::type)
          .containsExactly(
              "shop.order.created",
              "shop.order.capture_begun",
              "shop.order.confirmed",
              "shop.order.refund_requested",
              "shop.order.refunded");
    }
  }

  @Test
  void anOrderFollowsWhenAnAdministratorGaveAllOfItsMoneyBackAndNotForLess() {
    Order order = confirmed();

    deliver(refunded(order, Payment.State.STATE_CAPTURED));
    assertThat(shop.get(order.getOrderId()).getState()).isEqualTo(State.STATE_CONFIRMED);

    deliver(refunded(order, Payment.State.STATE_REFUNDED));
    assertThat(shop.get(order.getOrderId()).getState()).isEqualTo(State.STATE_REFUNDING);
    List<Event> said = instance.said(order, 4);
    assertThat(said.getLast().type()).isEqualTo("shop.order.refund_requested");

    deliver(goodsBack(order));
    assertThat(shop.get(order.getOrderId()).getState()).isEqualTo(State.STATE_REFUNDED);
  }

  @Test
  void moneyThatIsBackBeforeTheOrderIsConfirmedIsNotForgotten() {
    Hold hold = shop.faults.hold("confirm", When.BEFORE);
    Order placed = shop.place(ann, order("card_ok", product));
    hold.awaitCall();

    deliver(moneyBack(placed));
    assertThat(shop.get(placed.getOrderId()).getState()).isEqualTo(State.STATE_PENDING);
    hold.release();

    assertThat(shop.ended(placed).getState()).isEqualTo(State.STATE_REFUNDING);
    assertThat(instance.said(placed, 4))
        .extracting(Event::type)
        .endsWith("shop.order.confirmed", "shop.order.refund_requested");
    deliver(goodsBack(placed));
    assertThat(shop.get(placed.getOrderId()).getState()).isEqualTo(State.STATE_REFUNDED);
  }

  @Test
  void nothingHappensToAnOrderThatCannotBeSaid() {
    Order order = confirmed();
    try (var _ = postgres.refuse("outbox")) {
      assertThatThrownBy(() -> shop.ordersAs(ann).cancelOrder(cancel(order)))
          .hasMessageContaining("INTERNAL");
    }
    assertThat(shop.get(order.getOrderId())).isEqualTo(order);
    Order called = shop.ordersAs(ann).cancelOrder(cancel(order)).getOrder();
    deliver(moneyBack(called));
    Said last = goodsBack(called);
    try (var _ = postgres.refuse("outbox")) {
      assertThatThrownBy(() -> deliver(last)).hasMessageContaining("no rows for outbox");
      assertThat(shop.get(order.getOrderId()).getState()).isEqualTo(State.STATE_REFUNDING);
    }

    deliver(last);

    assertThat(shop.get(order.getOrderId()).getState()).isEqualTo(State.STATE_REFUNDED);
    assertThat(instance.said(order, 5).getLast().type()).isEqualTo("shop.order.refunded");
  }

  @Test
  void whatCannotBeIsNotTakenIn() {
    Order confirmed = confirmed();
    Order cancelled = shop.ended(shop.place(ann, order("card_declined", product)));

    assertThatThrownBy(() -> deliver(goodsBack(confirmed))).hasMessageContaining("CONFIRMED");
    assertThatThrownBy(() -> deliver(moneyBack(cancelled))).hasMessageContaining("CANCELLED");
    assertThatThrownBy(
            () ->
                deliver(
                    goodsBack(Order.newBuilder().setOrderId(UUID.randomUUID().toString()).build())))
        .hasMessageContaining("there is no order");

    assertThat(shop.get(confirmed.getOrderId())).isEqualTo(confirmed);
    assertThat(shop.get(cancelled.getOrderId())).isEqualTo(cancelled);
  }

  @Test
  void whoeverWatchesIsToldWhenItIsRefunded() {
    Order order = called();
    Iterator<WatchOrderResponse> changes =
        shop.ordersAs(ann)
            .watchOrder(WatchOrderRequest.newBuilder().setOrderId(order.getOrderId()).build());
    assertThat(changes.next().getOrder().getState()).isEqualTo(State.STATE_REFUNDING);

    deliver(moneyBack(order));
    deliver(goodsBack(order));

    assertThat(changes.next().getOrder().getState()).isEqualTo(State.STATE_REFUNDED);
    assertThat(changes.hasNext()).isFalse();
  }

  @Test
  void nobodyCallsOffTheOrderOfAnother() {
    Order order = confirmed();

    refused(
        Status.Code.NOT_FOUND,
        "ORDER_NOT_FOUND",
        () -> shop.ordersAs(UUID.randomUUID()).cancelOrder(cancel(order)));
    assertThat(shop.ordersAs(Shop.ADMIN, "admin").cancelOrder(cancel(order)).getOrder().getState())
        .isEqualTo(State.STATE_REFUNDING);
  }

  /** An event and who hears it. */
  private record Said(String consumer, EventHandler handler, Event event) {}

  private Order confirmed() {
    return shop.ended(shop.place(ann, order("card_ok", product)));
  }

  private Order called() {
    return shop.ordersAs(ann).cancelOrder(cancel(confirmed())).getOrder();
  }

  private static CancelOrderRequest cancel(Order order) {
    return CancelOrderRequest.newBuilder()
        .setOrderId(order.getOrderId())
        .setRequestId("cancel-" + UUID.randomUUID())
        .build();
  }

  /** As the bus hands an event on: in one transaction with the memory of it. */
  private void deliver(Said said) {
    Inbox inbox = new Inbox(said.consumer(), Inbox.Order.SOME_VERSIONS);
    postgres
        .database()
        .inTransactionVoid(
            tx ->
                inbox.receive(
                    tx,
                    said.event(),
                    Duration.ofSeconds(1),
                    () -> {
                      try {
                        said.handler().handle(tx, said.event());
                      } catch (RuntimeException e) {
                        throw e;
                      } catch (Exception e) {
                        throw new AssertionError(e);
                      }
                    }));
  }

  private Said moneyBack(Order order) {
    return refunded(order, Payment.State.STATE_REFUNDED);
  }

  private Said refunded(Order order, Payment.State state) {
    PaymentRefunded payload =
        PaymentRefunded.newBuilder().setOrderId(order.getOrderId()).setState(state).build();
    return new Said(
        RefundedPayments.CONSUMER,
        new RefundedPayments(instance.returns),
        event("shop.payment.refunded", payload));
  }

  private Said goodsBack(Order order) {
    ReservationReturned payload =
        ReservationReturned.newBuilder().setOrderId(order.getOrderId()).build();
    return new Said(
        ReturnedGoods.CONSUMER,
        new ReturnedGoods(instance.returns),
        event("shop.reservation.returned", payload));
  }

  private static Event event(String type, Message payload) {
    return new Event(
        1,
        UuidV7.next(),
        "test",
        type,
        1,
        new Event.Aggregate(
            type.substring(0, type.lastIndexOf('.')), UUID.randomUUID().toString(), 1),
        new Event.Content(
            "application/protobuf",
            payload.getDescriptorForType().getFullName(),
            payload.toByteArray()),
        new Event.Origin("test", Optional.empty(), Optional.empty()),
        Instant.EPOCH);
  }
}
