package dev.weft.prove;

import com.google.type.Money;
import dev.weft.prove.Books.Order;
import dev.weft.prove.Books.Saga;
import dev.weft.prove.History.Placed;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc;
import dev.weft.shop.inventory.v1.InventoryServiceGrpc.InventoryServiceBlockingStub;
import dev.weft.shop.inventory.v1.ItemQuantity;
import dev.weft.shop.inventory.v1.ReleaseReservationRequest;
import dev.weft.shop.inventory.v1.ReserveStockRequest;
import dev.weft.shop.payment.v1.AuthorizeRequest;
import dev.weft.shop.payment.v1.CaptureRequest;
import dev.weft.shop.payment.v1.PaymentServiceGrpc;
import dev.weft.shop.payment.v1.PaymentServiceGrpc.PaymentServiceBlockingStub;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/**
 * What is tried when the faults are over: more buyers than goods, requests that come when they are
 * too late, and keys after those who know them were killed once more.
 */
final class Aftermath {
  private static final int STOCK = 5;
  private static final int BUYERS = 12;
  private static final int SAMPLE = 20;
  private static final Duration ENDS = Duration.ofSeconds(60);

  private final Shop shop;
  private final History history;
  private final List<Shopper> shoppers;
  private final Shopper admin;
  private final Random random;

  Aftermath(Shop shop, History history, List<Shopper> shoppers, Shopper admin, long seed) {
    this.shop = shop;
    this.history = history;
    this.shoppers = shoppers;
    this.admin = admin;
    random = new Random(seed);
  }

  /** Sells a product that too many want, and returns it. */
  Goods contest() {
    Goods prize = Goods.create(admin, "The last ones", 1_900, STOCK);
    history.contest(new History.Contest(prize.id(), STOCK, BUYERS));
    List<Thread> buyers = new ArrayList<>();
    for (int i = 0; i < BUYERS; i++) {
      Shopper shopper = shoppers.get(i % shoppers.size());
      buyers.add(Thread.ofVirtual().start(() -> buy(shopper, prize)));
    }
    for (Thread buyer : buyers) {
      try {
        buyer.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new ProofException("interrupted");
      }
    }
    return prize;
  }

  /**
   * Asks services again for what order-svc asked them long ago, in its name: the stock of orders
   * that were called off, under the same command; the money of confirmed ones, under another. And
   * for goods whose release comes first.
   */
  void late(Books books) {
    List<Order> orders = new ArrayList<>(books.orders().values());
    Collections.shuffle(orders, random);
    try (Calls calls = Calls.to(shop, Shop.INVENTORY, Shop.ORDER)) {
      var inventory = InventoryServiceGrpc.newBlockingStub(calls.channel());
      for (Order order :
          orders.stream()
              .filter(one -> !one.confirmed() && inventoryKnows(books, one))
              .limit(SAMPLE)
              .toList()) {
        Saga saga = Objects.requireNonNull(books.sagas().get(order.id()));
        reserve(inventory, order.id(), order.items(), saga.id());
      }
      if (!orders.isEmpty()) {
        reserveAfterRelease(inventory, orders.getFirst().items());
      }
    }
    try (Calls calls = Calls.to(shop, Shop.PAYMENT, Shop.ORDER)) {
      var payments = PaymentServiceGrpc.newBlockingStub(calls.channel());
      orders.stream()
          .filter(Order::confirmed)
          .limit(SAMPLE)
          .forEach(order -> charge(payments, order));
    }
  }

  /** Kills who knows the keys, and uses them once more. */
  void keys() {
    List.of(Shop.ORDER, Shop.PAYMENT, Shop.POSTGRES)
        .forEach(
            process -> {
              int before = shop.folder().restarts(process);
              shop.signal(process, "KILL");
              Shop.await(ENDS, () -> shop.folder().restarts(process) > before);
            });
    shop.awaitReady(ENDS);
    List<Placed> placed = new ArrayList<>(history.standing());
    Collections.shuffle(placed, random);
    for (Placed one : placed.subList(0, Math.min(SAMPLE, placed.size()))) {
      Answer answer =
          Shopper.patiently(
              () -> {
                long start = history.micros();
                Answer again = one.owner().postText("/v1/orders", one.key(), one.body());
                history.add("end", Op.Kind.REPEAT_AT_END, one.key(), one.order(), start, again, "");
                return again;
              });
      if (!answer.text("orderId").equals(one.order())) {
        history.violated("I7", "key " + one.key() + " gave " + one.order() + ", then " + answer);
      }
    }
  }

  private void buy(Shopper shopper, Goods prize) {
    String key = "contest-" + UUID.randomUUID();
    String body = Goods.order(List.of(prize), List.of(1), "card_ok");
    Answer answer =
        Shopper.patiently(
            () -> {
              long start = history.micros();
              Answer one = shopper.postText("/v1/orders", key, body);
              history.add("contest", Op.Kind.CREATE, key, one.text("orderId"), start, one, "");
              return one;
            });
    String order = answer.text("orderId");
    if (answer.status() != 201) {
      throw new ProofException("an order of the contest was refused: " + answer);
    }
    history.placed(new Placed(order, shopper, key, body, prize.priceMinor(), ""));
    Shop.await(
        ENDS,
        () -> {
          Answer now = shopper.get("/v1/orders/" + order);
          return now.ok() && !now.text("state").equals("STATE_PENDING");
        });
  }

  /**
   * Whether a reserve or its release was answered once. A reserve that was never sent is nobody's
   * repetition: its goods would be held, and rightly.
   */
  private static boolean inventoryKnows(Books books, Order order) {
    Saga saga = books.sagas().get(order.id());
    return saga != null
        && saga.steps().stream().anyMatch(step -> step.name().equals("reserve") && step.done());
  }

  private void reserveAfterRelease(
      InventoryServiceBlockingStub inventory, Map<String, Long> items) {
    String order = UUID.randomUUID().toString();
    String saga = UUID.randomUUID().toString();
    inventory
        .withDeadlineAfter(10, TimeUnit.SECONDS)
        .releaseReservation(
            ReleaseReservationRequest.newBuilder()
                .setOrderId(order)
                .setCommandId(saga + ":reserve:backward")
                .build());
    reserve(inventory, order, items, saga);
  }

  private void reserve(
      InventoryServiceBlockingStub inventory, String order, Map<String, Long> items, String saga) {
    ReserveStockRequest.Builder request =
        ReserveStockRequest.newBuilder().setOrderId(order).setCommandId(saga + ":reserve:forward");
    items.forEach(
        (product, quantity) ->
            request.addItems(
                ItemQuantity.newBuilder()
                    .setProductId(product)
                    .setQuantity(Math.toIntExact(quantity))));
    send(
        order,
        () -> inventory.withDeadlineAfter(10, TimeUnit.SECONDS).reserveStock(request.build()));
  }

  private void charge(PaymentServiceBlockingStub payments, Order order) {
    String saga = UUID.randomUUID().toString();
    AuthorizeRequest authorize =
        AuthorizeRequest.newBuilder()
            .setOrderId(order.id())
            .setUserId(order.user())
            .setAmount(
                Money.newBuilder()
                    .setCurrencyCode("EUR")
                    .setUnits(order.totalMinor() / 100)
                    .setNanos((int) (order.totalMinor() % 100) * 10_000_000))
            .setPaymentMethod("card_ok")
            .setCommandId(saga + ":authorize:forward")
            .build();
    CaptureRequest capture =
        CaptureRequest.newBuilder()
            .setOrderId(order.id())
            .setCommandId(saga + ":capture:forward")
            .build();
    send(order.id(), () -> payments.withDeadlineAfter(10, TimeUnit.SECONDS).authorize(authorize));
    send(order.id(), () -> payments.withDeadlineAfter(10, TimeUnit.SECONDS).capture(capture));
  }

  /** Whatever is answered: the books will tell what came of it. */
  private void send(String order, Runnable request) {
    try {
      request.run();
    } catch (StatusRuntimeException e) {
      Status.Code code = e.getStatus().getCode();
      if (code != Status.Code.FAILED_PRECONDITION && code != Status.Code.ALREADY_EXISTS) {
        throw new ProofException("a late request for order " + order + " got no answer", e);
      }
    }
    history.sentAgain(order);
  }
}
