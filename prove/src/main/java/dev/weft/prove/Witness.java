package dev.weft.prove;

import dev.weft.prove.History.Placed;
import dev.weft.shop.payment.v1.LedgerEntry;
import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/** Looks all the time at what must hold at every moment, not only when all is quiet. */
final class Witness implements AutoCloseable {
  private static final Duration PAUSE = Duration.ofMillis(60);
  private static final int LEDGER_EVERY = 40;

  /** The way of an order that was confirmed. */
  private static final List<String> CONFIRMED =
      List.of("STATE_CONFIRMED", "STATE_REFUNDING", "STATE_REFUNDED");

  private final Shop shop;
  private final History history;
  private final Random random;
  private final Map<String, String> states = new HashMap<>(); // by order
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread thread;
  private List<LedgerEntry> ledger = List.of();

  Witness(Shop shop, History history, long seed) {
    this.shop = shop;
    this.history = history;
    random = new Random(seed);
    thread = Thread.ofVirtual().name("witness").start(this::watch);
  }

  @Override
  public void close() {
    closing.countDown();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void watch() {
    for (int i = 1; closing.getCount() > 0; i++) {
      order();
      if (i % LEDGER_EVERY == 0) {
        ledger();
      }
      Shop.pause(PAUSE);
    }
  }

  private void order() {
    List<Placed> all = history.standing();
    if (all.isEmpty()) {
      return;
    }
    Placed one = all.get(random.nextInt(all.size()));
    long start = history.micros();
    Answer answer = one.owner().get("/v1/orders/" + one.order());
    history.add("witness", Op.Kind.WITNESS, "", one.order(), start, answer, answer.text("state"));
    if (answer.status() == 404) {
      history.violated("O3", "order " + one.order() + " was acknowledged and is not there");
    }
    if (answer.ok()) {
      @Nullable String before = states.put(one.order(), answer.text("state"));
      if (before != null && !mayBecome(before, answer.text("state"))) {
        history.violated(
            "O1", "order " + one.order() + " went from " + before + " to " + answer.text("state"));
      }
    }
  }

  /** Whether an order may be in a state some time after it was in another, or still. */
  static boolean mayBecome(String before, String later) {
    return switch (before) {
      case "STATE_PENDING" -> true;
      case "STATE_CONFIRMED" -> CONFIRMED.contains(later);
      case "STATE_REFUNDING" -> CONFIRMED.indexOf(later) > 0;
      default -> before.equals(later);
    };
  }

  private void ledger() {
    List<LedgerEntry> now;
    try {
      now = Books.ledger(shop);
    } catch (StatusRuntimeException e) {
      return; // nothing is seen through a fault
    }
    if (now.size() < ledger.size() || !now.subList(0, ledger.size()).equals(ledger)) {
      history.violated("M6", "a line of the ledger changed or went away");
    }
    ledger = now;
  }
}
