package dev.weft.order;

import static dev.weft.order.Refused.refused;
import static dev.weft.order.Shop.item;
import static dev.weft.order.Shop.order;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.weft.mesh.MinorUnits;
import dev.weft.mesh.RemoteError;
import dev.weft.order.Faults.Hold;
import dev.weft.order.Faults.When;
import dev.weft.shop.inventory.v1.Reservation;
import dev.weft.shop.order.v1.Address;
import dev.weft.shop.order.v1.CancelOrderRequest;
import dev.weft.shop.order.v1.CreateOrderRequest;
import dev.weft.shop.order.v1.GetOrderByIdempotencyKeyRequest;
import dev.weft.shop.order.v1.GetOrderRequest;
import dev.weft.shop.order.v1.ListOrdersRequest;
import dev.weft.shop.order.v1.ListOrdersResponse;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.Order.CancelReason;
import dev.weft.shop.order.v1.Order.State;
import dev.weft.shop.payment.v1.Payment;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Orders through their contract. */
final class OrderSvcTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();

  private final UUID ann = UUID.randomUUID();
  private final UUID bob = UUID.randomUUID();
  private Shop shop;
  private Shop.Instance instance;
  private UUID product;

  @BeforeEach
  void start() {
    shop = new Shop(postgres.database());
    instance = shop.start(postgres.database());
    product = shop.inventory.product(10, 1999, "EUR");
  }

  @AfterEach
  void stop() {
    shop.close();
  }

  @Test
  void bringsAnOrderToConfirmed() {
    UUID cap = shop.inventory.product(10, 500, "EUR");

    Order placed =
        shop.place(
            ann,
            order("card_ok").toBuilder().addItems(item(product, 2)).addItems(item(cap, 1)).build());

    assertThat(placed.getState()).isEqualTo(State.STATE_PENDING);
    assertThat(placed.getUserId()).isEqualTo(ann.toString());
    assertThat(placed.getShippingAddress()).isEqualTo(Shop.ADDRESS);
    assertThat(placed.getTotal()).isEqualTo(MinorUnits.money(4498, "EUR"));
    assertThat(placed.getItems(0).getUnitPrice()).isEqualTo(MinorUnits.money(1999, "EUR"));
    assertThat(placed.getItems(0).getLineTotal()).isEqualTo(MinorUnits.money(3998, "EUR"));
    Order order = shop.ended(placed);
    assertThat(order.getState()).isEqualTo(State.STATE_CONFIRMED);
    assertThat(order.getPaymentId()).isNotEmpty();
    assertThat(order.getEtag()).isNotEqualTo(placed.getEtag());
    assertThat(order.getTotal()).isEqualTo(placed.getTotal());
    assertThat(shop.inventory.sold(product)).isEqualTo(2);
    assertThat(shop.inventory.sold(cap)).isEqualTo(1);
    assertThat(shop.payments.state(order.getOrderId())).isEqualTo(Payment.State.STATE_CAPTURED);
  }

  @Test
  void cancelsAnOrderWhoseCardIsDeclinedAndGivesItsGoodsBack() {
    Order order = shop.ended(shop.place(ann, order("card_declined", product)));

    assertThat(order.getState()).isEqualTo(State.STATE_CANCELLED);
    assertThat(order.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_PAYMENT_DECLINED);
    assertThat(shop.inventory.available(product)).isEqualTo(10);
    assertThat(shop.inventory.reservation(order.getOrderId()))
        .isEqualTo(Reservation.State.STATE_RELEASED);
  }

  @Test
  void cancelsAnOrderOfWhatIsOutOfStockBeforeAnyMoneyIsAskedFor() {
    UUID scarce = shop.inventory.product(1, 1999, "EUR");

    Order order =
        shop.ended(
            shop.place(
                ann, order("card_ok", product).toBuilder().addItems(item(scarce, 2)).build()));

    assertThat(order.getState()).isEqualTo(State.STATE_CANCELLED);
    assertThat(order.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_OUT_OF_STOCK);
    assertThat(shop.inventory.available(product)).isEqualTo(10);
    assertThat(shop.inventory.available(scarce)).isEqualTo(1);
    assertThat(shop.payments.commands()).isEmpty();
  }

  @Test
  void cancelsTheOrderOfAnAccountThatIsNotActive() {
    shop.users.disabled.add(ann);

    Order order = shop.ended(shop.place(ann, order("card_ok", product)));

    assertThat(order.getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_USER_NOT_ACTIVE);
    assertThat(shop.inventory.commands()).isEmpty();
  }

  @Test
  void answersTheSameRequestWithTheSameOrderAlsoFromAnotherProcess() {
    CreateOrderRequest request = order("card_ok", product);
    Order placed = shop.place(ann, request);
    shop.ended(placed);
    shop.inventory.price(product, new Amount(1, "EUR"));
    shop.start(postgres.anotherDatabase());

    assertThat(shop.place(ann, request)).isEqualTo(placed);

    assertThat(shop.inventory.sold(product)).isEqualTo(1);
    assertThat(shop.orders(ann)).isEqualTo(1);
  }

  @Test
  void answersAServedRequestThoughPricesCannotBeRead() {
    CreateOrderRequest request = order("card_ok", product);
    Order placed = shop.place(ann, request);
    shop.faults.away("quote");

    assertThat(shop.place(ann, request)).isEqualTo(placed);
    RemoteError error =
        refused(
            Status.Code.UNAVAILABLE,
            "INVENTORY_UNAVAILABLE",
            () -> shop.place(ann, order("card_ok", product)));
    assertThat(error.retryAfter()).isPresent();
  }

  @Test
  void refusesAnotherRequestUnderTheSameKey() {
    CreateOrderRequest request = order("card_ok", product);
    shop.place(ann, request);

    RemoteError error =
        refused(
            Status.Code.INVALID_ARGUMENT,
            "IDEMPOTENCY_KEY_REUSED",
            () -> shop.place(ann, request.toBuilder().setPaymentMethod("card_slow").build()));
    assertThat(error.metadata()).containsEntry("http_status", "422");
    assertThat(shop.orders(ann)).isEqualTo(1);
  }

  @Test
  void keepsTheKeysOfUsersApart() {
    CreateOrderRequest request = order("card_ok", product);
    Order ofAnn = shop.place(ann, request);

    Order ofBob = shop.place(bob, request);

    assertThat(ofBob.getOrderId()).isNotEqualTo(ofAnn.getOrderId());
    assertThat(ofBob.getUserId()).isEqualTo(bob.toString());
  }

  @Test
  void placesOneOrderHoweverManySendTheSameRequestAtOnce() throws Exception {
    CreateOrderRequest request = order("card_ok", product);
    Callable<String> once =
        () -> {
          try {
            return shop.place(ann, request).getOrderId();
          } catch (StatusRuntimeException e) {
            RemoteError error = RemoteError.of(e).orElseThrow();
            assertThat(error.reason()).isEqualTo("IDEMPOTENCY_IN_PROGRESS");
            return "";
          }
        };
    Set<String> answers = new HashSet<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (Future<String> answer : threads.invokeAll(Collections.nCopies(16, once))) {
        answers.add(answer.get());
      }
    }
    answers.remove("");

    assertThat(answers).hasSize(1);
    instance.follow();
    assertThat(ordersOf(ann)).extracting(Order::getOrderId).containsExactlyElementsOf(answers);
  }

  @Test
  void findsAnOrderByTheKeyOfItsRequest() {
    CreateOrderRequest request = order("card_ok", product);
    Order order = shop.ended(shop.place(ann, request));
    GetOrderByIdempotencyKeyRequest find =
        GetOrderByIdempotencyKeyRequest.newBuilder().setKey(request.getRequestId()).build();

    assertThat(shop.ordersAs(ann).getOrderByIdempotencyKey(find).getOrder()).isEqualTo(order);
    refused(
        Status.Code.NOT_FOUND,
        "IDEMPOTENCY_KEY_NOT_FOUND",
        () -> shop.ordersAs(bob).getOrderByIdempotencyKey(find));
  }

  @Test
  void refusesWhatTheCatalogueDoesNotSellAndLeavesNothingBehind() {
    UUID dollars = shop.inventory.product(10, 100, "USD");
    CreateOrderRequest unknown = order("card_ok", UUID.randomUUID());

    refused(Status.Code.NOT_FOUND, "PRODUCT_NOT_FOUND", () -> shop.place(ann, unknown));
    refused(
        Status.Code.FAILED_PRECONDITION,
        "MIXED_CURRENCIES",
        () -> shop.place(ann, order("card_ok", product, dollars)));

    assertThat(shop.orders(ann)).isZero();
    // The key of a refused request is free again.
    shop.place(
        ann, order("card_ok", product).toBuilder().setRequestId(unknown.getRequestId()).build());
  }

  @Test
  void refusesRequestsThatAreWrongInThemselves() {
    CreateOrderRequest good = order("card_ok", product);
    Stream.of(
            good.toBuilder().clearRequestId().build(),
            good.toBuilder().setRequestId("with space").build(),
            good.toBuilder().clearItems().build(),
            good.toBuilder().addItems(item(product, 1)).build(),
            good.toBuilder().setItems(0, item(product, 0)).build(),
            good.toBuilder().setItems(0, item(product, -1)).build(),
            good.toBuilder().setItems(0, item(product, 1_001)).build(),
            good.toBuilder().setItems(0, item(product, Integer.MAX_VALUE)).build(),
            good.toBuilder().setItems(0, item(product, 1).toBuilder().setProductId("1")).build(),
            good.toBuilder()
                .addAllItems(Stream.generate(() -> item(UUID.randomUUID(), 1)).limit(100).toList())
                .build(),
            good.toBuilder().clearShippingAddress().build(),
            good.toBuilder()
                .setShippingAddress(Shop.ADDRESS.toBuilder().setCountryCode("Germany"))
                .build(),
            good.toBuilder().setPaymentMethod("CARD OK").build())
        .forEach(
            wrong -> {
              Throwable thrown = catchThrowable(() -> shop.place(ann, wrong));
              RemoteError error = RemoteError.of(thrown).orElseThrow();
              assertThat(error.code()).isEqualTo(Status.Code.INVALID_ARGUMENT);
              assertThat(error.violations()).isNotEmpty();
              assertThat(error.domain()).as("by this service").isEqualTo("order-svc.weft");
            });
    assertThat(shop.orders(ann)).isZero();
  }

  @Test
  void boundsHowManyOrdersOfOneUserAreOpen() {
    postgres
        .database()
        .inTransactionVoid(
            tx ->
                tx.execute(
                    """
                    INSERT INTO customer_order (order_id, user_id, state, total_minor, currency,
                      payment_method, ship_name, ship_line1, ship_line2, ship_city,
                      ship_postal_code, ship_country, create_time, update_time)
                    SELECT gen_random_uuid(), ?, 'PENDING', 1, 'EUR', 'card_ok', '', '', '', '', '',
                      'DE', now(), now() FROM generate_series(1, ?)
                    """,
                    ann,
                    Orders.PENDING_MAX));

    RemoteError error =
        refused(
            Status.Code.RESOURCE_EXHAUSTED,
            "TOO_MANY_OPEN_ORDERS",
            () -> shop.place(ann, order("card_ok", product)));

    assertThat(error.retryAfter()).isPresent();
    shop.place(bob, order("card_ok", product));
  }

  @Test
  void takesNoMoreOrdersThanItWillWorkOffSoon() {
    shop.waitingMax = 2;
    instance.sagas.close();
    shop.start(postgres.database()).sagas.close();
    shop.place(ann, order("card_ok", product));
    shop.place(bob, order("card_ok", product));
    shop.place(ann, order("card_ok", product));

    RemoteError error =
        refused(
            Status.Code.RESOURCE_EXHAUSTED,
            "OVERLOADED",
            () -> shop.place(bob, order("card_ok", product)));

    assertThat(error.retryAfter()).isPresent();
    assertThat(shop.orders(ann) + shop.orders(bob)).isEqualTo(3);
    shop.start(postgres.database());
    await()
        .ignoreExceptionsInstanceOf(StatusRuntimeException.class)
        .until(() -> shop.place(bob, order("card_ok", product)).getState() == State.STATE_PENDING);
  }

  @Test
  void hidesOrdersFromEverybodyButTheirOwnerAndAdmins() {
    instance.follow();
    Hold hold = shop.faults.hold("authorize", When.BEFORE);
    Order ofAnn = shop.place(ann, order("card_ok", product));
    GetOrderRequest get = GetOrderRequest.newBuilder().setOrderId(ofAnn.getOrderId()).build();
    CancelOrderRequest cancel =
        CancelOrderRequest.newBuilder()
            .setOrderId(ofAnn.getOrderId())
            .setRequestId("cancel-1")
            .build();

    refused(Status.Code.NOT_FOUND, "ORDER_NOT_FOUND", () -> shop.ordersAs(bob).getOrder(get));
    refused(Status.Code.NOT_FOUND, "ORDER_NOT_FOUND", () -> shop.ordersAs(bob).cancelOrder(cancel));
    assertThat(ordersOf(bob)).isEmpty();
    assertThat(
            shop.ordersAs(bob)
                .listOrders(ListOrdersRequest.newBuilder().setUserId(ann.toString()).build())
                .getOrdersList())
        .isEmpty();
    assertThat(shop.ordersAs(bob, "admin").getOrder(get).getOrder().getUserId())
        .isEqualTo(ann.toString());
    shop.ordersAs(bob, "admin").cancelOrder(cancel);
    hold.release();
    assertThat(shop.ended(ofAnn).getCancelReason()).isEqualTo(CancelReason.CANCEL_REASON_REQUESTED);
  }

  @Test
  void listsOrdersNewestFirstPageByPageWhileOthersAreAdded() {
    instance.follow();
    List<String> placed = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      placed.add(shop.place(ann, order("card_ok", product)).getOrderId());
    }
    shop.place(bob, order("card_ok", product));
    Collections.reverse(placed);
    shop.awaitView();
    List<String> listed = new ArrayList<>();
    String token = "";
    do {
      ListOrdersResponse page =
          shop.ordersAs(ann)
              .listOrders(
                  ListOrdersRequest.newBuilder().setPageSize(2).setPageToken(token).build());
      assertThat(page.getOrdersCount()).isLessThanOrEqualTo(2);
      page.getOrdersList().forEach(order -> listed.add(order.getOrderId()));
      shop.place(ann, order("card_ok", product));
      token = page.getNextPageToken();
    } while (!token.isEmpty());

    assertThat(listed).isEqualTo(placed);
  }

  @Test
  void listsByStateAndForAdminsByUser() {
    instance.follow();
    Order confirmed = shop.ended(shop.place(ann, order("card_ok", product)));
    Order cancelled = shop.ended(shop.place(ann, order("card_declined", product)));
    Order ofBob = shop.ended(shop.place(bob, order("card_ok", product)));
    shop.awaitView();

    assertThat(
            shop.ordersAs(ann)
                .listOrders(ListOrdersRequest.newBuilder().setState(State.STATE_CANCELLED).build())
                .getOrdersList())
        .containsExactly(cancelled);
    assertThat(
            shop.ordersAs(Shop.ADMIN, "admin")
                .listOrders(ListOrdersRequest.getDefaultInstance())
                .getOrdersList())
        .containsExactly(ofBob, cancelled, confirmed);
    assertThat(
            shop.ordersAs(Shop.ADMIN, "admin")
                .listOrders(ListOrdersRequest.newBuilder().setUserId(bob.toString()).build())
                .getOrdersList())
        .containsExactly(ofBob);
  }

  @ParameterizedTest
  @ValueSource(strings = {"   ", "\u00a0", "\u2003 ", "Ann\nExample", "\u001b[31mAnn", "A\u009b1m"})
  void refusesAddressesOfBlanksOrWithControlCharacters(String text) {
    for (String field : List.of("name", "line1", "city", "postal_code")) {
      CreateOrderRequest request = order("card_ok", product);
      Address.Builder address = request.getShippingAddress().toBuilder();
      address.setField(Address.getDescriptor().findFieldByName(field), text);

      Throwable thrown =
          catchThrowable(
              () -> shop.place(ann, request.toBuilder().setShippingAddress(address).build()));

      assertThat(thrown).hasMessageContaining("INVALID_ARGUMENT: shipping_address." + field);
    }
  }

  @Test
  void takesAddressesOfAnyScript() {
    Address address =
        Shop.ADDRESS.toBuilder().setName("Zoë 東京 \u0645\u06cc\u200c").setLine2(" ").build();

    Order placed =
        shop.place(ann, order("card_ok", product).toBuilder().setShippingAddress(address).build());

    assertThat(placed.getShippingAddress()).isEqualTo(address);
  }

  @Test
  void refusesAPageTokenOfAnotherList() {
    instance.follow();
    shop.place(ann, order("card_ok", product));
    shop.place(ann, order("card_ok", product));
    shop.awaitView();
    String token =
        shop.ordersAs(ann)
            .listOrders(ListOrdersRequest.newBuilder().setPageSize(1).build())
            .getNextPageToken();

    for (String wrong : List.of(token, "x", "AAAAAAAAAAAAAAAAAAAA")) {
      refused(
          Status.Code.INVALID_ARGUMENT,
          "INVALID_FIELD",
          () ->
              shop.ordersAs(bob)
                  .listOrders(ListOrdersRequest.newBuilder().setPageToken(wrong).build()));
    }
  }

  @Test
  void cannotBringACancelledOrderBackEvenByMistake() {
    Order order = shop.ended(shop.place(ann, order("card_declined", product)));

    assertThat(
            catchThrowable(
                () ->
                    postgres
                        .database()
                        .inTransactionVoid(
                            tx ->
                                tx.execute(
                                    "UPDATE customer_order SET state = 'PENDING', cancel_reason ="
                                        + " NULL WHERE order_id = ?::uuid",
                                    order.getOrderId()))))
        .hasMessageContaining("an order cannot go from CANCELLED to PENDING");
    assertThat(shop.get(order.getOrderId())).isEqualTo(order);
  }

  @Test
  void letsNobodyInWithoutAToken() {
    refused(
        Status.Code.UNAUTHENTICATED,
        "TOKEN_MISSING",
        () -> shop.ordersAsNobody().listOrders(ListOrdersRequest.getDefaultInstance()));
  }

  private List<Order> ordersOf(UUID user) {
    shop.awaitView();
    return shop.ordersAs(user).listOrders(ListOrdersRequest.getDefaultInstance()).getOrdersList();
  }
}
