package dev.weft.order;

import com.google.protobuf.Message;
import com.google.type.Money;
import dev.weft.durable.RequestIds;
import dev.weft.mesh.MinorUnits;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.Timestamps;
import dev.weft.mesh.UuidText;
import dev.weft.shop.event.v1.OrderFacts;
import dev.weft.shop.event.v1.OrderFactsItem;
import dev.weft.shop.order.v1.CheckoutRequest;
import dev.weft.shop.order.v1.CreateOrderRequest;
import dev.weft.shop.order.v1.ListOrdersResponse;
import dev.weft.shop.order.v1.NewOrderItem;
import dev.weft.shop.order.v1.OrderItem;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * From the contract's messages to the domain and back. Pure; refuses what is not in the contract.
 */
final class OrderMessages {
  private OrderMessages() {}

  static List<Item> items(CreateOrderRequest request) {
    List<Item> items = new ArrayList<>();
    Set<UUID> seen = new HashSet<>();
    for (int i = 0; i < request.getItemsCount(); i++) {
      NewOrderItem item = request.getItems(i);
      String field = "items[" + i + "].product_id";
      UUID productId = UuidText.parse(field, item.getProductId());
      if (!seen.add(productId)) {
        throw Rejection.invalid(field, "has a line already");
      }
      items.add(new Item(productId, item.getQuantity()));
    }
    return items;
  }

  static Orders.Wish wish(CreateOrderRequest request, UUID userId) {
    return new Orders.Wish(
        userId, address(request.getShippingAddress()), request.getPaymentMethod());
  }

  static Orders.Wish wish(CheckoutRequest request, UUID userId) {
    return new Orders.Wish(
        userId, address(request.getShippingAddress()), request.getPaymentMethod());
  }

  /**
   * By what a request is known.
   *
   * @param content the request without its id
   */
  static RequestKey requestKey(UUID userId, String method, String requestId, Message content) {
    return new RequestKey(
        new RequestIds.Key(userId.toString(), method, requestId), sha256(content.toByteArray()));
  }

  static Optional<OrderState> state(dev.weft.shop.order.v1.Order.State state) {
    return switch (state) {
      case STATE_UNSPECIFIED -> Optional.empty();
      case STATE_PENDING -> Optional.of(OrderState.PENDING);
      case STATE_CONFIRMED -> Optional.of(OrderState.CONFIRMED);
      case STATE_CANCELLED -> Optional.of(OrderState.CANCELLED);
      case STATE_REFUNDING -> Optional.of(OrderState.REFUNDING);
      case STATE_REFUNDED -> Optional.of(OrderState.REFUNDED);
      case UNRECOGNIZED -> throw Rejection.invalid("state", "is not one of the states");
    };
  }

  static Optional<CancelReason> reason(dev.weft.shop.order.v1.Order.CancelReason reason) {
    return switch (reason) {
      case CANCEL_REASON_UNSPECIFIED -> Optional.empty();
      case CANCEL_REASON_REQUESTED -> Optional.of(CancelReason.REQUESTED);
      case CANCEL_REASON_OUT_OF_STOCK -> Optional.of(CancelReason.OUT_OF_STOCK);
      case CANCEL_REASON_PAYMENT_DECLINED -> Optional.of(CancelReason.PAYMENT_DECLINED);
      case CANCEL_REASON_USER_NOT_ACTIVE -> Optional.of(CancelReason.USER_NOT_ACTIVE);
      case CANCEL_REASON_TIMED_OUT -> Optional.of(CancelReason.TIMED_OUT);
      case UNRECOGNIZED -> throw Rejection.invalid("cancel_reason", "is not one of the reasons");
    };
  }

  static dev.weft.shop.order.v1.Order order(Order order) {
    String currency = order.total().currency();
    dev.weft.shop.order.v1.Order.Builder message =
        dev.weft.shop.order.v1.Order.newBuilder()
            .setOrderId(order.id().toString())
            .setUserId(order.userId().toString())
            .addAllItems(order.lines().stream().map(line -> item(line, currency)).toList())
            .setTotal(money(order.total()))
            .setState(state(order.state()))
            .setShippingAddress(address(order.address()))
            .setPaymentMethod(order.paymentMethod())
            .setCreateTime(Timestamps.of(order.createTime()))
            .setUpdateTime(Timestamps.of(order.updateTime()))
            .setEtag(etag(order.version()));
    order.shownCancelReason().ifPresent(reason -> message.setCancelReason(reason(reason)));
    order.paymentId().ifPresent(id -> message.setPaymentId(id.toString()));
    return message.build();
  }

  /** The order as others need to know it. */
  static OrderFacts facts(Order order) {
    String currency = order.total().currency();
    OrderFacts.Builder message =
        OrderFacts.newBuilder()
            .setOrderId(order.id().toString())
            .setUserId(order.userId().toString())
            .setTotal(money(order.total()))
            .setState(state(order.state()))
            .setCreateTime(Timestamps.of(order.createTime()))
            .setUpdateTime(Timestamps.of(order.updateTime()))
            .setVersion(order.version());
    for (OrderLine line : order.lines()) {
      message.addItems(
          OrderFactsItem.newBuilder()
              .setProductId(line.productId().toString())
              .setQuantity(line.quantity())
              .setUnitPrice(MinorUnits.money(line.unitMinor(), currency)));
    }
    order.shownCancelReason().ifPresent(reason -> message.setCancelReason(reason(reason)));
    order.paymentId().ifPresent(id -> message.setPaymentId(id.toString()));
    return message.build();
  }

  static ListOrdersResponse orders(OrderQueries.Page page) {
    return ListOrdersResponse.newBuilder()
        .addAllOrders(page.orders().stream().map(OrderMessages::order).toList())
        .setNextPageToken(page.nextToken())
        .setTotalSize((int) Math.min(page.total(), Integer.MAX_VALUE))
        .build();
  }

  static dev.weft.shop.order.v1.OrderChange change(OrderChange.Told told) {
    dev.weft.shop.order.v1.OrderChange.Builder message =
        dev.weft.shop.order.v1.OrderChange.newBuilder()
            .setEventId(told.eventId().toString())
            .setType(told.type())
            .setState(state(told.state()))
            .setChangeTime(Timestamps.of(told.time()))
            .setEtag(etag(told.version()));
    told.shownReason().ifPresent(reason -> message.setCancelReason(reason(reason)));
    return message.build();
  }

  /** A cart; what is no longer sold has no title and no price. */
  static dev.weft.shop.order.v1.Cart cart(Carts.Priced priced) {
    dev.weft.shop.order.v1.Cart.Builder message = dev.weft.shop.order.v1.Cart.newBuilder();
    for (Item item : priced.cart().items()) {
      Quote quote = priced.lines().get(item.productId());
      message.addItems(
          quote == null
              ? OrderItem.newBuilder()
                  .setProductId(item.productId().toString())
                  .setQuantity(item.quantity())
                  .build()
              : item(quote.lines().getFirst(), quote.total().currency()));
    }
    priced.total().ifPresent(total -> message.setTotal(money(total)));
    priced.cart().updateTime().ifPresent(time -> message.setUpdateTime(Timestamps.of(time)));
    return message.build();
  }

  private static OrderItem item(OrderLine line, String currency) {
    return OrderItem.newBuilder()
        .setProductId(line.productId().toString())
        .setTitle(line.title())
        .setQuantity(line.quantity())
        .setUnitPrice(MinorUnits.money(line.unitMinor(), currency))
        .setLineTotal(MinorUnits.money(line.totalMinor(), currency))
        .build();
  }

  private static String etag(long version) {
    return "\"" + version + "\"";
  }

  private static Money money(Amount amount) {
    return MinorUnits.money(amount.minor(), amount.currency());
  }

  private static Address address(dev.weft.shop.order.v1.Address address) {
    return new Address(
        address.getName(),
        address.getLine1(),
        address.getLine2(),
        address.getCity(),
        address.getPostalCode(),
        address.getCountryCode());
  }

  private static dev.weft.shop.order.v1.Address address(Address address) {
    return dev.weft.shop.order.v1.Address.newBuilder()
        .setName(address.name())
        .setLine1(address.line1())
        .setLine2(address.line2())
        .setCity(address.city())
        .setPostalCode(address.postalCode())
        .setCountryCode(address.country())
        .build();
  }

  private static dev.weft.shop.order.v1.Order.State state(OrderState state) {
    return switch (state) {
      case PENDING -> dev.weft.shop.order.v1.Order.State.STATE_PENDING;
      case CONFIRMED -> dev.weft.shop.order.v1.Order.State.STATE_CONFIRMED;
      case CANCELLED -> dev.weft.shop.order.v1.Order.State.STATE_CANCELLED;
      case REFUNDING -> dev.weft.shop.order.v1.Order.State.STATE_REFUNDING;
      case REFUNDED -> dev.weft.shop.order.v1.Order.State.STATE_REFUNDED;
    };
  }

  private static dev.weft.shop.order.v1.Order.CancelReason reason(CancelReason reason) {
    return switch (reason) {
      case REQUESTED -> dev.weft.shop.order.v1.Order.CancelReason.CANCEL_REASON_REQUESTED;
      case OUT_OF_STOCK -> dev.weft.shop.order.v1.Order.CancelReason.CANCEL_REASON_OUT_OF_STOCK;
      case PAYMENT_DECLINED ->
          dev.weft.shop.order.v1.Order.CancelReason.CANCEL_REASON_PAYMENT_DECLINED;
      case USER_NOT_ACTIVE ->
          dev.weft.shop.order.v1.Order.CancelReason.CANCEL_REASON_USER_NOT_ACTIVE;
      case TIMED_OUT -> dev.weft.shop.order.v1.Order.CancelReason.CANCEL_REASON_TIMED_OUT;
    };
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
