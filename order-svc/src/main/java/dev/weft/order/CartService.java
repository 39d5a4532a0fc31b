package dev.weft.order;

import static dev.weft.order.OrderService.answer;
import static dev.weft.order.OrderService.callerId;

import dev.weft.mesh.UuidText;
import dev.weft.shop.order.v1.CartServiceGrpc;
import dev.weft.shop.order.v1.CheckoutRequest;
import dev.weft.shop.order.v1.CheckoutResponse;
import dev.weft.shop.order.v1.GetCartRequest;
import dev.weft.shop.order.v1.GetCartResponse;
import dev.weft.shop.order.v1.RemoveCartItemRequest;
import dev.weft.shop.order.v1.RemoveCartItemResponse;
import dev.weft.shop.order.v1.SetCartItemRequest;
import dev.weft.shop.order.v1.SetCartItemResponse;
import io.grpc.stub.StreamObserver;
import java.util.UUID;

/** The gRPC face of carts; everybody has one, and sees no other. */
final class CartService extends CartServiceGrpc.CartServiceImplBase {
  private static final String CHECKOUT = CartServiceGrpc.getCheckoutMethod().getFullMethodName();

  private final Carts carts;
  private final Orders orders;

  CartService(Carts carts, Orders orders) {
    this.carts = carts;
    this.orders = orders;
  }

  @Override
  public void getCart(GetCartRequest request, StreamObserver<GetCartResponse> reply) {
    answer(
        reply,
        GetCartResponse.newBuilder().setCart(OrderMessages.cart(carts.get(callerId()))).build());
  }

  @Override
  public void setCartItem(SetCartItemRequest request, StreamObserver<SetCartItemResponse> reply) {
    Item item =
        new Item(UuidText.parse("product_id", request.getProductId()), request.getQuantity());
    answer(
        reply,
        SetCartItemResponse.newBuilder()
            .setCart(OrderMessages.cart(carts.set(callerId(), item)))
            .build());
  }

  @Override
  public void removeCartItem(
      RemoveCartItemRequest request, StreamObserver<RemoveCartItemResponse> reply) {
    UUID productId = UuidText.parse("product_id", request.getProductId());
    answer(
        reply,
        RemoveCartItemResponse.newBuilder()
            .setCart(OrderMessages.cart(carts.remove(callerId(), productId)))
            .build());
  }

  @Override
  public void checkout(CheckoutRequest request, StreamObserver<CheckoutResponse> reply) {
    UUID userId = callerId();
    RequestKey key =
        OrderMessages.requestKey(
            userId, CHECKOUT, request.getRequestId(), request.toBuilder().clearRequestId().build());
    answer(
        reply,
        CheckoutResponse.newBuilder()
            .setOrder(orders.checkout(key, OrderMessages.wish(request, userId)))
            .build());
  }
}
