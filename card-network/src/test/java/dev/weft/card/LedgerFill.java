package dev.weft.card;

import java.io.IOException;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A process that fills the ledger of a directory to the bound that its heap allows, with charges as
 * payment-svc makes them, each captured and some given back in parts; then opens it anew. Each time
 * it says how many charges there are, how much they weigh by the ledger's own figures, and how much
 * of the heap is in use.
 */
final class LedgerFill {
  private static final int AT_ONCE = 200;

  private LedgerFill() {}

  public static void main(String[] arguments) throws Exception {
    Path directory = Path.of(arguments[0]);
    int refunds = Integer.parseInt(arguments[1]);
    // What the code itself needs is there before it is measured.
    try (Charges none = open(directory.resolve("none"))) {
      charge(none, refunds);
    }
    long empty = used();
    fill(directory, refunds, empty);
    replay(directory, empty);
  }

  private static void fill(Path directory, int refunds, long empty) throws Exception {
    try (Charges charges = open(directory)) {
      fill(charges, refunds);
      say("filled", charges, empty);
    }
  }

  private static void replay(Path directory, long empty) throws IOException {
    try (Charges charges = open(directory)) {
      say("replayed", charges, empty);
    }
  }

  private static Charges open(Path directory) throws IOException {
    return new Charges(
        directory,
        InstantSource.system(),
        CardNetworkServer.ledgerBytesMax(),
        failure -> {
          throw new IllegalStateException(failure);
        });
  }

  private static void fill(Charges charges, int refunds) throws InterruptedException {
    AtomicBoolean full = new AtomicBoolean();
    Semaphore room = new Semaphore(AT_ONCE);
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      while (!full.get()) {
        room.acquire();
        threads.execute(
            () -> {
              try {
                charge(charges, refunds);
              } catch (Refusal refusal) {
                full.set(true);
              } finally {
                room.release();
              }
            });
      }
    }
  }

  private static void charge(Charges charges, int refunds) {
    String order = UUID.randomUUID().toString();
    Charge charge =
        charges.perform("authorize:" + order, new Command.Authorize(order, "card_ok", 1999, "EUR"));
    charges.perform("capture:" + order, new Command.Capture(charge.id()));
    for (int i = 0; i < refunds; i++) {
      String refund = UUID.randomUUID().toString();
      charges.perform("refund:" + refund, new Command.Refund(charge.id(), refund, 1));
    }
  }

  private static void say(String what, Charges charges, long empty) {
    System.out.println(
        what + " " + charges.size() + " " + charges.bytes() + " " + (used() - empty));
  }

  private static long used() {
    System.gc();
    return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
  }
}
