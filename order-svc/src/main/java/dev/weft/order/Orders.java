package dev.weft.order;

import com.google.protobuf.InvalidProtocolBufferException;
import dev.weft.durable.Database;
import dev.weft.durable.RequestIds;
import dev.weft.durable.SagaRunner;
import dev.weft.durable.UuidV7;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.TraceLink;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import org.jdbi.v3.core.Handle;

/**
 * The use cases of orders. An order is accepted in one transaction: the order, its saga, and the
 * request with its answer are there together or not at all. What takes longer is the saga's.
 *
 * <p>Requests with an id answer the message they answered first; that is what is remembered.
 *
 * <p>Thread-safe.
 */
final class Orders {
  /** PENDING orders of one user at a time: somebody who has more waits, or floods us. */
  static final int PENDING_MAX = 500;

  private static final Duration PENDING_RETRY = Duration.ofSeconds(5);
  private static final int CHECKOUTS_MAX = 3;

  private final Database database;
  private final OrderStore store;
  private final CartStore carts;
  private final Returns returns;
  private final SagaRunner sagas;
  private final OrderFeed feed;
  private final InventoryClient inventory;
  private final Intake intake;
  private final RecentWrites recent = new RecentWrites();

  Orders(
      Database database,
      OrderStore store,
      CartStore carts,
      Returns returns,
      SagaRunner sagas,
      OrderFeed feed,
      InventoryClient inventory,
      Intake intake) {
    this.database = database;
    this.store = store;
    this.carts = carts;
    this.returns = returns;
    this.sagas = sagas;
    this.feed = feed;
    this.inventory = inventory;
    this.intake = intake;
  }

  /** Whose order it is, where it goes and how it is paid. */
  record Wish(UUID userId, Address address, String paymentMethod) {}

  /** Accepts an order of these items. */
  dev.weft.shop.order.v1.Order place(RequestKey request, Wish wish, List<Item> items) {
    intake.check();
    Optional<dev.weft.shop.order.v1.Order> before = recall(request);
    if (before.isPresent()) {
      return before.get();
    }
    // Prices are asked for outside the transaction: it never waits for another service.
    Quote quote;
    try {
      quote = inventory.quote(items);
    } catch (Rejection refusal) {
      return recall(request).orElseThrow(() -> refusal);
    }
    return database.inTransaction(tx -> once(tx, request, () -> accept(tx, wish, quote)));
  }

  /** Accepts an order of what is in the cart, and empties it. */
  dev.weft.shop.order.v1.Order checkout(RequestKey request, Wish wish) {
    intake.check();
    for (int attempt = 1; attempt <= CHECKOUTS_MAX; attempt++) {
      // Before the look for an answer: whoever emptied it under this key has answered by then.
      Cart cart = database.read(tx -> carts.get(tx, wish.userId()));
      Optional<dev.weft.shop.order.v1.Order> before = recall(request);
      if (before.isPresent()) {
        return before.get();
      }
      if (cart.items().isEmpty()) {
        throw Rejection.wrongState("CART_EMPTY", "there is nothing in the cart");
      }
      Quote quote;
      try {
        quote = inventory.quote(cart.items());
      } catch (Rejection refusal) {
        return recall(request).orElseThrow(() -> refusal);
      }
      try {
        return database.inTransaction(
            tx ->
                once(
                    tx,
                    request,
                    () -> {
                      takeFromCart(tx, wish.userId(), cart);
                      return accept(tx, wish, quote);
                    }));
      } catch (CartChangedException e) {
        // What was priced is not what is in the cart: once more.
      }
    }
    throw Rejection.conflict("CART_CHANGED", "the cart keeps changing");
  }

  /**
   * Calls an order off for good: it will be CANCELLED, or REFUNDED if it was CONFIRMED. The order
   * stays locked meanwhile, as it does when the capture begins and when the order is confirmed: of
   * the two only one can come first.
   */
  dev.weft.shop.order.v1.Order cancel(RequestKey request, UUID id, Optional<UUID> visibleTo) {
    return database.inTransaction(
        tx -> once(tx, request, () -> callOff(tx, visible(store.lock(tx, id), visibleTo))));
  }

  private Order callOff(Handle tx, Order order) {
    UUID id = order.id();
    return switch (order.state()) {
      case PENDING -> {
        if (order.captureBegun()) {
          throw notCancellable("too late: the money for the order is being taken right now");
        }
        if (order.calledOff().isPresent()) {
          yield order;
        }
        store.requestCancel(tx, id);
        database.afterCommit(() -> feed.changed(id));
        yield written(store.find(tx, id).orElseThrow());
      }
      case CONFIRMED -> {
        returns.begin(tx, id);
        yield written(store.find(tx, id).orElseThrow());
      }
      case REFUNDING -> order;
      case CANCELLED, REFUNDED ->
          throw notCancellable("the order has ended, it is " + order.state());
    };
  }

  /** An order that this user may see; of anybody when the user is empty. */
  Order get(UUID id, Optional<UUID> visibleTo) {
    return visible(database.read(tx -> store.find(tx, id)), visibleTo);
  }

  /** What became of the request that was sent with one of these keys, as it is now. */
  Order findByRequest(List<RequestIds.Key> keys) {
    return keys.stream()
        .flatMap(key -> database.read(tx -> RequestIds.reply(tx, key)).stream())
        .findFirst()
        .map(reply -> get(UUID.fromString(parse(reply).getOrderId()), Optional.empty()))
        .orElseThrow(
            () ->
                Rejection.notFound(
                    "IDEMPOTENCY_KEY_NOT_FOUND", "no request with this key took effect"));
  }

  /** Accepts an order in the caller's transaction, at prices that were asked for before. */
  Order accept(Handle tx, Wish wish, Quote quote) {
    OrderStore.Standing standing = store.standing(tx, wish.userId(), PENDING_MAX);
    if (standing.user() != UserState.ACTIVE) {
      throw Rejection.forbidden("USER_NOT_ACTIVE", "the account is disabled or deleted");
    }
    if (standing.pending() >= PENDING_MAX) {
      throw Rejection.tooMany(
          "TOO_MANY_OPEN_ORDERS", "too many orders are not finished yet", PENDING_RETRY);
    }
    Order order =
        store.insert(
            tx,
            new OrderStore.NewOrder(
                UuidV7.next(), wish.userId(), quote, wish.address(), wish.paymentMethod()));
    sagas.begin(tx, OrderSaga.NAME, order.id().toString(), TraceLink.current());
    return written(order);
  }

  /** What users did last in this process, and has not been listed. */
  RecentWrites recent() {
    return recent;
  }

  private Order written(Order order) {
    ReadAfter write = new ReadAfter(order.id(), order.version());
    database.afterCommit(() -> recent.wrote(order.userId(), write));
    return order;
  }

  private void takeFromCart(Handle tx, UUID userId, Cart priced) {
    if (carts.touch(tx, userId) != priced.version() + 1) {
      throw new CartChangedException();
    }
    carts.clear(tx, userId);
  }

  private Optional<dev.weft.shop.order.v1.Order> recall(RequestKey request) {
    return database
        .read(tx -> RequestIds.recall(tx, request.key(), request.hash()))
        .map(Orders::answer);
  }

  private static dev.weft.shop.order.v1.Order once(
      Handle tx, RequestKey request, Supplier<Order> effect) {
    return answer(
        RequestIds.once(
            tx,
            request.key(),
            request.hash(),
            () -> OrderMessages.order(effect.get()).toByteArray()));
  }

  private static dev.weft.shop.order.v1.Order answer(RequestIds.Outcome outcome) {
    return switch (outcome) {
      case RequestIds.Outcome.Fresh(byte[] reply) -> parse(reply);
      case RequestIds.Outcome.Replayed(byte[] reply) -> parse(reply);
      case RequestIds.Outcome.Reused() -> throw Rejection.requestIdReused();
      case RequestIds.Outcome.InProgress() -> throw Rejection.requestInProgress();
    };
  }

  private static dev.weft.shop.order.v1.Order parse(byte[] reply) {
    try {
      return dev.weft.shop.order.v1.Order.parseFrom(reply);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException("a remembered answer cannot be read", e);
    }
  }

  private static Order visible(Optional<Order> order, Optional<UUID> visibleTo) {
    return order
        .filter(one -> visibleTo.isEmpty() || visibleTo.get().equals(one.userId()))
        .orElseThrow(() -> Rejection.notFound("ORDER_NOT_FOUND", "no such order"));
  }

  private static Rejection notCancellable(String why) {
    return Rejection.wrongState("ORDER_NOT_CANCELLABLE", why);
  }

  /** The cart is not as it was when it was priced. */
  private static final class CartChangedException extends RuntimeException {
    private static final long serialVersionUID = 1;

    CartChangedException() {
      super(null, null, false, false);
    }
  }
}
