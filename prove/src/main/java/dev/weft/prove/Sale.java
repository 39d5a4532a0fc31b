package dev.weft.prove;

import dev.weft.prove.History.Placed;
import java.time.Duration;
import java.util.List;
import java.util.UUID;

/** Somebody who only wants to know whether the shop sells. */
final class Sale {
  private static final Duration PAUSE = Duration.ofMillis(50);

  private final History history;
  private final Shopper shopper;
  private final Goods goods;

  Sale(History history, Shopper shopper, Goods goods) {
    this.history = history;
    this.shopper = shopper;
    this.goods = goods;
  }

  /** Orders until an order is confirmed; false if none is in time. */
  boolean comesTrue(Duration limit) {
    long end = System.nanoTime() + limit.toNanos();
    while (System.nanoTime() < end) {
      String order = place();
      if (!order.isEmpty() && confirmed(order, Duration.ofNanos(end - System.nanoTime()))) {
        return true;
      }
      Shop.pause(PAUSE);
    }
    return false;
  }

  private String place() {
    String key = "sale-" + UUID.randomUUID();
    String body = Goods.order(List.of(goods), List.of(1), "card_ok");
    Answer answer =
        Shopper.patiently(
            () -> {
              long start = history.micros();
              Answer one = shopper.postText("/v1/orders", key, body);
              history.add("sale", Op.Kind.CREATE, key, one.text("orderId"), start, one, "");
              return one;
            });
    if (answer.status() != 201) {
      return "";
    }
    String order = answer.text("orderId");
    history.placed(new Placed(order, shopper, key, body, goods.priceMinor(), ""));
    return order;
  }

  private boolean confirmed(String order, Duration limit) {
    String[] state = {""};
    Shop.await(
        limit,
        () -> {
          state[0] = shopper.get("/v1/orders/" + order).text("state");
          return !state[0].isEmpty() && !state[0].equals("STATE_PENDING");
        });
    return state[0].equals("STATE_CONFIRMED");
  }
}
