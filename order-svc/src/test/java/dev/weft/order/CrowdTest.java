package dev.weft.order;

import static dev.weft.order.Shop.item;
import static dev.weft.order.Shop.order;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import dev.weft.mesh.MinorUnits;
import dev.weft.order.Faults.When;
import dev.weft.shop.order.v1.CheckoutRequest;
import dev.weft.shop.order.v1.CreateOrderRequest;
import dev.weft.shop.order.v1.Order;
import dev.weft.shop.order.v1.Order.State;
import dev.weft.shop.order.v1.SetCartItemRequest;
import dev.weft.shop.payment.v1.Payment;
import dev.weft.testkit.PostgresExtension;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Many customers at once, each with an order unlike any other. */
@Timeout(120)
final class CrowdTest {
  private static final int ORDERS = 100;

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();

  private final Semaphore connections = new Semaphore(3);
  private final Shop shop = new Shop(postgres.database());

  @AfterEach
  void stop() {
    shop.close();
  }

  /** What one customer wants, which is theirs alone. */
  private record Wanted(
      UUID user, UUID product, int quantity, long unitMinor, String card, Order placed) {
    String id() {
      return placed.getOrderId();
    }

    boolean declined() {
      return card.equals("card_declined");
    }
  }

  @Test
  void ofAHundredSagasAtOnceEachHasItsOwnGoodsItsOwnMoneyAndItsOwnAnswers() throws Exception {
    shop.start(postgres.anotherDatabase());
    shop.start(postgres.database());
    for (String step : List.of("check-user", "reserve", "authorize", "pin", "capture", "confirm")) {
      shop.faults.unavailable(step, When.AFTER, 5);
    }
    List<Future<Wanted>> placing = new ArrayList<>();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < ORDERS; i++) {
        int number = i;
        placing.add(threads.submit(() -> inTurn(() -> place(number))));
      }
    }
    for (Future<Wanted> placed : placing) {
      assertIsItsOwn(placed.get());
    }
    assertThat(shop.payments.captures()).isEqualTo(ORDERS - ORDERS / 4);
  }

  @Test
  void anOrderOfAnotherProductEndsWhileMoreThanRunAtOnceWaitForOneThatIsBusy() {
    shop.start(postgres.database());
    UUID hot = shop.inventory.product(1_000, 100, "EUR");
    UUID cold = shop.inventory.product(1_000, 100, "EUR");
    UUID user = UUID.randomUUID();
    shop.inventory.busy(hot, true);
    List<Order> crowd = new ArrayList<>();
    for (int i = 0; i < 3 * Shop.QUICK.concurrency(); i++) {
      crowd.add(shop.place(user, order("card_ok", hot)));
    }
    // More of them than make a circuit judge.
    await().until(() -> shop.inventory.sentAway() > 2 * crowd.size());

    Order other = shop.ended(shop.place(user, order("card_ok", cold)));

    assertThat(other.getState()).isEqualTo(State.STATE_CONFIRMED);
    assertThat(crowd).allMatch(one -> shop.get(one.getOrderId()).getState() == State.STATE_PENDING);
    shop.inventory.busy(hot, false);
    assertThat(crowd).allMatch(one -> shop.ended(one).getState() == State.STATE_CONFIRMED);
    assertThat(shop.inventory.sold(hot)).isEqualTo(crowd.size());
  }

  @Test
  void noRequestOfACustomerHasAPlaceForAPrice() {
    assertThat(
            Stream.of(
                    CreateOrderRequest.getDescriptor(),
                    CheckoutRequest.getDescriptor(),
                    SetCartItemRequest.getDescriptor())
                .flatMap(CrowdTest::fields)
                .map(FieldDescriptor::getFullName))
        .isNotEmpty()
        .noneMatch(name -> name.matches("(?i).*(price|amount|total|cost|money|currency).*"));
  }

  private <T> T inTurn(Callable<T> call) throws Exception {
    connections.acquire();
    try {
      return call.call();
    } finally {
      connections.release();
    }
  }

  private Wanted place(int number) {
    UUID user = UUID.randomUUID();
    int quantity = number % 7 + 1;
    long unitMinor = 100L + number;
    UUID product = shop.inventory.product(quantity, unitMinor, "EUR");
    String card = number % 4 == 0 ? "card_declined" : "card_ok";
    Order placed =
        shop.place(user, order(card).toBuilder().addItems(item(product, quantity)).build());
    return new Wanted(user, product, quantity, unitMinor, card, placed);
  }

  private void assertIsItsOwn(Wanted wanted) {
    Order order = shop.ended(wanted.placed());
    Payment payment = shop.payments.payment(wanted.id());
    assertThat(order.getState())
        .isEqualTo(wanted.declined() ? State.STATE_CANCELLED : State.STATE_CONFIRMED);
    shop.assertBooksAgree(order);
    assertThat(payment.getUserId()).isEqualTo(wanted.user().toString());
    assertThat(MinorUnits.of(payment.getAmount()))
        .isEqualTo(wanted.unitMinor() * wanted.quantity());
    assertThat(shop.inventory.sold(wanted.product()))
        .isEqualTo(wanted.declined() ? 0 : wanted.quantity());
    assertThat(shop.inventory.available(wanted.product()))
        .isEqualTo(wanted.declined() ? wanted.quantity() : 0);
    if (!wanted.declined()) {
      assertThat(order.getPaymentId()).isEqualTo(payment.getPaymentId());
    }
  }

  private static Stream<FieldDescriptor> fields(Descriptor message) {
    return message.getFields().stream()
        .flatMap(
            field ->
                field.getJavaType() == FieldDescriptor.JavaType.MESSAGE
                    ? Stream.concat(Stream.of(field), fields(field.getMessageType()))
                    : Stream.of(field));
  }
}
