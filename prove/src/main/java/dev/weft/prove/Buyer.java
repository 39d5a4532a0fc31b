package dev.weft.prove;

import dev.weft.prove.History.Placed;
import java.time.Duration;
import java.util.List;
import java.util.UUID;

/** A customer beside all others, who buys one thing at a time and sees what becomes of it. */
final class Buyer {
  static final String CONFIRMED = "STATE_CONFIRMED";
  static final String REFUNDED = "STATE_REFUNDED";

  private final History history;
  private final Goods goods;
  private final String client;
  private final Shopper shopper;

  /**
   * Registers one.
   *
   * @param goods of which there are enough
   * @param client as the history calls whoever tries something with it
   */
  Buyer(Shop shop, History history, Goods goods, String client) {
    this.history = history;
    this.goods = goods;
    this.client = client;
    shopper = Shopper.registered(shop);
  }

  /** The user's id. */
  String id() {
    return shopper.id();
  }

  /** Orders one; returns the order. */
  String buy() {
    String key = client + "-" + UUID.randomUUID();
    String body = Goods.order(List.of(goods), List.of(1), "card_ok");
    Answer answer =
        Shopper.patiently(
            () -> {
              long start = history.micros();
              Answer one = shopper.postText("/v1/orders", key, body);
              history.add(client, Op.Kind.CREATE, key, one.text("orderId"), start, one, "");
              return one;
            });
    String order = answer.text("orderId");
    if (answer.status() != 201) {
      throw new ProofException("an order beside a fault was refused: " + answer);
    }
    history.placed(new Placed(order, shopper, key, body, goods.priceMinor(), ""));
    return order;
  }

  /** Calls the order off. */
  void callOff(String order) {
    String key = "c-" + client + "-" + UUID.randomUUID();
    Answer _ =
        Shopper.patiently(
            () -> {
              long start = history.micros();
              Answer one = shopper.postText("/v1/orders/" + order + ":cancel", key, "{}");
              history.add(client, Op.Kind.CANCEL, key, order, start, one, "");
              return one;
            });
  }

  /** An admin gives all of the order's money back; returns its payment. */
  String isGivenBack(String order, Shopper admin) {
    String payment = Shopper.patiently(() -> shopper.get("/v1/orders/" + order)).text("paymentId");
    String key = "r-" + client + "-" + UUID.randomUUID();
    long minor = goods.priceMinor();
    Answer answer =
        Shopper.patiently(
            () -> {
              long start = history.micros();
              Answer one = admin.refund(payment, key, minor);
              history.add(client, Op.Kind.REFUND, key, order, start, one, minor + " cents");
              return one;
            });
    if (answer.ok()) {
      history.refunded(new History.Refund(order, key, minor));
    }
    return payment;
  }

  /** Whether the order comes to the state in time. */
  boolean sees(String order, String state, Duration limit) {
    return Shop.await(limit, () -> shopper.get("/v1/orders/" + order).text("state").equals(state));
  }

  /** Whether the order's history comes to the state in time. */
  boolean isShown(String order, String state, Duration limit) {
    return Shop.await(limit, () -> Crash.shown(shopper, order).equals(state));
  }
}
