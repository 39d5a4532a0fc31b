package dev.weft.bench;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * How long after an order was accepted its customer's list shows it. One customer orders, and asks
 * for the list as soon as the 201 is there and until it shows the order; every other time with the
 * order in {@code readAfter}, which answers once.
 */
public final class ListLag {
  private static final int WARM_UP = 200;

  private final Customer customer;
  private final String product;

  private ListLag(Customer customer, String product) {
    this.customer = customer;
    this.product = product;
  }

  /**
   * From the 201 to the answer that showed the order.
   *
   * @param reads how many were needed
   */
  private record Seen(double millis, int reads) {}

  /** Runs it: how many orders of each kind. */
  public static void main(String[] args) throws IOException, InterruptedException {
    int orders = args.length > 0 ? Integer.parseInt(args[0]) : 500;
    System.out.println(RunningShop.machine());
    try (RunningShop shop = RunningShop.open("list-lag")) {
      JsonNode demo = shop.demo().get("admin");
      Customer admin =
          Customer.loggedIn(shop.edge(), demo.get("email").asText(), demo.get("password").asText());
      var bench =
          new ListLag(Customer.registered(shop.edge()), admin.makeProduct("Bench of lists"));
      bench.run(WARM_UP);
      bench.run(orders);
      System.out.println("load at the end: " + RunningShop.load());
    }
  }

  private void run(int orders) throws IOException, InterruptedException {
    List<Seen> asked = new ArrayList<>();
    List<Seen> named = new ArrayList<>();
    for (int i = 0; i < orders; i++) {
      asked.add(untilShown(customer.order(product, "card_ok")));
      String order = customer.order(product, "card_ok");
      long start = System.nanoTime();
      JsonNode first = customer.newestOrderAfter(order);
      named.add(new Seen((System.nanoTime() - start) / 1e6, 1));
      if (!first.path("orderId").asText().equals(order)) {
        throw new IllegalStateException("the list is older than order " + order);
      }
    }
    print("list", asked);
    print("list with readAfter", named);
  }

  private Seen untilShown(String order) throws IOException, InterruptedException {
    long start = System.nanoTime();
    for (int reads = 1; ; reads++) {
      Optional<JsonNode> newest = customer.newestOrder();
      if (newest.map(one -> one.path("orderId").asText()).equals(Optional.of(order))) {
        return new Seen((System.nanoTime() - start) / 1e6, reads);
      }
    }
  }

  private static void print(String what, List<Seen> all) {
    List<Double> millis = new ArrayList<>(all.stream().map(Seen::millis).toList());
    Collections.sort(millis);
    System.out.printf(
        Locale.ROOT,
        "%-20s %d orders: shown by the first read %.1f %%; from the 201 until shown, the read"
            + " included: p50 %.1f, p99 %.1f, max %.1f ms%n",
        what,
        all.size(),
        100.0 * all.stream().filter(one -> one.reads() == 1).count() / all.size(),
        millis.get(millis.size() / 2),
        millis.get(millis.size() * 99 / 100),
        millis.getLast());
  }
}
