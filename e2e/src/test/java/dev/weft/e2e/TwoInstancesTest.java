package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * What operators do to the instances of a service, and what those notice who call it meanwhile:
 * nothing, but that a stream says when it is to be opened again.
 */
@BesideSharedWeft
final class TwoInstancesTest {
  private static final String FIRST = "inventory-svc";
  private static final String SECOND = "inventory-svc-2";
  private static final List<String> BOTH = List.of(FIRST, SECOND);
  private static final int STOCK = 100_000;
  private static final Duration LIMIT = Duration.ofSeconds(60);

  private static Weft weft;
  private static Visitor admin;

  @BeforeAll
  static void start() {
    weft = Weft.up("two", Map.of(), "--registry", "dev", "--instances", FIRST + "=2");
    admin = Visitor.admin(weft);
  }

  @AfterAll
  static void stop() {
    weft.close();
  }

  @Test
  void aRollingRestartLosesNoCallAndNoOrder() {
    List<Long> before = BOTH.stream().map(weft::pid).toList();
    Callers callers = new Callers();
    try (callers) {
      callers.goOn();
      weft("restart", FIRST);
      assertThat(BOTH).map(weft::pid).doesNotContainAnyElementsOf(before);
      await("both to be called again")
          .atMost(LIMIT)
          .until(() -> BOTH.stream().allMatch(one -> served(one) > 0));
      callers.goOn();
    }

    callers.assertNothingLost();
    // Wherever it was, that instance was stopped.
    assertThat(callers.resumed()).isPositive();
  }

  @Test
  void anInstanceInMaintenanceIsNotCalledUntilItIsBack() {
    Callers callers = new Callers();
    try (callers) {
      callers.goOn();
      weft("maintenance", SECOND, "on");
      await("calls to go elsewhere")
          .atMost(LIMIT)
          .until(
              () -> {
                long before = served(SECOND);
                callers.goOn();
                return served(SECOND) == before;
              });
      assertThat(weft.ready(SECOND)).isTrue();

      long before = served(SECOND);
      weft("maintenance", SECOND, "off");
      await("it to be called again").atMost(LIMIT).until(() -> served(SECOND) > before);
    }

    callers.assertNothingLost();
    assertThat(callers.resumed()).as("the stream went on where it was").isZero();
  }

  private static void weft(String... arguments) {
    Command.Outcome outcome = weft.command(arguments);
    assertThat(outcome.exitCode()).as("%s", outcome.all()).isZero();
  }

  /** How many calls it has answered, the edge's and those of order-svc. */
  private static long served(String instance) {
    return weft.served(instance, "shop.inventory.v1.InventoryService/");
  }

  /**
   * Read, order and watch until they are closed; each waits for its answer. A customer, a product
   * and its stock are theirs alone.
   */
  private static final class Callers implements AutoCloseable {
    private static final int READERS = 6;
    private static final int SHOPPERS = 2;
    private static final int PAUSE_MILLIS = 200;
    private static final int SOME = 100;

    private final Visitor customer = Visitor.registered(weft);
    private final String product =
        Stock.ofNew(admin, "Spinning top", Map.of("currencyCode", "EUR", "units", 3), STOCK);
    private final ScheduledExecutorService threads =
        Executors.newScheduledThreadPool(READERS + SHOPPERS);
    private final ExecutorService watching = Executors.newSingleThreadExecutor();
    private final AtomicInteger answered = new AtomicInteger();
    private final List<String> lost = new CopyOnWriteArrayList<>();
    private final List<JsonNode> orders = new CopyOnWriteArrayList<>();
    private final AtomicInteger seen = new AtomicInteger();
    private final AtomicInteger resumed = new AtomicInteger();
    private volatile boolean closed;

    Callers() {
      for (int i = 0; i < READERS; i++) {
        again(this::read);
      }
      for (int i = 0; i < SHOPPERS; i++) {
        again(this::order);
      }
      watching.execute(this::watch);
    }

    private void again(Runnable work) {
      var _ =
          threads.scheduleWithFixedDelay(() -> run(work), 0, PAUSE_MILLIS, TimeUnit.MILLISECONDS);
    }

    private void run(Runnable work) {
      try {
        work.run();
      } catch (RuntimeException | AssertionError e) {
        lost.add(e.toString());
      }
    }

    private void read() {
      answered(admin.get("/v1/products/" + product + "/stock"));
    }

    /** One order, asked for twice, as by who did not hear the answer, and followed to its end. */
    private void order() {
      String key = UUID.randomUUID().toString();
      Map<String, Object> order = Orders.of(product, 1, "card_ok");
      String id = answered(customer.post("/v1/orders", key, order)).text("orderId");
      assertThat(answered(customer.post("/v1/orders", key, order)).text("orderId")).isEqualTo(id);
      orders.add(
          await("the end of order " + id)
              .atMost(LIMIT)
              .until(() -> answered(customer.get("/v1/orders/" + id)).json(), Orders::ended));
    }

    private Answer answered(Answer answer) {
      if (answer.status() / 100 != 2) {
        lost.add(answer.toString());
      }
      answered.incrementAndGet();
      return answer;
    }

    /** The stock, as long as nothing is lost; again whenever the server says that it goes. */
    private void watch() {
      while (lost.isEmpty()) {
        String last;
        try (Stream<String> lines = admin.lines("/v1/products/" + product + ":watchStock")) {
          last = lines.peek(_ -> seen.incrementAndGet()).reduce("nothing", (_, next) -> next);
        } catch (RuntimeException | AssertionError e) {
          last = e.toString();
        }
        if (closed) {
          return;
        }
        if (last.contains("SERVER_DRAINING")) {
          resumed.incrementAndGet();
        } else {
          lost.add("the stream ended with " + last);
        }
      }
    }

    /** Until some more calls are answered, and the stream has said something. */
    void goOn() {
      int calls = answered.get() + SOME;
      int words = seen.get() + 1;
      await("calls and the stream")
          .atMost(LIMIT)
          .until(() -> !lost.isEmpty() || (answered.get() >= calls && seen.get() >= words));
      assertThat(lost).isEmpty();
    }

    /** How often the stream was opened again. */
    int resumed() {
      return resumed.get();
    }

    /** Insists that each call was answered, and each order confirmed once; after they closed. */
    void assertNothingLost() {
      assertThat(lost).isEmpty();
      assertThat(orders).isNotEmpty().allMatch(Orders::confirmed);
      int sold = orders.size();
      assertThat(Stock.of(admin, product)).isEqualTo(new Stock(STOCK, STOCK - sold, 0, sold));
      Orders.assertAudited(admin);
    }

    @Override
    public void close() {
      closed = true;
      watching.shutdownNow();
      Threads.end(threads);
      Threads.end(watching);
    }
  }
}
