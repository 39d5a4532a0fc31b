package dev.weft.inventory;

import static dev.weft.inventory.Shop.refused;
import static dev.weft.inventory.Shop.reserve;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Event;
import dev.weft.durable.Inbox;
import dev.weft.durable.UuidV7;
import dev.weft.events.EventPayloads;
import dev.weft.mesh.Rejection;
import dev.weft.shop.event.v1.OrderFacts;
import dev.weft.shop.event.v1.OrderRefundRequested;
import dev.weft.shop.event.v1.ReservationReturned;
import dev.weft.shop.inventory.v1.ConfirmReservationRequest;
import dev.weft.shop.inventory.v1.GetReservationRequest;
import dev.weft.shop.inventory.v1.ListStockMovementsRequest;
import dev.weft.shop.inventory.v1.ReleaseReservationRequest;
import dev.weft.shop.inventory.v1.Reservation;
import dev.weft.shop.inventory.v1.StockMovement;
import dev.weft.testkit.InProcessMesh;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Status;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What was sold comes back when the order is called off, however often that is said. */
final class CalledOffOrdersTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  private Shop shop;
  private CalledOffOrders calledOff;

  @BeforeEach
  void open() {
    shop = new Shop(mesh, postgres.database());
    shop.events.start();
    calledOff = new CalledOffOrders(shop.reservations);
  }

  @AfterEach
  void close() {
    shop.events.close();
  }

  @Test
  void allLinesComeBackAndThatIsSaid() {
    String mug = shop.stocked(10);
    String pot = shop.stocked(5);
    UUID order = sold(Map.of(mug, 3, pot, 5));

    deliver(refundRequested(order));

    shop.hasStock(mug, 10, 10, 0, 0);
    shop.hasStock(pot, 5, 5, 0, 0);
    assertThat(state(order)).isEqualTo(Reservation.State.STATE_RETURNED);
    assertThat(movements(mug))
        .extracting(StockMovement::getKind)
        .endsWith(StockMovement.Kind.KIND_CONFIRM, StockMovement.Kind.KIND_RETURN);
    await().until(() -> !said(order).isEmpty());
    ReservationReturned returned =
        EventPayloads.parse(said(order).getFirst(), ReservationReturned.getDefaultInstance());
    assertThat(returned.getOrderId()).isEqualTo(order.toString());
    assertThat(returned.getLinesList())
        .extracting(line -> line.getProductId() + " " + line.getQuantity())
        .containsExactlyInAnyOrder(mug + " 3", pot + " 5");
  }

  @Test
  void eachComesBackOnceThoughEveryEventArrivesThriceInAnyOrderAndAtTheSameTime() throws Exception {
    String mug = shop.stocked(100);
    List<UUID> orders = new ArrayList<>();
    List<Event> deliveries = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      UUID order = sold(Map.of(mug, 2));
      orders.add(order);
      deliveries.addAll(Collections.nCopies(3, refundRequested(order)));
    }
    UUID kept = sold(Map.of(mug, 4));
    Collections.shuffle(deliveries, new Random(7));

    List<Callable<Integer>> tries = new ArrayList<>();
    deliveries.forEach(event -> tries.add(() -> deliverPatiently(event)));
    try (var threads = Executors.newFixedThreadPool(4)) {
      for (Future<Integer> one : threads.invokeAll(tries)) {
        one.get();
      }
    }

    shop.hasStock(mug, 100, 96, 0, 4);
    assertThat(movements(mug))
        .filteredOn(movement -> movement.getKind() == StockMovement.Kind.KIND_RETURN)
        .extracting(StockMovement::getOrderId)
        .containsExactlyInAnyOrderElementsOf(orders.stream().map(UUID::toString).toList());
    assertThat(state(kept)).isEqualTo(Reservation.State.STATE_CONFIRMED);
    await().until(() -> orders.stream().allMatch(order -> said(order).size() == 1));
  }

  @Test
  void nothingComesBackTwiceThoughAnotherEventSaysTheSame() {
    String mug = shop.stocked(10);
    UUID order = sold(Map.of(mug, 3));

    deliver(refundRequested(order));
    deliver(refundRequested(order));

    shop.hasStock(mug, 10, 10, 0, 0);
    assertThat(movements(mug)).hasSize(4);
  }

  @Test
  void commandsOfTheSagaThatComeLateFindItDone() {
    String mug = shop.stocked(10);
    UUID order = sold(Map.of(mug, 3));
    deliver(refundRequested(order));

    assertThat(
            shop.orders().reserveStock(reserve(order.toString(), Map.of(mug, 3))).getReservation())
        .returns(Reservation.State.STATE_RETURNED, Reservation::getState);
    assertThat(shop.orders().confirmReservation(confirm(order)).getReservation())
        .returns(Reservation.State.STATE_RETURNED, Reservation::getState);
    refused(
        Status.Code.FAILED_PRECONDITION,
        "RESERVATION_CONFIRMED",
        () ->
            shop.orders()
                .releaseReservation(
                    ReleaseReservationRequest.newBuilder()
                        .setOrderId(order.toString())
                        .setCommandId(order + ":reserve:backward")
                        .build()));
    shop.hasStock(mug, 10, 10, 0, 0);
  }

  @Test
  void noGoodsComeBackThatCannotBeSaid() {
    String mug = shop.stocked(10);
    UUID order = sold(Map.of(mug, 3));
    Event event = refundRequested(order);
    try (var _ = postgres.refuse("outbox")) {
      assertThatThrownBy(() -> deliver(event)).hasMessageContaining("no rows for outbox");
      shop.hasStock(mug, 10, 7, 0, 3);
      assertThat(state(order)).isEqualTo(Reservation.State.STATE_CONFIRMED);
    }

    deliver(event);

    shop.hasStock(mug, 10, 10, 0, 0);
    await().until(() -> said(order).size() == 1);
  }

  @Test
  void whatWasNotSoldDoesNotComeBack() {
    String mug = shop.stocked(10);
    UUID order = UuidV7.next();
    shop.orders().reserveStock(reserve(order.toString(), Map.of(mug, 3)));

    assertThatThrownBy(() -> deliver(refundRequested(order)))
        .hasMessageContaining("nothing was sold to order " + order);
    assertThatThrownBy(() -> deliver(refundRequested(UuidV7.next())))
        .hasMessageContaining("no reservation");

    shop.hasStock(mug, 10, 7, 3, 0);
    shop.orders().confirmReservation(confirm(order));
    deliver(refundRequested(order));
    shop.hasStock(mug, 10, 10, 0, 0);
  }

  /** As the bus hands an event on: in one transaction with the memory of it. */
  private void deliver(Event event) {
    Inbox inbox = new Inbox(CalledOffOrders.CONSUMER, Inbox.Order.SOME_VERSIONS);
    postgres
        .database()
        .inTransactionVoid(
            tx ->
                inbox.receive(tx, event, Duration.ofSeconds(1), () -> calledOff.handle(tx, event)));
  }

  /** As the bus does when others keep the rows; says how often it had to. */
  private int deliverPatiently(Event event) {
    for (int failures = 0; ; failures++) {
      try {
        deliver(event);
        return failures;
      } catch (Rejection e) {
        assertThat(e.reason()).isEqualTo("STOCK_BUSY");
      }
    }
  }

  private UUID sold(Map<String, Integer> quantities) {
    UUID order = UuidV7.next();
    shop.orders().reserveStock(reserve(order.toString(), quantities));
    shop.orders().confirmReservation(confirm(order));
    return order;
  }

  private static ConfirmReservationRequest confirm(UUID order) {
    return ConfirmReservationRequest.newBuilder()
        .setOrderId(order.toString())
        .setCommandId(order + ":confirm:forward")
        .build();
  }

  private Reservation.State state(UUID order) {
    return shop.orders()
        .getReservation(GetReservationRequest.newBuilder().setOrderId(order.toString()).build())
        .getReservation()
        .getState();
  }

  private List<StockMovement> movements(String product) {
    return shop.orders()
        .listStockMovements(ListStockMovementsRequest.newBuilder().setProductId(product).build())
        .getMovementsList();
  }

  private List<Event> said(UUID order) {
    return shop.events.store().readAggregate("shop.reservation", order.toString(), 1, 10);
  }

  private static Event refundRequested(UUID order) {
    OrderRefundRequested payload =
        OrderRefundRequested.newBuilder()
            .setOrder(OrderFacts.newBuilder().setOrderId(order.toString()))
            .build();
    return new Event(
        1,
        UuidV7.next(),
        "order-svc",
        "shop.order.refund_requested",
        1,
        new Event.Aggregate("shop.order", order.toString(), 4),
        new Event.Content(
            "application/protobuf",
            payload.getDescriptorForType().getFullName(),
            payload.toByteArray()),
        new Event.Origin("test", Optional.empty(), Optional.empty()),
        Instant.EPOCH);
  }
}
