package dev.weft.order;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.mesh.RemoteError;
import dev.weft.shop.inventory.v1.Reservation;
import dev.weft.shop.order.v1.Address;
import dev.weft.shop.order.v1.CreateOrderRequest;
import dev.weft.shop.order.v1.GetOrderRequest;
import dev.weft.shop.order.v1.ListOrdersRequest;
import dev.weft.shop.order.v1.ListOrdersResponse;
import dev.weft.shop.order.v1.NewOrderItem;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.payment.v1.Payment;
import dev.weft.testkit.InProcessMesh;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Status;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** order-svc through its contract. */
final class OrderSvcTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();

  static final Address ADDRESS =
      Address.newBuilder()
          .setName("Ann Example")
          .setLine1("Main Street 1")
          .setCity("Berlin")
          .setPostalCode("10115")
          .setCountryCode("DE")
          .build();

  private final UUID ann = UUID.randomUUID();
  private final UUID bob = UUID.randomUUID();
  private final Shop shop = new Shop(mesh);

  @BeforeEach
  void start() {
    shop.start(postgres.database());
  }

  @AfterEach
  void stop() {
    shop.close();
  }

  @Test
  void bringsAnOrderToConfirmed() {
    UUID shirt = shop.inventory.product(10, 1999, "EUR");
    UUID cap = shop.inventory.product(10, 500, "EUR");

    Order placed = place(order("card_ok").addItems(item(shirt, 2)).addItems(item(cap, 1)).build());

    assertThat(placed.getState()).isEqualTo(Order.State.STATE_PENDING);
    assertThat(placed.getUserId()).isEqualTo(ann.toString());
    assertThat(placed.getShippingAddress()).isEqualTo(ADDRESS);
    assertThat(placed.getTotal()).isEqualTo(Monies.money(4498, "EUR"));
    assertThat(placed.getItems(0).getLineTotal()).isEqualTo(Monies.money(3998, "EUR"));
    Order order = rested(placed);
    assertThat(order.getState()).isEqualTo(Order.State.STATE_CONFIRMED);
    assertThat(order.getPaymentId()).isNotEmpty();
    assertThat(order.getEtag()).isNotEqualTo(placed.getEtag());
    assertThat(shop.inventory.sold(shirt)).isEqualTo(2);
    assertThat(shop.inventory.sold(cap)).isEqualTo(1);
    assertThat(shop.payments.state(order.getOrderId())).isEqualTo(Payment.State.STATE_CAPTURED);
  }

  @Test
  void cancelsAnOrderWhoseCardIsDeclinedAndGivesItsGoodsBack() {
    UUID product = shop.inventory.product(3, 1999, "EUR");

    Order order = rested(place(order("card_declined").addItems(item(product, 2)).build()));

    assertThat(order.getState()).isEqualTo(Order.State.STATE_CANCELLED);
    assertThat(order.getCancelReason())
        .isEqualTo(Order.CancelReason.CANCEL_REASON_PAYMENT_DECLINED);
    assertThat(shop.inventory.available(product)).isEqualTo(3);
    assertThat(shop.inventory.reservation(order.getOrderId()))
        .isEqualTo(Reservation.State.STATE_RELEASED);
  }

  @Test
  void cancelsAnOrderOfWhatIsOutOfStockBeforeAnyMoneyIsAskedFor() {
    UUID product = shop.inventory.product(1, 1999, "EUR");

    Order order = rested(place(order("card_ok").addItems(item(product, 2)).build()));

    assertThat(order.getState()).isEqualTo(Order.State.STATE_CANCELLED);
    assertThat(order.getCancelReason()).isEqualTo(Order.CancelReason.CANCEL_REASON_OUT_OF_STOCK);
    assertThat(shop.inventory.available(product)).isEqualTo(1);
    assertThat(shop.payments.commands()).isEmpty();
  }

  @Test
  void cancelsTheOrderOfAnAccountThatIsNotActive() {
    UUID product = shop.inventory.product(1, 1999, "EUR");
    shop.users.disabled.add(ann);

    Order order = rested(place(order("card_ok").addItems(item(product, 1)).build()));

    assertThat(order.getCancelReason()).isEqualTo(Order.CancelReason.CANCEL_REASON_USER_NOT_ACTIVE);
    assertThat(shop.inventory.commands()).isEmpty();
  }

  @Test
  void answersTheSameRequestWithTheSameOrder() {
    UUID product = shop.inventory.product(10, 1999, "EUR");
    CreateOrderRequest request = order("card_ok").addItems(item(product, 1)).build();
    Order placed = place(request);
    rested(placed);
    shop.inventory.price(product, new Amount(1, "EUR"));

    assertThat(place(request)).isEqualTo(placed);

    assertThat(shop.inventory.sold(product)).isEqualTo(1);
    assertThat(ordersOf(ann)).hasSize(1);
  }

  @Test
  void refusesAnotherRequestUnderTheSameKey() {
    UUID product = shop.inventory.product(10, 1999, "EUR");
    CreateOrderRequest request = order("card_ok").addItems(item(product, 1)).build();
    place(request);

    assertRefused(
        () -> place(request.toBuilder().setPaymentMethod("card_slow").build()),
        Status.Code.INVALID_ARGUMENT,
        "IDEMPOTENCY_KEY_REUSED");
    assertThat(ordersOf(ann)).hasSize(1);
  }

  @Test
  void keepsTheKeysOfUsersApart() {
    UUID product = shop.inventory.product(10, 1999, "EUR");
    CreateOrderRequest request = order("card_ok").addItems(item(product, 1)).build();
    Order ofAnn = place(request);

    Order ofBob = shop.ordersAs(bob).createOrder(request).getOrder();

    assertThat(ofBob.getOrderId()).isNotEqualTo(ofAnn.getOrderId());
    assertThat(ofBob.getUserId()).isEqualTo(bob.toString());
  }

  @Test
  void hidesOrdersFromEverybodyButTheirOwnerAndAdmins() {
    UUID product = shop.inventory.product(10, 1999, "EUR");
    Order ofAnn = place(order("card_ok").addItems(item(product, 1)).build());
    GetOrderRequest get = GetOrderRequest.newBuilder().setOrderId(ofAnn.getOrderId()).build();

    assertRefused(() -> shop.ordersAs(bob).getOrder(get), Status.Code.NOT_FOUND, "ORDER_NOT_FOUND");
    assertThat(ordersOf(bob)).isEmpty();
    assertThat(shop.ordersAs(bob, "admin").getOrder(get).getOrder().getUserId())
        .isEqualTo(ann.toString());
  }

  @Test
  void listsOrdersNewestFirstPageByPageWhileOthersAreAdded() {
    UUID product = shop.inventory.product(100, 1999, "EUR");
    List<String> placed = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      placed.add(place(order("card_ok").addItems(item(product, 1)).build()).getOrderId());
    }
    Collections.reverse(placed);
    List<String> listed = new ArrayList<>();
    String token = "";
    do {
      ListOrdersResponse page =
          shop.ordersAs(ann)
              .listOrders(
                  ListOrdersRequest.newBuilder().setPageSize(2).setPageToken(token).build());
      assertThat(page.getOrdersCount()).isLessThanOrEqualTo(2);
      page.getOrdersList().forEach(order -> listed.add(order.getOrderId()));
      place(order("card_ok").addItems(item(product, 1)).build());
      token = page.getNextPageToken();
    } while (!token.isEmpty());

    assertThat(listed).isEqualTo(placed);
  }

  private Order place(CreateOrderRequest request) {
    return shop.ordersAs(ann).createOrder(request).getOrder();
  }

  private Order rested(Order order) {
    GetOrderRequest get = GetOrderRequest.newBuilder().setOrderId(order.getOrderId()).build();
    return await()
        .pollInterval(Duration.ofMillis(20))
        .until(
            () -> shop.ordersAs(ann).getOrder(get).getOrder(),
            now -> now.getState() != Order.State.STATE_PENDING);
  }

  private List<Order> ordersOf(UUID user) {
    return shop.ordersAs(user).listOrders(ListOrdersRequest.getDefaultInstance()).getOrdersList();
  }

  static CreateOrderRequest.Builder order(String paymentMethod) {
    return CreateOrderRequest.newBuilder()
        .setShippingAddress(ADDRESS)
        .setPaymentMethod(paymentMethod)
        .setRequestId(UUID.randomUUID().toString());
  }

  static NewOrderItem item(UUID product, int quantity) {
    return NewOrderItem.newBuilder().setProductId(product.toString()).setQuantity(quantity).build();
  }

  static void assertRefused(ThrowingCallable call, Status.Code code, String reason) {
    assertThatThrownBy(call)
        .satisfies(
            thrown -> {
              RemoteError error = RemoteError.of(thrown).orElseThrow();
              assertThat(error.code()).isEqualTo(code);
              assertThat(error.reason()).isEqualTo(reason);
            });
  }
}
