package dev.weft.prove;

import dev.weft.prove.History.Placed;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/**
 * Customers who delete their accounts while orders of theirs are PENDING: one when all is well, one
 * when order-svc is killed before it can have heard of it.
 */
final class Leavers {
  private static final int KEPT = 2;
  private static final int PENDING = 5;
  private static final Duration ENDS = Duration.ofSeconds(30);

  private final Shop shop;
  private final History history;
  private final Shopper admin;
  private final Goods goods;

  /**
   * @param goods of which there are enough
   */
  Leavers(Shop shop, History history, Shopper admin, Goods goods) {
    this.shop = shop;
    this.history = history;
    this.admin = admin;
    this.goods = goods;
  }

  void leave() {
    leave(false);
    leave(true);
  }

  private void leave(boolean orderSvcDies) {
    Shopper leaver = Shopper.registered(shop);
    List<String> kept = place(leaver, KEPT);
    Shop.await(ENDS, () -> kept.stream().allMatch(id -> field(id, "state").endsWith("CONFIRMED")));
    int restarts = shop.folder().restarts(Shop.ORDER);
    // So that no capture begins before order-svc has heard of it.
    shop.signal(Shop.PAYMENT, "STOP");
    try {
      List<String> pending = place(leaver, PENDING);
      long start = history.micros();
      Answer deleted = Shopper.patiently(leaver::delete);
      history.add("leaver", Op.Kind.LEAVE, "", "", start, deleted, leaver.id());
      history.left(new History.Leaving(leaver.id(), kept, pending));
      if (orderSvcDies) {
        shop.signal(Shop.ORDER, "KILL");
        Shop.await(ENDS, () -> shop.folder().restarts(Shop.ORDER) > restarts);
      }
      boolean calledOff =
          Shop.await(
              ENDS,
              () ->
                  pending.stream()
                      .allMatch(id -> field(id, "cancelReason").endsWith("USER_NOT_ACTIVE")));
      if (calledOff) {
        history.count("orders of a deleted user were called off");
      }
    } finally {
      shop.signal(Shop.PAYMENT, "CONT");
    }
    shop.awaitReady(ENDS);
  }

  private List<String> place(Shopper leaver, int count) {
    List<String> orders = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      String key = "leaver-" + UUID.randomUUID();
      String body = Goods.order(List.of(goods), List.of(1), "card_ok");
      Answer answer =
          Shopper.patiently(
              () -> {
                long start = history.micros();
                Answer one = leaver.postText("/v1/orders", key, body);
                history.add("leaver", Op.Kind.CREATE, key, one.text("orderId"), start, one, "");
                return one;
              });
      if (answer.status() != 201) {
        throw new ProofException("an order of somebody who leaves was refused: " + answer);
      }
      String order = answer.text("orderId");
      history.placed(new Placed(order, leaver, key, body, goods.priceMinor(), ""));
      orders.add(order);
    }
    return orders;
  }

  private String field(String order, String name) {
    return admin.get("/v1/orders/" + order).text(name);
  }
}
