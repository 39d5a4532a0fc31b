package dev.weft.prove;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.weft.prove.History.Placed;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Customers who order, repeat, call off and look, each by a script that follows from the seed; the
 * same seed makes the same requests. Every answer goes into the history, and what may never be seen
 * is held against it at once.
 */
final class Workload {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int RECENT = 20;

  private final History history;
  private final List<Shopper> shoppers;
  private final Shopper admin;
  private final List<Goods> goods;
  private final long seed;

  /**
   * @param goods the last one is the scarce one
   */
  Workload(History history, List<Shopper> shoppers, Shopper admin, List<Goods> goods, long seed) {
    this.history = history;
    this.shoppers = List.copyOf(shoppers);
    this.admin = admin;
    this.goods = List.copyOf(goods);
    this.seed = seed;
  }

  /** Lets every customer shop until the latch opens; then settles what nobody knew. */
  void run(CountDownLatch enough) {
    List<Future<?>> customers = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < shoppers.size(); i++) {
        Customer customer = new Customer(i, shoppers.get(i), new Random(seed * 31 + i));
        customers.add(
            threads.submit(
                () -> {
                  while (!enough.await(customer.thinks(), TimeUnit.MILLISECONDS)) {
                    customer.act();
                  }
                  customer.settle();
                  return null;
                }));
      }
      for (Future<?> customer : customers) {
        customer.get();
      }
    } catch (ExecutionException e) {
      throw new ProofException("a customer failed: " + e.getCause(), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    }
  }

  /** A request for an order, whatever came of it so far. */
  private record Wish(String key, String body, long totalMinor) {}

  /** A request for a refund, whatever came of it so far. */
  private record GiveBack(String order, String payment, String key, long minor) {}

  private final class Customer {
    private final String name;
    private final Shopper shopper;
    private final Random random;
    private final List<Placed> mine = new ArrayList<>();
    private final List<Wish> unknown = new ArrayList<>();
    private final List<GiveBack> unsettled = new ArrayList<>();
    private int keys;

    Customer(int index, Shopper shopper, Random random) {
      this.name = "customer-" + index;
      this.shopper = shopper;
      this.random = random;
    }

    long thinks() {
      return random.nextInt(20, 120);
    }

    void act() {
      int dice = random.nextInt(100);
      if (dice < 45 || mine.isEmpty()) {
        create("card_ok");
      } else if (dice < 53) {
        create(random.nextBoolean() ? "card_declined" : "card_insufficient_funds");
      } else if (dice < 56) {
        create(random.nextBoolean() ? "card_slow" : "card_timeout");
      } else if (dice < 68) {
        cancel(recent());
      } else if (dice < 76) {
        repeat(recent());
      } else if (dice < 80) {
        race();
      } else if (dice < 83) {
        reuse(recent());
      } else if (dice < 85) {
        withoutKey();
      } else if (dice < 87) {
        foreign();
      } else if (dice < 90) {
        restock();
      } else if (dice < 94) {
        refund(recent());
      } else {
        look(recent());
      }
      if (!unknown.isEmpty() && random.nextInt(4) == 0) {
        place(unknown.removeFirst(), Op.Kind.REPEAT);
      }
    }

    /** Asks again, patiently, for every order that nobody knows about. */
    void settle() {
      while (!unknown.isEmpty()) {
        Wish wish = unknown.removeFirst();
        Answer answer = Shopper.patiently(() -> post(wish, Op.Kind.REPEAT, wish.body));
        learn(wish, answer);
        if (!answer.definite()) {
          history.violated("O4", "order by key " + wish.key + " never got a definite answer");
          unknown.remove(wish);
        }
      }
      for (GiveBack wish : unsettled) {
        if (!Shopper.patiently(() -> post(wish)).definite()) {
          history.violated("I6", "refund " + wish.key + " never got a definite answer");
        }
      }
    }

    private void create(String card) {
      place(wish(card), Op.Kind.CREATE);
    }

    private Wish wish(String card) {
      List<Goods> lines = new ArrayList<>(goods.subList(0, goods.size() - 1));
      Collections.shuffle(lines, random);
      lines = new ArrayList<>(lines.subList(0, random.nextInt(1, Math.min(3, lines.size()) + 1)));
      if (random.nextInt(6) == 0) {
        lines.add(goods.getLast());
      }
      List<Integer> quantities = lines.stream().map(_ -> random.nextInt(1, 4)).toList();
      long total = 0;
      for (int i = 0; i < lines.size(); i++) {
        total += lines.get(i).priceMinor() * quantities.get(i);
      }
      return new Wish(
          name + "-" + seed + "-" + keys++, Goods.order(lines, quantities, card), total);
    }

    private void place(Wish wish, Op.Kind kind) {
      learn(wish, post(wish, kind, wish.body));
    }

    private void learn(Wish wish, Answer answer) {
      if (answer.status() == 201) {
        Placed placed =
            new Placed(answer.text("orderId"), shopper, wish.key, wish.body, wish.totalMinor, "");
        history.placed(placed);
        mine.add(placed);
      } else if (!answer.definite()) {
        unknown.add(wish);
      }
    }

    private Answer post(Wish wish, Op.Kind kind, String body) {
      long start = history.micros();
      Answer answer = shopper.postText("/v1/orders", wish.key, body);
      history.add(name, kind, wish.key, answer.text("orderId"), start, answer, "");
      return answer;
    }

    /** The same key and order again: the same answer, also when the fields stand elsewhere. */
    private void repeat(Placed order) {
      boolean reordered = random.nextBoolean();
      Wish wish = new Wish(order.key(), order.body(), order.totalMinor());
      Op.Kind kind = reordered ? Op.Kind.REPEAT_REORDERED : Op.Kind.REPEAT;
      Answer answer = post(wish, kind, reordered ? reordered(order.body()) : order.body());
      if (answer.status() == 201) {
        history.count("stored reply replayed");
        if (!answer.text("orderId").equals(order.order())) {
          history.violated(
              reordered ? "I9" : "I1",
              "key " + order.key() + " gave " + order.order() + ", then " + answer);
        }
      } else if (answer.definite()) {
        history.violated(reordered ? "I9" : "I1", "a repeated order got " + answer);
      }
    }

    /** Two at the same moment: one order, and the other one is told so or told to wait. */
    private void race() {
      Wish wish = wish("card_ok");
      Callable<Answer> request = () -> post(wish, Op.Kind.RACE, wish.body);
      try (ExecutorService two = Executors.newVirtualThreadPerTaskExecutor()) {
        List<Answer> answers = new ArrayList<>();
        for (Future<Answer> answer : two.invokeAll(List.of(request, request, request))) {
          answers.add(answer.get());
        }
        List<String> orders =
            answers.stream()
                .filter(answer -> answer.status() == 201)
                .map(answer -> answer.text("orderId"))
                .distinct()
                .toList();
        if (orders.size() > 1) {
          history.violated("I3", "key " + wish.key + " made orders " + orders);
        }
        if (answers.stream().anyMatch(answer -> answer.status() == 409)) {
          history.count("request in progress (409)");
        }
        if (answers.stream().filter(answer -> answer.status() == 201).count() > 1) {
          history.count("stored reply replayed");
        }
        // What is known of it is what any of the answers told.
        learn(
            wish, answers.stream().filter(Answer::definite).findFirst().orElse(answers.getFirst()));
      } catch (ExecutionException e) {
        throw new ProofException("a race failed: " + e.getCause(), e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new ProofException("interrupted");
      }
    }

    /** The key of an order with another order in the body. */
    private void reuse(Placed order) {
      Wish other = wish("card_ok");
      while (same(other.body, order.body())) {
        other = wish("card_ok");
      }
      Answer answer =
          post(new Wish(order.key(), other.body, other.totalMinor), Op.Kind.REUSE, other.body);
      if (answer.definite() && answer.status() != 422) {
        history.violated("I2", "key " + order.key() + " with another body got " + answer);
      }
    }

    private void withoutKey() {
      Wish wish = wish("card_ok");
      Answer answer = post(new Wish("", wish.body, 0), Op.Kind.NO_KEY, wish.body);
      if (answer.definite() && answer.status() != 400) {
        history.violated("I5", "an order without a key got " + answer);
      }
    }

    /** Somebody else's order is not there, and somebody else's key means nothing. */
    private void foreign() {
      List<Placed> all = history.placed();
      Placed theirs = all.get(random.nextInt(all.size()));
      if (theirs.owner() == shopper) {
        return;
      }
      long start = history.micros();
      Answer read = shopper.get("/v1/orders/" + theirs.order());
      history.add(name, Op.Kind.FOREIGN_READ, "", theirs.order(), start, read, "");
      if (read.definite() && read.status() != 404) {
        history.violated("A1", name + " read order " + theirs.order() + ": " + read.status());
      }
      Wish wish = new Wish(theirs.key(), theirs.body(), theirs.totalMinor());
      Answer answer = post(wish, Op.Kind.FOREIGN_KEY, wish.body);
      if (answer.status() == 201 && answer.text("orderId").equals(theirs.order())) {
        history.violated("I4", name + " got order " + theirs.order() + " by another's key");
      }
      learn(wish, answer);
    }

    private void cancel(Placed order) {
      long start = history.micros();
      Answer answer =
          shopper.postText("/v1/orders/" + order.order() + ":cancel", "c-" + order.key(), "{}");
      history.add(name, Op.Kind.CANCEL, "c-" + order.key(), order.order(), start, answer, "");
    }

    /** An admin gives back some or all of what an order cost; twice, now and then. */
    private void refund(Placed order) {
      Answer now = shopper.get("/v1/orders/" + order.order());
      if (!now.text("state").equals("STATE_CONFIRMED")) {
        return;
      }
      long minor =
          random.nextBoolean() ? order.totalMinor() : random.nextLong(1, order.totalMinor());
      GiveBack wish =
          new GiveBack(
              order.order(), now.text("paymentId"), "r-" + order.key() + "-" + keys++, minor);
      boolean definite = post(wish).definite();
      if (random.nextInt(3) == 0) {
        definite |= post(wish).definite();
      }
      if (!definite) {
        unsettled.add(wish);
      }
    }

    private Answer post(GiveBack wish) {
      long start = history.micros();
      Answer answer = admin.refund(wish.payment, wish.key, wish.minor);
      history.add(name, Op.Kind.REFUND, wish.key, wish.order, start, answer, wish.minor + " cents");
      if (answer.ok()) {
        history.refunded(new History.Refund(wish.order, wish.key, wish.minor));
      }
      return answer;
    }

    private void restock() {
      Goods one = goods.get(random.nextInt(goods.size()));
      long start = history.micros();
      one.restock(admin, random.nextInt(1, 5));
      history.add(name, Op.Kind.RESTOCK, "", "", start, Answer.DONE, one.id());
    }

    private void look(Placed order) {
      long start = history.micros();
      Answer answer = shopper.get("/v1/orders/" + order.order());
      history.add(name, Op.Kind.READ, "", order.order(), start, answer, answer.text("state"));
      if (answer.status() == 404) {
        history.violated("O3", "order " + order.order() + " was acknowledged and is not there");
      }
      Goods one = goods.get(random.nextInt(goods.size()));
      start = history.micros();
      Answer stock = admin.get("/v1/products/" + one.id() + "/stock");
      history.add("admin", Op.Kind.READ_STOCK, "", "", start, stock, one.id());
      if (stock.ok() && !Goods.Stock.of(stock.body()).conserved()) {
        history.violated("K1", "product " + one.id() + ": " + Goods.Stock.of(stock.body()));
      }
    }

    private Placed recent() {
      int from = Math.max(0, mine.size() - RECENT);
      return mine.get(random.nextInt(from, mine.size()));
    }
  }

  /** Whether two bodies ask for the same, wherever their fields stand. */
  static boolean same(String body, String other) {
    try {
      return JSON.readTree(body).equals(JSON.readTree(other));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  /** The same JSON object with its fields in another order and other white space. */
  private static String reordered(String json) {
    try {
      JsonNode node = JSON.readTree(json);
      List<String> names = new ArrayList<>();
      node.fieldNames().forEachRemaining(names::add);
      Collections.reverse(names);
      Map<String, JsonNode> fields = new LinkedHashMap<>();
      names.forEach(name -> fields.put(name, node.path(name)));
      return JSON.writerWithDefaultPrettyPrinter().writeValueAsString(fields);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }
}
