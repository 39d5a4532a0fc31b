package dev.weft.prove;

import com.fasterxml.jackson.databind.JsonNode;
import dev.weft.prove.History.Placed;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.UUID;

/** Lets single orders live through the crashes of the grid, one after the other. */
final class Crash {
  private static final Duration FIRES = Duration.ofSeconds(20);
  private static final Duration ENDS = Duration.ofSeconds(45);

  /** Holds the saga back long enough to call the order off, and less than the step may take. */
  private static final String STALL = "stall 3000";

  private static final String CONFIRMED = "STATE_CONFIRMED";

  private static final String BEFORE_PIN = "saga.pin.forward.before-call";

  /** Ways on which others come by the same points before it is its turn. */
  private static final Set<Cell.Way> ARMED_LATER = EnumSet.of(Cell.Way.RETURN, Cell.Way.LEAVE);

  /** Points that are come by for a while after there is nothing more to do. */
  private static final Set<String> RESTLESS = Set.of("unmarked", "published");

  private static final Duration RESTED = Duration.ofMillis(2_500);

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
    Cell.Way way = cell.way();
    Shopper buyer = way == Cell.Way.LEAVE ? Shopper.registered(shop) : shopper;
    int quantity = random.nextInt(1, 4);
    Goods one = goods.get(random.nextInt(goods.size()));
    long total = one.priceMinor() * quantity;
    String key = "cell-" + UUID.randomUUID();
    String body = Goods.order(List.of(one), List.of(quantity), way.card);
    if (!ARMED_LATER.contains(way)) {
      arm(cell.failPoint(), "halt");
    }
    if (way == Cell.Way.CALL_OFF) {
      arm(BEFORE_PIN, STALL);
    }
    if (way == Cell.Way.LEAVE) {
      // So that no capture begins before order-svc has heard of it.
      shop.signal(Shop.PAYMENT, "STOP");
    }
    List<Thread> beside = beside(cell, one, random);
    long start = System.nanoTime();
    String order = place(buyer, "cell", key, body, total, cell.name());
    switch (way) {
      case BUY, DECLINE, LOOK -> {}
      case CALL_OFF -> {
        Shop.await(FIRES, () -> !armed(BEFORE_PIN));
        cancel(order, key);
      }
      case GIVE_BACK -> {
        if (awaitEnd(order, Cell.Way.BUY).equals(CONFIRMED)) {
          refund(order, key, total);
        }
      }
      case RETURN -> {
        if (awaitEnd(order, Cell.Way.BUY).equals(CONFIRMED)) {
          armLater(cell);
          cancel(order, key);
        }
      }
      case LEAVE -> {
        armLater(cell);
        leave(buyer, order);
      }
    }
    boolean fired = awaitCrash(cell, restarts);
    if (way == Cell.Way.LEAVE) {
      Shop.await(ENDS, () -> of(order, "cancelReason").endsWith("USER_NOT_ACTIVE"));
      shop.signal(Shop.PAYMENT, "CONT");
    }
    history.healed();
    String state = awaitEnd(order, way);
    if (way != Cell.Way.LEAVE) {
      again(order, key, body, cell.name());
    }
    long millis = (System.nanoTime() - start) / 1_000_000;
    for (Thread thread : beside) {
      join(thread);
    }
    return new Outcome(cell, seed, fired, order, state, millis);
  }

  /** Others come by the same points before or after it; but only one can be held back. */
  private List<Thread> beside(Cell cell, Goods one, Random random) {
    List<Thread> beside = new ArrayList<>();
    if (cell.way() == Cell.Way.CALL_OFF || ARMED_LATER.contains(cell.way())) {
      return beside;
    }
    for (int i = random.nextInt(3); i > 0; i--) {
      String body = Goods.order(List.of(one), List.of(1), cell.way().card);
      String key = "beside-" + UUID.randomUUID();
      beside.add(
          Thread.ofVirtual()
              .start(() -> place(shopper, "beside", key, body, one.priceMinor(), cell.name())));
    }
    return beside;
  }

  private void armLater(Cell cell) {
    if (RESTLESS.contains(cell.point())) {
      // Readers say every two seconds that they have seen what is not for them, and what was said
      // before goes to the broker a moment later.
      Shop.pause(RESTED);
    }
    arm(cell.failPoint(), "halt");
  }

  private boolean awaitCrash(Cell cell, int restartsBefore) {
    boolean fired = Shop.await(FIRES, () -> !armed(cell.failPoint()));
    if (fired) {
      Shop.await(
          ENDS,
          () ->
              shop.folder().restarts(cell.process()) > restartsBefore
                  && shop.folder().ready(cell.process()));
    } else {
      disarm(cell.failPoint());
    }
    disarm(BEFORE_PIN);
    return fired;
  }

  private String place(
      Shopper buyer, String client, String key, String body, long total, String cell) {
    Answer answer =
        Shopper.patiently(
            () -> {
              long start = history.micros();
              Answer one = buyer.postText("/v1/orders", key, body);
              history.add(client, Op.Kind.CREATE, key, one.text("orderId"), start, one, cell);
              return one;
            });
    if (answer.status() != 201) {
      throw new ProofException("an order of " + cell + " was refused: " + answer);
    }
    String order = answer.text("orderId");
    history.placed(new Placed(order, buyer, key, body, total, cell));
    return order;
  }

  private void leave(Shopper buyer, String order) {
    long start = history.micros();
    Answer deleted = Shopper.patiently(buyer::delete);
    history.add("cell", Op.Kind.LEAVE, "", order, start, deleted, buyer.id());
    history.left(new History.Leaving(buyer.id(), List.of(), List.of(order)));
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
  private String awaitEnd(String order, Cell.Way way) {
    String[] state = {""};
    Shop.await(
        ENDS,
        () -> {
          state[0] = way == Cell.Way.LOOK ? shown(admin, order) : of(order, "state");
          return state[0].equals(way.end);
        });
    return state[0];
  }

  /** The state that the history of an order ends with; empty if it has none. */
  static String shown(Shopper customer, String order) {
    JsonNode changes = customer.get("/v1/orders/" + order + "/history").body().path("changes");
    return changes.path(changes.size() - 1).path("state").asText();
  }

  private String of(String order, String field) {
    return admin.get("/v1/orders/" + order).text(field);
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
