package dev.weft.e2e;

import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Many orders at once. Each is asked for with its own key until there is a definite answer, as any
 * patient client does.
 */
final class Rush implements AutoCloseable {
  private static final int CUSTOMERS_AT_ONCE = 6;
  private static final Duration PATIENCE = Duration.ofSeconds(90);
  private static final List<String> CARDS =
      List.of("card_ok", "card_ok", "card_declined", "card_ok", "card_insufficient_funds");

  private final ExecutorService threads = Executors.newFixedThreadPool(CUSTOMERS_AT_ONCE);
  private final AtomicInteger accepted = new AtomicInteger();
  private final List<Future<String>> orders = new ArrayList<>();

  Rush(Visitor customer, String product, int count) {
    for (int i = 0; i < count; i++) {
      Map<String, Object> order = Orders.of(product, 1 + i % 3, CARDS.get(i % CARDS.size()));
      orders.add(threads.submit(() -> insist(customer, order)));
    }
  }

  /** How many have an order number. */
  int accepted() {
    return accepted.get();
  }

  /** The numbers of all, once all have one. */
  List<String> ids() throws ExecutionException, InterruptedException {
    List<String> ids = new ArrayList<>();
    for (Future<String> order : orders) {
      ids.add(order.get());
    }
    return ids;
  }

  private String insist(Visitor customer, Map<String, Object> order) {
    String key = UUID.randomUUID().toString();
    Answer answer =
        await("an answer to " + key)
            .pollInSameThread()
            .pollDelay(Duration.ZERO)
            .pollInterval(Duration.ofMillis(100))
            .atMost(PATIENCE)
            .ignoreExceptions()
            .until(() -> customer.post("/v1/orders", key, order), Rush::definite);
    if (answer.status() != 201) {
      throw new AssertionError("an order was refused: " + answer);
    }
    accepted.incrementAndGet();
    return answer.text("orderId");
  }

  // What a client may repeat: nobody knows, busy, or the first one is still at it.
  private static boolean definite(Answer answer) {
    return answer.status() < 500 && answer.status() != 429 && answer.status() != 409;
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
