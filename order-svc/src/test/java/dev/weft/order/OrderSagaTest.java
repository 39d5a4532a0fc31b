package dev.weft.order;

import static dev.weft.order.Refused.refused;
import static dev.weft.order.Shop.order;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Database;
import dev.weft.durable.SagaSettings;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.RemoteError;
import dev.weft.order.Faults.Hold;
import dev.weft.order.Faults.When;
import dev.weft.shop.inventory.v1.Reservation;
import dev.weft.shop.order.v1.CancelOrderRequest;
import dev.weft.shop.order.v1.GetSagaRequest;
import dev.weft.shop.order.v1.ListSagasRequest;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.Order.CancelReason;
import dev.weft.shop.order.v1.Order.State;
import dev.weft.shop.order.v1.OrderServiceGrpc.OrderServiceBlockingStub;
import dev.weft.shop.order.v1.RetrySagaRequest;
import dev.weft.shop.order.v1.Saga;
import dev.weft.shop.order.v1.SagaStep;
import dev.weft.shop.payment.v1.Payment;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What becomes of orders when things fail, at every step. */
final class OrderSagaTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();

  private final UUID ann = UUID.randomUUID();
  private Shop shop;
  private UUID product;

  @BeforeEach
  void open() {
    shop = new Shop(postgres.database());
    product = shop.inventory.product(10, 1999, "EUR");
  }

  @AfterEach
  void close() {
    shop.close();
    postgres.database().shiftClock(Duration.ZERO);
  }

  @ParameterizedTest
  @CsvSource({
    "check-user, BEFORE", "check-user, AFTER",
    "reserve, BEFORE", "reserve, AFTER",
    "authorize, BEFORE", "authorize, AFTER",
    "pin, BEFORE", "pin, AFTER",
    "capture, BEFORE", "capture, AFTER",
    "confirm, BEFORE", "confirm, AFTER",
  })
  void confirmsAnOrderThoughItsProcessDiesAt(String step, When when) {
    Hold hold = shop.faults.hold(step, when);
    Order placed = crashWhileHeld(hold, "card_ok");

    Order order = shop.ended(placed);

    assertThat(order.getState()).isEqualTo(State.STATE_CONFIRMED);
    shop.assertBooksAgree(order);
    assertThat(shop.payments.captures()).isEqualTo(1);
    assertThat(shop.inventory.sold(product)).isEqualTo(1);
    assertThat(shop.inventory.available(product)).isEqualTo(9);
  }

  @ParameterizedTest
  @CsvSource({"void, BEFORE", "void, AFTER", "release, BEFORE", "release, AFTER"})
  void undoesAnOrderThoughItsProcessDiesAt(String step, When when) {
    // The goods are lost while the money is held, so that both have to be given back.
    shop.faults.next("pin", When.BEFORE, () -> shop.inventory.expireAll());
    Hold hold = shop.faults.hold(step, when);
    Order placed = crashWhileHeld(hold, "card_ok");

    Order order = shop.ended(placed);

    assertThat(order.getState()).isEqualTo(State.STATE_CANCELLED);
    assertThat(order.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_TIMED_OUT);
    shop.assertBooksAgree(order);
    assertThat(shop.payments.captures()).isZero();
    assertThat(shop.inventory.available(product)).isEqualTo(10);
  }

  @ParameterizedTest
  @ValueSource(strings = {"check-user", "reserve", "authorize", "pin", "capture", "confirm"})
  void asksAgainUnderTheSameCommandWhenAnswersAreLost(String step) {
    shop.start(postgres.database());
    shop.faults.unavailable(step, When.AFTER, 3);

    Order order = shop.ended(shop.place(ann, order("card_ok", product)));

    assertThat(order.getState()).isEqualTo(State.STATE_CONFIRMED);
    shop.assertBooksAgree(order);
    assertThat(shop.payments.captures()).isEqualTo(1);
    assertThat(shop.inventory.available(product)).isEqualTo(9);
    List<String> commands = new ArrayList<>(shop.inventory.commands());
    commands.addAll(shop.payments.commands());
    String saga = saga(order).getSagaId();
    if (!step.equals("check-user")) {
      assertThat(commands.stream().filter(id -> id.equals(saga + ":" + step + ":forward")))
          .hasSizeGreaterThanOrEqualTo(4);
    }
    assertThat(commands).allMatch(id -> id.startsWith(saga) && id.endsWith(":forward"));
  }

  @Test
  void givesMoneyFreeAndGoodsBackInReverseWhenTheCardFailsAtTheCapture() {
    shop.start(postgres.database());
    shop.faults.next("capture", When.BEFORE, () -> shop.payments.declineAll());

    Order order = shop.ended(shop.place(ann, order("card_ok", product)));

    assertThat(order.getState()).isEqualTo(State.STATE_CANCELLED);
    assertThat(order.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_PAYMENT_DECLINED);
    shop.assertBooksAgree(order);
    Saga saga = saga(order);
    assertThat(saga.getState()).isEqualTo(Saga.State.STATE_COMPENSATED);
    assertThat(saga.getStepsList().stream().filter(OrderSagaTest::backward))
        .extracting(SagaStep::getName)
        .containsExactly("authorize", "reserve");
  }

  @Test
  void undoesNothingWhileNobodyKnowsWhetherTheMoneyWasTaken() {
    shop.start(postgres.database());
    Hold hold = shop.faults.hold("capture", When.AFTER);
    Order placed = shop.place(ann, order("card_ok", product));
    hold.awaitCall();
    // Far beyond the five minutes in which an order may turn back.
    postgres.database().shiftClock(Duration.ofMinutes(30));
    shop.faults.unavailable("capture", When.AFTER, 3);
    hold.release();

    Order order = shop.ended(placed);

    assertThat(order.getState()).isEqualTo(State.STATE_CONFIRMED);
    assertThat(shop.payments.captures()).isEqualTo(1);
    shop.assertBooksAgree(order);
  }

  @Test
  void turnsBackWhenMoneyCannotBeArrangedInTime() {
    shop.start(postgres.database());
    shop.faults.away("authorize");
    Order placed = shop.place(ann, order("card_ok", product));
    await().until(() -> shop.inventory.available(product) == 9);
    postgres.database().shiftClock(Duration.ofMinutes(6));

    Order order = shop.ended(placed);

    assertThat(order.getState()).isEqualTo(State.STATE_CANCELLED);
    assertThat(order.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_TIMED_OUT);
    // Also what may have been authorized is given free: whatever comes late holds nothing.
    assertThat(shop.payments.state(order.getOrderId())).isEqualTo(Payment.State.STATE_VOIDED);
    shop.assertBooksAgree(order);
  }

  @Test
  void letsAReservationThatArrivesLateTakeNoStock() {
    shop.start(postgres.database());
    Hold late = shop.faults.hold("reserve", When.BEFORE);
    Order placed = shop.place(ann, order("card_ok", product));
    late.awaitCall();
    shop.inventory.take(product, 10);

    Order order = shop.ended(placed);
    assertThat(order.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_OUT_OF_STOCK);
    shop.inventory.take(product, -10);
    late.release();

    // The late one has come once its command is noted, after that of the second attempt and its
    // undoing.
    await().until(() -> shop.inventory.commands().size() == 3);
    assertThat(shop.inventory.available(product)).isEqualTo(10);
    assertThat(shop.inventory.reservation(order.getOrderId()))
        .isEqualTo(Reservation.State.STATE_RELEASED);
  }

  @Test
  void givesTheCardNetworkTheTimeThatTheContractDeclares() {
    shop.start(postgres.database());
    shop.ended(shop.place(ann, order("card_ok", product)));

    assertThat(shop.payments.patience("authorize"))
        .isBetween(Duration.ofSeconds(7), Duration.ofSeconds(8));
    assertThat(shop.payments.patience("capture"))
        .isBetween(Duration.ofSeconds(7), Duration.ofSeconds(8));
  }

  @Test
  void keepsItsStepsInTheTraceOfTheRequestAlsoInAnotherProcess() {
    String trace = "0af7651916cd43dd8448eb211c80319c";
    Metadata headers = new Metadata();
    headers.put(
        Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER),
        "00-" + trace + "-b7ad6b7169203331-01");
    Shop.Instance dying = shop.start(postgres.anotherDatabase());
    Hold hold = shop.faults.hold("authorize", When.BEFORE);
    Order placed =
        shop.ordersAs(ann)
            .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
            .createOrder(order("card_ok", product))
            .getOrder();
    hold.awaitCall();
    dying.crash();
    hold.release();
    shop.start(postgres.database());

    shop.ended(placed);

    assertThat(shop.payments.traces()).containsExactly(trace);
  }

  @Test
  void cancelsAPendingOrderThatItsCustomerCallsOffBeforeTheMoneyIsTaken() {
    shop.start(postgres.database());
    Hold hold = shop.faults.hold("authorize", When.BEFORE);
    Order placed = shop.place(ann, order("card_ok", product));
    hold.awaitCall();

    CancelOrderRequest cancel = cancel(placed);
    Order noted = shop.ordersAs(ann).cancelOrder(cancel).getOrder();
    assertThat(shop.get(placed.getOrderId())).isEqualTo(noted);
    assertThat(shop.ordersAs(ann).cancelOrder(cancel(placed)).getOrder()).isEqualTo(noted);
    hold.release();
    Order order = shop.ended(placed);

    assertThat(noted.getState()).isEqualTo(State.STATE_PENDING);
    assertThat(noted.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_REQUESTED);
    assertThat(order.getState()).isEqualTo(State.STATE_CANCELLED);
    assertThat(order.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_REQUESTED);
    assertThat(shop.payments.state(order.getOrderId())).isEqualTo(Payment.State.STATE_VOIDED);
    assertThat(shop.inventory.available(product)).isEqualTo(10);
    assertThat(shop.ordersAs(ann).cancelOrder(cancel).getOrder()).isEqualTo(noted);
  }

  @Test
  void refusesToCallOffAnOrderWhoseMoneyIsBeingTaken() {
    shop.start(postgres.database());
    Hold hold = shop.faults.hold("capture", When.BEFORE);
    Order placed = shop.place(ann, order("card_ok", product));
    hold.awaitCall();
    CancelOrderRequest cancel = cancel(placed);

    RemoteError refusal = tooLate(() -> shop.ordersAs(ann).cancelOrder(cancel));
    assertThat(refusal.message()).contains("the money for the order is being taken");
    assertThat(refusal.metadata()).containsEntry("http_status", "409");
    Order pending = shop.get(placed.getOrderId());
    assertThat(pending.getState()).isEqualTo(State.STATE_PENDING);
    assertThat(pending.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_UNSPECIFIED);

    hold.release();
    Order order = shop.ended(placed);
    assertThat(order.getState()).isEqualTo(State.STATE_CONFIRMED);
    shop.assertBooksAgree(order);
    // What was refused is not remembered: now it has another outcome.
    assertThat(shop.ordersAs(ann).cancelOrder(cancel).getOrder().getState())
        .isEqualTo(State.STATE_REFUNDING);
  }

  @Test
  void cancelsExactlyTheOrdersWhoseCancelWasAcceptedAtAnyMoment() throws InterruptedException {
    shop.start(postgres.database());
    List<Thread> cancels = new ArrayList<>();
    List<Order> placed = new ArrayList<>();
    Set<String> accepted = ConcurrentHashMap.newKeySet();
    Set<String> tooLate = ConcurrentHashMap.newKeySet();
    UUID plenty = shop.inventory.product(100, 100, "EUR");
    for (int i = 0; i < 24; i++) {
      Order order = shop.place(ann, order("card_ok", plenty));
      placed.add(order);
      OrderServiceBlockingStub orders = shop.ordersAs(ann);
      cancels.add(
          Thread.startVirtualThread(
              () -> {
                LockSupport.parkNanos(
                    TimeUnit.MILLISECONDS.toNanos(ThreadLocalRandom.current().nextInt(60)));
                try {
                  orders.cancelOrder(cancel(order));
                  accepted.add(order.getOrderId());
                } catch (StatusRuntimeException e) {
                  tooLate.add(order.getOrderId());
                }
              }));
    }
    for (Thread cancel : cancels) {
      cancel.join();
    }
    long confirmed = 0;
    for (Order one : placed) {
      Order order = shop.ended(one);
      shop.assertBooksAgree(order);
      boolean kept = order.getState() == State.STATE_CONFIRMED;
      assertThat(kept ? tooLate : accepted).contains(order.getOrderId());
      confirmed += order.getState() == State.STATE_CANCELLED ? 0 : 1;
    }
    assertThat(shop.payments.captures()).isEqualTo((int) confirmed);
    assertThat(shop.inventory.sold(plenty)).isEqualTo(confirmed);
    assertThat(shop.inventory.available(plenty)).isEqualTo(100 - confirmed);
  }

  @Test
  void confirmsExactlyAsManyOrdersAsThereIsStock() {
    shop.start(postgres.database());
    List<Order> placed = new ArrayList<>();
    for (int i = 0; i < 20; i++) {
      placed.add(shop.place(ann, order("card_ok", product)));
    }

    List<Order> ended = placed.stream().map(shop::ended).toList();

    assertThat(ended.stream().filter(order -> order.getState() == State.STATE_CONFIRMED))
        .hasSize(10);
    ended.forEach(shop::assertBooksAgree);
    assertThat(shop.inventory.sold(product)).isEqualTo(10);
    assertThat(shop.inventory.available(product)).isZero();
  }

  @Test
  void showsAnUndoingThatStalledAndFinishesItWhenAnAdminRetries() {
    shop.start(postgres.database());
    shop.faults.away("release");
    Order placed = shop.place(ann, order("card_declined", product));
    OrderServiceBlockingStub admin = shop.ordersAs(Shop.ADMIN, "admin");
    ListSagasRequest stalled =
        ListSagasRequest.newBuilder().setState(Saga.State.STATE_COMPENSATION_STALLED).build();
    Saga saga =
        await()
            .atMost(Duration.ofSeconds(20))
            .until(() -> admin.listSagas(stalled).getSagasList(), sagas -> sagas.size() == 1)
            .getFirst();
    assertThat(saga.getOrderId()).isEqualTo(placed.getOrderId());
    assertThat(saga.getStepsList().getLast().getLastError()).contains("UNAVAILABLE");
    assertThat(shop.get(placed.getOrderId()).getState()).isEqualTo(State.STATE_PENDING);

    shop.faults.heal("release");
    RetrySagaRequest retry = RetrySagaRequest.newBuilder().setSagaId(saga.getSagaId()).build();
    admin.retrySaga(retry);

    Order order = shop.ended(placed);
    assertThat(order.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_PAYMENT_DECLINED);
    assertThat(shop.inventory.available(product)).isEqualTo(10);
    refused(Status.Code.FAILED_PRECONDITION, "SAGA_ENDED", () -> admin.retrySaga(retry));
  }

  @Test
  void comesBackNoEarlierThanAParticipantAsks() {
    shop.start(postgres.database(), SagaSettings.DEFAULT);
    shop.faults.always(
        "reserve",
        () -> {
          throw Rejection.unavailable("AWAY", "the test has it so", Duration.ofSeconds(8));
        });
    Order placed = shop.place(ann, order("card_ok", product));
    OrderServiceBlockingStub admin = shop.ordersAs(Shop.ADMIN, "admin");
    Predicate<Saga> failedOnce =
        one -> one.getStepsList().stream().anyMatch(step -> step.getAttempts() == 2);

    Saga saga =
        await()
            .until(
                () ->
                    admin.listSagas(ListSagasRequest.getDefaultInstance()).getSagasList().stream()
                        .filter(one -> one.getOrderId().equals(placed.getOrderId()))
                        .filter(failedOnce)
                        .findFirst(),
                Optional::isPresent)
            .orElseThrow();

    // Each a whole second off at most.
    assertThat(saga.getNextRunTime().getSeconds() - saga.getUpdateTime().getSeconds())
        .isBetween(7L, 13L);
    shop.faults.heal("reserve");
    admin.retrySaga(RetrySagaRequest.newBuilder().setSagaId(saga.getSagaId()).build());
    assertThat(shop.ended(placed).getState()).isEqualTo(State.STATE_CONFIRMED);
  }

  @Test
  void showsSagasToAdminsOnly() {
    shop.start(postgres.database());
    Order order = shop.ended(shop.place(ann, order("card_ok", product)));
    Saga saga = saga(order);
    assertThat(saga.getDefinition()).isEqualTo("order");
    assertThat(saga.getVersion()).isEqualTo(1);
    assertThat(saga.getState()).isEqualTo(Saga.State.STATE_COMPLETED);
    assertThat(saga.getStepsList())
        .extracting(SagaStep::getName)
        .containsExactly("check-user", "reserve", "authorize", "pin", "capture", "confirm");
    GetSagaRequest get = GetSagaRequest.newBuilder().setSagaId(saga.getSagaId()).build();
    assertThat(shop.ordersAs(Shop.ADMIN, "admin").getSaga(get).getSaga()).isEqualTo(saga);
    refused(Status.Code.PERMISSION_DENIED, "ROLE_REQUIRED", () -> shop.ordersAs(ann).getSaga(get));
    GetSagaRequest other =
        GetSagaRequest.newBuilder().setSagaId(UUID.randomUUID().toString()).build();
    refused(
        Status.Code.NOT_FOUND,
        "SAGA_NOT_FOUND",
        () -> shop.ordersAs(Shop.ADMIN, "admin").getSaga(other));
  }

  /** Places an order, ends its process while a call is held, and starts another one. */
  private Order crashWhileHeld(Hold hold, String card) {
    Database database = postgres.anotherDatabase();
    Shop.Instance dying = shop.start(database);
    Order placed = shop.place(ann, order(card, product));
    hold.awaitCall();
    dying.crash();
    hold.release();
    shop.start(postgres.database());
    return placed;
  }

  private Saga saga(Order order) {
    return shop
        .ordersAs(Shop.ADMIN, "admin")
        .listSagas(ListSagasRequest.getDefaultInstance())
        .getSagasList()
        .stream()
        .filter(saga -> saga.getOrderId().equals(order.getOrderId()))
        .findFirst()
        .orElseThrow();
  }

  private static boolean backward(SagaStep step) {
    return step.getDirection() == SagaStep.Direction.DIRECTION_BACKWARD;
  }

  private static RemoteError tooLate(ThrowingCallable call) {
    return refused(Status.Code.FAILED_PRECONDITION, "ORDER_NOT_CANCELLABLE", call);
  }

  private static CancelOrderRequest cancel(Order order) {
    return CancelOrderRequest.newBuilder()
        .setOrderId(order.getOrderId())
        .setRequestId("cancel-" + UUID.randomUUID())
        .build();
  }
}
