package dev.weft.order;

import static dev.weft.order.Refused.refused;
import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.mesh.MinorUnits;
import dev.weft.order.Faults.When;
import dev.weft.shop.order.v1.Cart;
import dev.weft.shop.order.v1.CheckoutRequest;
import dev.weft.shop.order.v1.GetCartRequest;
import dev.weft.shop.order.v1.GetOrderByIdempotencyKeyRequest;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.Order.State;
import dev.weft.shop.order.v1.OrderItem;
import dev.weft.shop.order.v1.RemoveCartItemRequest;
import dev.weft.shop.order.v1.SetCartItemRequest;
import dev.weft.testkit.PostgresExtension;
import io.grpc.Status;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Carts through their contract. */
final class CartSvcTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();

  private final UUID ann = UUID.randomUUID();
  private Shop shop;
  private UUID shirt;
  private UUID cap;

  @BeforeEach
  void start() {
    shop = new Shop(postgres.database());
    shop.start(postgres.database());
    shirt = shop.inventory.product(10, 1999, "EUR");
    cap = shop.inventory.product(10, 500, "EUR");
  }

  @AfterEach
  void stop() {
    shop.close();
  }

  @Test
  void holdsQuantitiesAtTodaysPrices() {
    assertThat(cart()).isEqualTo(Cart.getDefaultInstance());
    set(shirt, 1);
    set(cap, 3);
    Cart cart = set(shirt, 2);

    assertThat(cart.getItemsList())
        .extracting(OrderItem::getProductId)
        .containsExactly(shirt.toString(), cap.toString());
    assertThat(cart.getItems(0).getQuantity()).isEqualTo(2);
    assertThat(cart.getTotal()).isEqualTo(MinorUnits.money(5498, "EUR"));
    shop.inventory.price(cap, new Amount(100, "EUR"));
    assertThat(cart().getTotal()).isEqualTo(MinorUnits.money(4298, "EUR"));
    assertThat(
            shop.cartAs(UUID.randomUUID()).getCart(GetCartRequest.getDefaultInstance()).getCart())
        .isEqualTo(Cart.getDefaultInstance());
  }

  @Test
  void takesProductsOut() {
    set(shirt, 1);
    set(cap, 1);

    Cart cart = remove(shirt);

    assertThat(cart.getItemsList()).hasSize(1);
    assertThat(remove(shirt)).isEqualTo(cart);
    assertThat(remove(cap).hasTotal()).isFalse();
  }

  @Test
  void ordersWhatIsInItAndIsEmptyThen() {
    set(shirt, 2);
    set(cap, 1);
    CheckoutRequest request = checkout();

    Order placed = shop.cartAs(ann).checkout(request).getOrder();

    assertThat(placed.getState()).isEqualTo(State.STATE_PENDING);
    assertThat(placed.getTotal()).isEqualTo(MinorUnits.money(4498, "EUR"));
    assertThat(cart().getItemsList()).isEmpty();
    Order order = shop.ended(placed);
    assertThat(order.getState()).isEqualTo(State.STATE_CONFIRMED);
    assertThat(shop.cartAs(ann).checkout(request).getOrder()).isEqualTo(placed);
    assertThat(
            shop.ordersAs(ann)
                .getOrderByIdempotencyKey(
                    GetOrderByIdempotencyKeyRequest.newBuilder()
                        .setKey(request.getRequestId())
                        .build())
                .getOrder())
        .isEqualTo(order);
    refused(
        Status.Code.FAILED_PRECONDITION, "CART_EMPTY", () -> shop.cartAs(ann).checkout(checkout()));
  }

  @Test
  void neverOrdersWhatWasPutInAfterItWasPriced() {
    set(shirt, 1);
    shop.faults.next("quote", When.AFTER, () -> set(cap, 1));

    Order placed = shop.cartAs(ann).checkout(checkout()).getOrder();

    // It was priced once more, and ordered whole.
    assertThat(placed.getItemsList()).hasSize(2);
    assertThat(placed.getTotal()).isEqualTo(MinorUnits.money(2499, "EUR"));
    assertThat(cart().getItemsList()).isEmpty();
  }

  @Test
  void showsWhatIsNoLongerSoldWithoutAPriceAndDoesNotOrderIt() {
    set(shirt, 1);
    set(cap, 1);
    shop.inventory.discontinue(shirt);

    Cart cart = cart();

    assertThat(cart.getItems(0).hasUnitPrice()).isFalse();
    assertThat(cart.getItems(0).getProductId()).isEqualTo(shirt.toString());
    assertThat(cart.getTotal()).isEqualTo(MinorUnits.money(500, "EUR"));
    refused(
        Status.Code.NOT_FOUND, "PRODUCT_NOT_FOUND", () -> shop.cartAs(ann).checkout(checkout()));
    remove(shirt);
    assertThat(shop.cartAs(ann).checkout(checkout()).getOrder().getItemsList()).hasSize(1);
  }

  @Test
  void refusesWhatItCannotHold() {
    UUID dollars = shop.inventory.product(10, 100, "USD");
    set(shirt, 1);

    refused(Status.Code.NOT_FOUND, "PRODUCT_NOT_FOUND", () -> set(UUID.randomUUID(), 1));
    refused(Status.Code.FAILED_PRECONDITION, "MIXED_CURRENCIES", () -> set(dollars, 1));
    postgres
        .database()
        .inTransactionVoid(
            tx ->
                tx.execute(
                    "INSERT INTO cart_item (user_id, product_id, quantity)"
                        + " SELECT ?, gen_random_uuid(), 1 FROM generate_series(2, ?)",
                    ann,
                    Carts.PRODUCTS_MAX));
    refused(Status.Code.FAILED_PRECONDITION, "CART_FULL", () -> set(cap, 1));
    assertThat(set(shirt, 2).getItemsCount()).isEqualTo(Carts.PRODUCTS_MAX);
  }

  private Cart cart() {
    return shop.cartAs(ann).getCart(GetCartRequest.getDefaultInstance()).getCart();
  }

  private Cart set(UUID product, int quantity) {
    return shop.cartAs(ann)
        .setCartItem(
            SetCartItemRequest.newBuilder()
                .setProductId(product.toString())
                .setQuantity(quantity)
                .build())
        .getCart();
  }

  private Cart remove(UUID product) {
    return shop.cartAs(ann)
        .removeCartItem(RemoveCartItemRequest.newBuilder().setProductId(product.toString()).build())
        .getCart();
  }

  private static CheckoutRequest checkout() {
    return CheckoutRequest.newBuilder()
        .setShippingAddress(Shop.ADDRESS)
        .setPaymentMethod("card_ok")
        .setRequestId(UUID.randomUUID().toString())
        .build();
  }
}
