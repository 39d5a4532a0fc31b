package dev.weft.prove;

import dev.weft.prove.History.Placed;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.UUID;

/** Lets single orders live through the crashes of the grid, one after the other. */
final class Crash {
  private static final Duration FIRES = Duration.ofSeconds(20);
  private static final Duration ENDS = Duration.ofSeconds(45);

  /** Holds the saga back long enough to call the order off, and less than the step may take. */
  private static final String STALL = "stall 3000";

  private static final String CONFIRMED = "STATE_CONFIRMED";

  private static final String BEFORE_PIN = "saga.pin.forward.before-call";

  private final Shop shop;
  private final History history;
  private final Shopper shopper;
  private final Shopper admin;
  private final List<Goods> goods;

  Crash(Shop shop, History history, Shopper shopper, Shopper admin, List<Goods> goods) {
    this.shop = shop;
    this.history = history;
    this.shopper = shopper;
    this.admin = admin;
    this.goods = goods;
  }

  /**
   * What became of a cell.
   *
   * @param fired whether the process came by the point and ended; else it says nothing
   * @param state of the order in the end
   * @param millis from the crash to the order's end
   */
  record Outcome(Cell cell, long seed, boolean fired, String order, String state, long millis) {
    boolean asPromised() {
      return fired && state.equals(cell.way().end);
    }
  }

  Outcome run(Cell cell, long seed) {
    Random random = new Random(seed);
    int restarts = shop.folder().restarts(cell.process());
    arm(cell.failPoint(), "halt");
    if (cell.way() == Cell.Way.CALL_OFF) {
      arm(BEFORE_PIN, STALL);
    }
    int quantity = random.nextInt(1, 4);
    Goods one = goods.get(random.nextInt(goods.size()));
    String key = "cell-" + UUID.randomUUID();
    String body = Goods.order(List.of(one), List.of(quantity), cell.way().card);
    // Others come by the same points before or after it; but only one can be held back.
    List<Thread> beside = new ArrayList<>();
    for (int i = cell.way() == Cell.Way.CALL_OFF ? 0 : random.nextInt(3); i > 0; i--) {
      String other = Goods.order(List.of(one), List.of(1), cell.way().card);
      String otherKey = "beside-" + UUID.randomUUID();
      beside.add(
          Thread.ofVirtual()
              .start(() -> place("beside", otherKey, other, one.priceMinor(), cell.name())));
    }
    long start = System.nanoTime();
    String order = place("cell", key, body, one.priceMinor() * quantity, cell.name());
    if (cell.way() == Cell.Way.CALL_OFF) {
      Shop.await(FIRES, () -> !armed(BEFORE_PIN));
      cancel(order, key);
    }
    if (cell.way() == Cell.Way.GIVE_BACK && awaitEnd(order, CONFIRMED).equals(CONFIRMED)) {
      refund(order, key, one.priceMinor() * quantity);
    }
    boolean fired = Shop.await(FIRES, () -> !armed(cell.failPoint()));
    if (fired) {
      Shop.await(
          ENDS,
          () ->
              shop.folder().restarts(cell.process()) > restarts
                  && shop.folder().ready(cell.process()));
    } else {
      disarm(cell.failPoint());
    }
    disarm(BEFORE_PIN);
    history.healed();
    String state = awaitEnd(order, cell.way().end);
    again(order, key, body, cell.name());
    long millis = (System.nanoTime() - start) / 1_000_000;
    for (Thread thread : beside) {
      join(thread);
    }
    return new Outcome(cell, seed, fired, order, state, millis);
  }

  private String place(String client, String key, String body, long total, String cell) {
    Answer answer =
        Shopper.patiently(
            () -> {
              long start = history.micros();
              Answer one = shopper.postText("/v1/orders", key, body);
              history.add(client, Op.Kind.CREATE, key, one.text("orderId"), start, one, cell);
              return one;
            });
    if (answer.status() != 201) {
      throw new ProofException("an order of " + cell + " was refused: " + answer);
    }
    String order = answer.text("orderId");
    history.placed(new Placed(order, shopper, key, body, total, cell));
    return order;
  }

  private void cancel(String order, String key) {
    Shopper.patiently(
        () -> {
          long start = history.micros();
          Answer one = shopper.postText("/v1/orders/" + order + ":cancel", "c-" + key, "{}");
          history.add("cell", Op.Kind.CANCEL, "c-" + key, order, start, one, "");
          return one;
        });
  }

  private void refund(String order, String key, long minor) {
    String payment = Shopper.patiently(() -> shopper.get("/v1/orders/" + order)).text("paymentId");
    Answer answer =
        Shopper.patiently(
            () -> {
              long start = history.micros();
              Answer one = admin.refund(payment, "r-" + key, minor);
              history.add("cell", Op.Kind.REFUND, "r-" + key, order, start, one, minor + " cents");
              return one;
            });
    if (answer.ok()) {
      history.refunded(new History.Refund(order, "r-" + key, minor));
    }
  }

  /** The key still gives this order, and with the same words, whoever was killed meanwhile. */
  private void again(String order, String key, String body, String cell) {
    Answer answer =
        Shopper.patiently(
            () -> {
              long start = history.micros();
              Answer one = shopper.postText("/v1/orders", key, body);
              history.add("cell", Op.Kind.REPEAT, key, order, start, one, cell);
              return one;
            });
    if (!answer.text("orderId").equals(order)) {
      history.violated("I1", "key " + key + " gave " + order + ", then " + answer);
    }
  }

  /** Where the order stands in the end; other than expected when it is not there in time. */
  private String awaitEnd(String order, String expected) {
    String[] state = {""};
    Shop.await(
        ENDS,
        () -> {
          Answer answer = shopper.get("/v1/orders/" + order);
          state[0] = answer.text("state");
          return answer.ok() && state[0].equals(expected);
        });
    return state[0];
  }

  private void arm(String point, String action) {
    Path folder = shop.failPoints();
    try {
      Files.deleteIfExists(folder.resolve(point + ".fired"));
      // Moved, so that nobody reads half of it.
      Path file = Files.writeString(folder.resolve("." + point), action);
      Files.move(file, folder.resolve(point));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private boolean armed(String point) {
    return Files.exists(shop.failPoints().resolve(point));
  }

  private void disarm(String point) {
    try {
      Files.deleteIfExists(shop.failPoints().resolve(point));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    }
  }
}
