package dev.weft.order;

import static dev.weft.order.FakeUserLog.event;
import static dev.weft.order.Refused.refused;
import static dev.weft.order.Shop.order;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.Database;
import dev.weft.durable.UuidV7;
import dev.weft.events.Cause;
import dev.weft.order.Faults.Hold;
import dev.weft.order.Faults.When;
import dev.weft.shop.order.v1.CheckoutRequest;
import dev.weft.shop.order.v1.GetCartRequest;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.Order.CancelReason;
import dev.weft.shop.order.v1.SetCartItemRequest;
import dev.weft.shop.payment.v1.Payment;
import dev.weft.shop.user.v1.User.State;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What order-svc makes of what user-svc says. */
final class DeletedUserTest {
  private static final Duration MAX = Duration.ofSeconds(20);
  private static final String FAREWELLS = "saga WHERE definition = 'farewell'";
  private static final String UNENDED = FAREWELLS + " AND due_at IS NOT NULL";

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();

  @RegisterExtension final Shop shop = new Shop(postgres.database());

  private final UUID ann = UUID.randomUUID();
  private final UUID bob = UUID.randomUUID();
  private final Shop.Instance instance = shop.start(postgres.database());
  private final UUID product = shop.inventory.product(1_000, 1999, "EUR");

  @Test
  void callsOffWhatADeletedUserOrderedUnlessItsMoneyIsTakenOrBeingTaken() {
    Order confirmed = shop.ended(shop.place(ann, order("card_ok", product)));
    Hold atCapture = shop.faults.hold("capture", When.BEFORE);
    Order capturing = shop.place(ann, order("card_ok", product));
    atCapture.awaitCall();
    Hold atAuthorize = shop.faults.hold("authorize", When.BEFORE);
    Order pending = shop.place(ann, order("card_ok", product));
    atAuthorize.awaitCall();
    Hold bobsAuthorize = shop.faults.hold("authorize", When.BEFORE);
    Order bobs = shop.place(bob, order("card_ok", product));
    bobsAuthorize.awaitCall();

    shop.userLog.bring(event(ann, 1, State.STATE_ACTIVE), event(ann, 2, State.STATE_DELETED));

    awaitCalledOff(pending);
    assertThat(shop.get(pending.getOrderId()).getState()).isEqualTo(Order.State.STATE_PENDING);
    assertThat(shop.get(capturing.getOrderId()).getCancelReason())
        .isEqualTo(CancelReason.CANCEL_REASON_UNSPECIFIED);
    for (Hold hold : List.of(atCapture, atAuthorize, bobsAuthorize)) {
      hold.release();
    }
    Order cancelled = shop.ended(pending);
    assertThat(cancelled.getState()).isEqualTo(Order.State.STATE_CANCELLED);
    assertThat(cancelled.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_USER_NOT_ACTIVE);
    assertThat(shop.payments.state(pending.getOrderId())).isEqualTo(Payment.State.STATE_VOIDED);
    assertThat(shop.ended(capturing).getState()).isEqualTo(Order.State.STATE_CONFIRMED);
    assertThat(shop.ended(bobs).getState()).isEqualTo(Order.State.STATE_CONFIRMED);
    assertThat(shop.get(confirmed.getOrderId())).isEqualTo(confirmed);
    for (Order one : List.of(confirmed, capturing, pending, bobs)) {
      shop.assertBooksAgree(shop.get(one.getOrderId()));
    }
    dev.weft.durable.Event called = said(pending).get(1);
    assertThat(called.type()).isEqualTo("shop.order.cancellation_requested");
    assertThat(called.origin().causationId())
        .contains(UUID.fromString(event(ann, 2, State.STATE_DELETED).getEventId()));
    assertThat(called.origin().correlationId()).isEqualTo(FakeUserLog.TRACE);
    assertThat(called.origin().traceparent()).get().asString().contains(FakeUserLog.TRACE);
  }

  @Test
  void eachEventHasItsEffectOnceThoughAllArriveThriceInAnyOrder() {
    shop.faults.away("authorize");
    List<Order> placed = new ArrayList<>();
    List<dev.weft.event.v1.Event> events = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      UUID user = UUID.randomUUID();
      placed.add(shop.place(user, order("card_ok", product)));
      List<dev.weft.event.v1.Event> once =
          List.of(
              event(user, 1, State.STATE_ACTIVE),
              event(user, 2, State.STATE_DISABLED),
              event(user, 3, State.STATE_ACTIVE),
              event(user, 4, State.STATE_DELETED));
      events.addAll(once);
      events.addAll(once);
      events.addAll(once);
    }
    await().until(() -> shop.inventory.available(product) == 994);
    Collections.shuffle(events, new Random(20_261_122));

    events.forEach(shop.userLog::bring);

    placed.forEach(this::awaitCalledOff);
    await()
        .atMost(MAX)
        .until(
            () ->
                count("inbox WHERE consumer = 'users-of-orders'") == 24
                    && count("event_parked") == 0);
    assertThat(count("known_user")).isEqualTo(6);
    assertThat(count("known_user WHERE state = 'DELETED'")).isEqualTo(6);
    assertThat(count(FAREWELLS)).isEqualTo(6);
    await().until(() -> count(UNENDED) == 0);
    shop.faults.heal("authorize");
    for (Order one : placed) {
      Order ended = shop.ended(one);
      assertThat(ended.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_USER_NOT_ACTIVE);
      shop.assertBooksAgree(ended);
      await().until(() -> said(one).size() >= 3);
      assertThat(said(one))
          .extracting(event -> event.type())
          .containsExactly(
              "shop.order.created", "shop.order.cancellation_requested", "shop.order.cancelled");
    }
    assertThat(shop.inventory.available(product)).isEqualTo(1_000);
    assertThat(shop.payments.captures()).isZero();
  }

  @Test
  void refusesOrdersOfPeopleWhoAreKnownToBeGoneOrDisabled() {
    shop.cartAs(ann).setCartItem(item());
    shop.ended(shop.place(ann, order("card_ok", product)));

    shop.userLog.bring(event(ann, 1, State.STATE_ACTIVE), event(ann, 2, State.STATE_DISABLED));
    awaitKnown(ann, UserState.DISABLED);
    refusedToOrder(ann);
    refused(
        Status.Code.PERMISSION_DENIED,
        "USER_NOT_ACTIVE",
        () ->
            shop.cartAs(ann)
                .checkout(
                    CheckoutRequest.newBuilder()
                        .setRequestId("checkout")
                        .setShippingAddress(Shop.ADDRESS)
                        .setPaymentMethod("card_ok")
                        .build()));
    assertThat(
            shop.cartAs(ann).getCart(GetCartRequest.getDefaultInstance()).getCart().getItemsCount())
        .isEqualTo(1);

    shop.userLog.bring(event(ann, 3, State.STATE_ACTIVE));
    awaitKnown(ann, UserState.ACTIVE);
    assertThat(shop.ended(shop.place(ann, order("card_ok", product))).getState())
        .isEqualTo(Order.State.STATE_CONFIRMED);

    shop.userLog.bring(event(ann, 4, State.STATE_DELETED));
    awaitKnown(ann, UserState.DELETED);
    refusedToOrder(ann);
    assertThat(count("customer_order")).isEqualTo(2);
  }

  @Test
  void anOrderThatIsAcceptedWhileTheDeletionIsHandledIsTurnedBackByItsSaga() {
    // user-svc has committed it; what it says about it is still on its way.
    shop.users.disabled.add(ann);
    Database another = postgres.anotherDatabase();
    UUID id =
        another
            .<dev.weft.order.Order>inTransaction(
                tx -> {
                  dev.weft.order.Order accepted = instance.orders.accept(tx, wish(ann), quote());
                  // Not committed when all that was known of is called off.
                  shop.userLog.bring(event(ann, 1, State.STATE_DELETED));
                  awaitKnown(ann, UserState.DELETED);
                  await()
                      .atMost(Duration.ofSeconds(4))
                      .until(() -> count(FAREWELLS) == 1 && count(UNENDED) == 0);
                  return accepted;
                })
            .id();

    Order order = shop.ended(shop.get(id.toString()));

    assertThat(order.getState()).isEqualTo(Order.State.STATE_CANCELLED);
    assertThat(order.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_USER_NOT_ACTIVE);
    assertThat(shop.inventory.commands()).isEmpty();
    assertThat(said(order))
        .extracting(event -> event.type())
        .doesNotContain("shop.order.cancellation_requested");
    shop.assertBooksAgree(order);
  }

  @Test
  void callsManyOrdersOffInSmallTransactions() {
    int many = 2 * FarewellSaga.AT_ONCE + 20;
    pendingOrders(ann, many);

    shop.userLog.bring(event(ann, 1, State.STATE_DELETED));

    await().atMost(MAX).until(() -> count("customer_order WHERE cancel_requested") == many);
    // A row's xmin is the transaction that wrote it.
    List<Integer> ofEachTransaction =
        postgres
            .database()
            .read(
                tx ->
                    tx.createQuery("SELECT count(*) FROM customer_order GROUP BY xmin::text")
                        .mapTo(Integer.class)
                        .list());
    assertThat(ofEachTransaction).hasSize(3).allMatch(inOne -> inOne <= FarewellSaga.AT_ONCE);
    await().until(() -> count(UNENDED) == 0);
  }

  @Test
  void takesUpWhatAProcessThatDiedHasLeft() {
    pendingOrders(ann, 2);
    Database database = postgres.database();
    UUID deletion = UUID.randomUUID();
    Cause cause = new Cause("request", Optional.of(deletion), "");

    // As a process leaves it that dies right after it took the event in.
    instance.sagas.close();
    database.inTransactionVoid(
        tx -> instance.sagas.begin(tx, FarewellSaga.NAME, ann.toString(), cause.text()));
    shop.start(postgres.anotherDatabase());

    await().atMost(MAX).until(() -> count(FAREWELLS) == 1 && count(UNENDED) == 0);
    assertThat(count("customer_order WHERE cancel_requested_for = 'USER_NOT_ACTIVE'")).isEqualTo(2);
    await()
        .atMost(MAX)
        .until(
            () ->
                count(
                        "event WHERE correlation_id = 'request' AND causation_id = '%s'"
                            .formatted(deletion))
                    // Of two orders, and of the saga.
                    == 2 + 1);
  }

  @Test
  void keepsWhatItDoesNotUnderstandForAnOperator() {
    dev.weft.event.v1.Event merged =
        event(ann, 1, State.STATE_ACTIVE).toBuilder().setType("shop.user.merged").build();

    shop.userLog.bring(
        merged, event(bob, 1, State.STATE_UNSPECIFIED), event(ann, 2, State.STATE_DELETED));

    await().atMost(MAX).until(() -> count("event_parked") == 3);
    assertThat(count("known_user")).isZero();
    assertThat(count(FAREWELLS)).isZero();
  }

  private void awaitCalledOff(Order order) {
    await()
        .atMost(MAX)
        .until(
            () -> shop.get(order.getOrderId()).getCancelReason(),
            CancelReason.CANCEL_REASON_USER_NOT_ACTIVE::equals);
  }

  private static void awaitKnown(UUID user, UserState state) {
    await()
        .atMost(Duration.ofSeconds(4))
        .until(
            () ->
                count("known_user WHERE user_id = '" + user + "' AND state = '" + state + "'")
                    == 1);
  }

  private void refusedToOrder(UUID user) {
    refused(
        Status.Code.PERMISSION_DENIED,
        "USER_NOT_ACTIVE",
        () -> shop.place(user, order("card_ok", product)));
  }

  /** PENDING orders that no saga moves. */
  private void pendingOrders(UUID user, int count) {
    postgres
        .database()
        .inTransactionVoid(
            tx -> {
              for (int i = 0; i < count; i++) {
                instance.store.insert(
                    tx,
                    new OrderStore.NewOrder(
                        UuidV7.next(),
                        user,
                        quote(),
                        wish(user).address(),
                        wish(user).paymentMethod()));
              }
            });
  }

  private static Orders.Wish wish(UUID user) {
    return new Orders.Wish(
        user, new Address("Ann", "Street 1", "", "Berlin", "10115", "DE"), "card_ok");
  }

  private Quote quote() {
    return new Quote(List.of(new OrderLine(product, "Mug", 1, 1999)), new Amount(1999, "EUR"));
  }

  private SetCartItemRequest item() {
    return SetCartItemRequest.newBuilder().setProductId(product.toString()).setQuantity(1).build();
  }

  private List<dev.weft.durable.Event> said(Order order) {
    return instance.events.store().readAggregate("shop.order", order.getOrderId(), 1, 100);
  }

  private static int count(String what) {
    return postgres
        .database()
        .<Integer>read(
            tx -> tx.createQuery("SELECT count(*) FROM " + what).mapTo(Integer.class).one());
  }
}
