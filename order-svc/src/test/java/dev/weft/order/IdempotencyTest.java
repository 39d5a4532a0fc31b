package dev.weft.order;

import static dev.weft.order.Refused.refused;
import static dev.weft.order.Shop.item;
import static dev.weft.order.Shop.order;
import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.durable.RequestIds;
import dev.weft.mesh.RemoteError;
import dev.weft.order.Faults.When;
import dev.weft.shop.order.v1.CancelOrderRequest;
import dev.weft.shop.order.v1.CartServiceGrpc;
import dev.weft.shop.order.v1.CheckoutRequest;
import dev.weft.shop.order.v1.CreateOrderRequest;
import dev.weft.shop.order.v1.GetOrderByIdempotencyKeyRequest;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.Order.State;
import dev.weft.shop.order.v1.OrderServiceGrpc;
import dev.weft.shop.order.v1.SetCartItemRequest;
import dev.weft.testkit.PostgresExtension;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What request_id promises for every call of order-svc that takes one. */
final class IdempotencyTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();

  private final UUID ann = UUID.randomUUID();
  private final UUID bob = UUID.randomUUID();
  private final String key = UUID.randomUUID().toString();
  private Shop shop;
  private UUID product;

  @BeforeEach
  void start() {
    shop = new Shop(postgres.database());
    shop.start(postgres.database());
    product = shop.inventory.product(100, 1999, "EUR");
  }

  @AfterEach
  void stop() {
    postgres.database().shiftClock(Duration.ZERO);
    shop.close();
  }

  @Test
  void aRequestGetsTheAnswerOfItsTwinAlsoWhenItWouldBeRefusedByNow() {
    fillCart(ann);
    var answers = new CopyOnWriteArrayList<Order>();
    shop.faults.next(
        "quote",
        When.BEFORE,
        () -> {
          answers.add(shop.cartAs(ann).checkout(checkout()).getOrder());
          shop.inventory.discontinue(product);
        });
    answers.add(shop.cartAs(ann).checkout(checkout()).getOrder());
    product = shop.inventory.product(100, 1999, "EUR");
    shop.faults.next(
        "quote",
        When.BEFORE,
        () -> {
          answers.add(shop.place(ann, create()));
          shop.inventory.discontinue(product);
        });
    answers.add(shop.place(ann, create()));

    assertThat(answers.get(1)).isEqualTo(answers.get(0));
    assertThat(answers.get(3)).isEqualTo(answers.get(2)).isNotEqualTo(answers.get(0));
  }

  @Test
  void aCartIsNeverFoundEmptyByTheTwinOfTheRequestThatEmptiedIt() throws Exception {
    for (int round = 0; round < 25; round++) {
      fillCart(ann);
      CheckoutRequest request =
          checkout().toBuilder().setRequestId(UUID.randomUUID().toString()).build();
      var start = new CyclicBarrier(2);
      Callable<String> twin =
          () -> {
            start.await();
            try {
              return shop.cartAs(ann).checkout(request).getOrder().getOrderId();
            } catch (StatusRuntimeException e) {
              return e.getStatus().getCode().name();
            }
          };
      try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
        List<String> answers = new ArrayList<>();
        for (Future<String> one : threads.invokeAll(List.of(twin, twin))) {
          answers.add(one.get());
        }
        answers.remove(Status.Code.ABORTED.name()); // the other is at it: come back
        assertThat(answers).doesNotContain("FAILED_PRECONDITION");
        assertThat(Set.copyOf(answers)).hasSize(1);
      }
    }
  }

  @Test
  void everyCallIsRefusedAndToldToComeBackWhileItsFirstRequestRuns() throws Exception {
    fillCart(ann);
    Order held = held();

    inProgress(OrderServiceGrpc.getCreateOrderMethod(), () -> shop.place(ann, create()));
    inProgress(CartServiceGrpc.getCheckoutMethod(), () -> shop.cartAs(ann).checkout(checkout()));
    inProgress(
        OrderServiceGrpc.getCancelOrderMethod(),
        () -> shop.ordersAs(ann).cancelOrder(cancel(held)));

    // And is served when it comes back.
    assertThat(shop.place(ann, create()).getState()).isEqualTo(State.STATE_PENDING);
    assertThat(shop.cartAs(ann).checkout(checkout()).hasOrder()).isTrue();
    shop.ordersAs(ann).cancelOrder(cancel(held));
  }

  @Test
  void everyCallRefusesAnotherBodyUnderItsKeyAndChangesNothing() {
    fillCart(ann);
    Order held = held();
    Order other = held();
    shop.place(ann, create());
    shop.cartAs(ann).checkout(checkout());
    shop.ordersAs(ann).cancelOrder(cancel(held));

    reused(() -> shop.place(ann, create().toBuilder().setPaymentMethod("card_slow").build()));
    reused(
        () -> shop.cartAs(ann).checkout(checkout().toBuilder().setPaymentMethod("card_x").build()));
    reused(() -> shop.ordersAs(ann).cancelOrder(cancel(other)));

    assertThat(shop.orders(ann)).isEqualTo(4);
  }

  @Test
  void everyCallAnswersTheSameAgainWhateverBecameOfTheOrder() {
    fillCart(ann);
    Order held = held();
    Order placed = shop.place(ann, create());
    Order bought = shop.cartAs(ann).checkout(checkout()).getOrder();
    Order cancelled = shop.ordersAs(ann).cancelOrder(cancel(held)).getOrder();
    shop.faults.heal("authorize");
    shop.ended(placed);
    shop.ended(bought);
    shop.ended(held);

    assertThat(shop.place(ann, create())).isEqualTo(placed);
    assertThat(shop.cartAs(ann).checkout(checkout()).getOrder()).isEqualTo(bought);
    assertThat(shop.ordersAs(ann).cancelOrder(cancel(held)).getOrder()).isEqualTo(cancelled);
  }

  @Test
  void aKeyBelongsToItsCallerAndItsMethod() {
    fillCart(ann);
    Order held = held();

    String placed = shop.place(ann, create()).getOrderId();
    String bought = shop.cartAs(ann).checkout(checkout()).getOrder().getOrderId();
    String cancelled = shop.ordersAs(ann).cancelOrder(cancel(held)).getOrder().getOrderId();
    String ofBob = shop.place(bob, create()).getOrderId();

    assertThat(cancelled).isEqualTo(held.getOrderId());
    assertThat(placed).isNotIn(bought, cancelled, ofBob);
    assertThat(bought).isNotIn(cancelled, ofBob);
  }

  @Test
  void aRefusalIsNotRememberedSoThatTheKeyMayComeAgain() {
    CreateOrderRequest unknown = order("card_ok", UUID.randomUUID());
    refused(Status.Code.NOT_FOUND, "PRODUCT_NOT_FOUND", () -> shop.place(ann, unknown));
    refused(
        Status.Code.NOT_FOUND,
        "IDEMPOTENCY_KEY_NOT_FOUND",
        () -> shop.ordersAs(ann).getOrderByIdempotencyKey(find(unknown.getRequestId())));

    // Also with another body: nothing happened under it.
    Order order =
        shop.place(ann, unknown.toBuilder().clearItems().addItems(item(product, 1)).build());

    assertThat(
            shop.ordersAs(ann)
                .getOrderByIdempotencyKey(find(unknown.getRequestId()))
                .getOrder()
                .getOrderId())
        .isEqualTo(order.getOrderId());
    assertThat(shop.orders(ann)).isEqualTo(1);
  }

  @Test
  void aKeyIsRememberedForAWeekAndItsOrderForEver() {
    Order placed = shop.ended(shop.place(ann, create()));

    postgres.database().shiftClock(Duration.ofDays(6));
    forget();
    assertThat(shop.place(ann, create()).getOrderId()).isEqualTo(placed.getOrderId());

    postgres.database().shiftClock(Duration.ofDays(8));
    forget();
    refused(
        Status.Code.NOT_FOUND,
        "IDEMPOTENCY_KEY_NOT_FOUND",
        () -> shop.ordersAs(ann).getOrderByIdempotencyKey(find(key)));
    assertThat(shop.get(placed.getOrderId())).isEqualTo(placed);
  }

  @Test
  void theOutcomeIsFoundByTheKeyOfEveryCall() {
    Order held = held();
    shop.ordersAs(ann).cancelOrder(cancel(held));
    shop.faults.heal("authorize");
    Order cancelled = shop.ended(held);

    assertThat(shop.ordersAs(ann).getOrderByIdempotencyKey(find(key)).getOrder())
        .isEqualTo(cancelled);
    refused(
        Status.Code.NOT_FOUND,
        "IDEMPOTENCY_KEY_NOT_FOUND",
        () -> shop.ordersAs(bob).getOrderByIdempotencyKey(find(key)));
  }

  /** Makes the call while another one with its key has not committed. */
  private void inProgress(MethodDescriptor<?, ?> method, ThrowingCallable call) throws Exception {
    RequestIds.Key first = new RequestIds.Key(ann.toString(), method.getFullMethodName(), key);
    CountDownLatch running = new CountDownLatch(1);
    CountDownLatch end = new CountDownLatch(1);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<?> other = threads.submit(() -> runAndRollBack(first, running, end));
      assertThat(running.await(5, TimeUnit.SECONDS)).isTrue();
      RemoteError error = refused(Status.Code.ABORTED, "IDEMPOTENCY_IN_PROGRESS", call);
      assertThat(error.metadata()).containsEntry("http_status", "409");
      assertThat(error.retryAfter()).hasValue(Duration.ofSeconds(1));
      end.countDown();
      other.get(5, TimeUnit.SECONDS);
    }
  }

  private static void runAndRollBack(
      RequestIds.Key first, CountDownLatch running, CountDownLatch end) {
    try {
      postgres
          .database()
          .inTransactionVoid(
              tx ->
                  RequestIds.once(
                      tx,
                      first,
                      new byte[] {1},
                      () -> {
                        running.countDown();
                        throw new GaveUpException(await(end));
                      }));
    } catch (GaveUpException e) {
      assertThat(e.asked).isTrue();
    }
  }

  private static boolean await(CountDownLatch latch) {
    try {
      return latch.await(5, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  private static final class GaveUpException extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final boolean asked;

    GaveUpException(boolean asked) {
      this.asked = asked;
    }
  }

  private static void reused(ThrowingCallable call) {
    RemoteError error = refused(Status.Code.INVALID_ARGUMENT, "IDEMPOTENCY_KEY_REUSED", call);
    assertThat(error.metadata()).containsEntry("http_status", "422");
  }

  /** An order that stays PENDING, so that it can be called off. */
  private Order held() {
    shop.faults.away("authorize");
    return shop.place(ann, order("card_ok", product));
  }

  private void fillCart(UUID user) {
    shop.cartAs(user)
        .setCartItem(
            SetCartItemRequest.newBuilder()
                .setProductId(product.toString())
                .setQuantity(1)
                .build());
  }

  private CreateOrderRequest create() {
    return order("card_ok", product).toBuilder().setRequestId(key).build();
  }

  private CheckoutRequest checkout() {
    return CheckoutRequest.newBuilder()
        .setShippingAddress(Shop.ADDRESS)
        .setPaymentMethod("card_ok")
        .setRequestId(key)
        .build();
  }

  private CancelOrderRequest cancel(Order order) {
    return CancelOrderRequest.newBuilder().setOrderId(order.getOrderId()).setRequestId(key).build();
  }

  private static GetOrderByIdempotencyKeyRequest find(String key) {
    return GetOrderByIdempotencyKeyRequest.newBuilder().setKey(key).build();
  }

  private static void forget() {
    postgres.database().inTransactionVoid(tx -> RequestIds.forget(tx, 1_000));
  }
}
