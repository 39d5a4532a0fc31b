package dev.weft.payment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.weft.card.CardNetworkServer;
import dev.weft.durable.CommandId;
import dev.weft.durable.UuidV7;
import dev.weft.mesh.Rejection;
import dev.weft.testkit.PostgresExtension;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.jdbi.v3.core.ConnectionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * Many orders at once, in two processes, over a line that loses requests and answers: whatever was
 * told to whom, in the end the shop's books and the card network's agree, order by order.
 */
@Timeout(120)
final class PaymentsUnderFaultsTest {
  private static final int ORDERS = 150;
  private static final int AT_ONCE = 12;
  private static final long SEED = 7;
  private static final Amount PRICE = new Amount(1999, "EUR");
  private static final String[] CARDS = {"card_ok", "card_ok", "card_timeout", "card_declined"};

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @TempDir static Path directory;

  private final AtomicInteger lost = new AtomicInteger();
  private final HttpClient http = HttpClient.newHttpClient();
  private final List<AutoCloseable> opened = new ArrayList<>();
  private final Random dice = new Random(SEED);
  private final Set<UUID> voided = ConcurrentHashMap.newKeySet();
  private CardNetworkServer cards;
  private HttpServer line;
  private volatile boolean faulty = true;

  private record Instance(Payments payments, Resolver resolver) {}

  @BeforeEach
  void open() throws IOException {
    cards = CardNetworkServer.start(directory, Duration.ofMillis(20), Duration.ofMillis(20));
    line = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    line.setExecutor(threads);
    line.createContext("/", this::forward);
    line.start();
    opened.add(threads);
  }

  @AfterEach
  void close() throws Exception {
    postgres.database().shiftClock(Duration.ZERO);
    for (AutoCloseable one : opened.reversed()) {
      one.close();
    }
    line.stop(0);
    cards.close();
    http.close();
  }

  @Test
  void endWithBooksThatAgreeWithTheCardNetworks() throws Exception {
    List<Instance> processes = List.of(instance(), instance());
    List<UUID> orders = new ArrayList<>();
    try (var threads = Executors.newFixedThreadPool(AT_ONCE)) {
      for (int i = 0; i < ORDERS; i++) {
        UUID order = UuidV7.next();
        orders.add(order);
        Random own = new Random(dice.nextLong());
        threads.execute(() -> live(order, processes, own));
      }
    }
    assertThat(lost.get()).as("the line must have lost something").isGreaterThan(ORDERS / 10);

    faulty = false;
    AtomicInteger minutes = new AtomicInteger();
    await()
        .atMost(Duration.ofSeconds(60))
        .until(
            () -> {
              postgres.database().shiftClock(Duration.ofMinutes(minutes.incrementAndGet()));
              processes.forEach(process -> process.resolver.tick());
              return count("SELECT count(*) FROM payment WHERE unresolved") == 0;
            });

    for (UUID order : orders) {
      assertAgreement(order, processes.getFirst().payments);
    }
    assertThat(count("SELECT coalesce(sum(amount_minor), 0) FROM ledger_entry")).isZero();
    assertThat(
            count(
                """
                SELECT count(*) FROM (SELECT payment_id FROM ledger_entry
                 WHERE account = 'card_network' AND amount_minor > 0
                 GROUP BY payment_id HAVING count(*) > 1) AS captured_twice
                """))
        .isZero();
  }

  /**
   * What order-svc does for an order, whose calls may be repeated, overtaken and left unanswered.
   */
  private void live(UUID order, List<Instance> processes, Random own) {
    var wanted =
        new Payments.Authorization(
            order,
            UuidV7.next(),
            PRICE,
            CARDS[own.nextInt(CARDS.length)],
            CommandId.parse(order + ":authorize:forward"));
    List<Runnable> calls = new ArrayList<>();
    Payments one = processes.get(own.nextInt(2)).payments;
    Payments other = processes.get(own.nextInt(2)).payments;
    calls.add(() -> one.authorize(wanted));
    calls.add(() -> other.authorize(wanted));
    switch (own.nextInt(4)) {
      case 0 -> calls.add(own.nextInt(3), () -> release(order, other));
      case 1 -> {
        calls.add(() -> one.capture(order, "capture"));
        calls.add(() -> other.capture(order, "capture"));
        calls.add(() -> one.refundOrder(order));
        calls.add(() -> other.refundOrder(order));
      }
      default -> {
        calls.add(() -> one.capture(order, "capture"));
        calls.add(() -> other.capture(order, "capture"));
      }
    }
    for (Runnable call : calls) {
      try {
        call.run();
      } catch (Rejection | ConnectionException | CompletionException e) {
        // Declined, voided, not known yet, or no connection: what counts is what it comes to.
      }
    }
  }

  private void release(UUID order, Payments payments) {
    try {
      var _ = payments.release(order, CommandId.parse(order + ":authorize:backward"));
      voided.add(order);
    } catch (Rejection.Unavailable e) {
      voided.add(order);
      throw e;
    }
  }

  private void assertAgreement(UUID order, Payments payments) throws Exception {
    List<Payment> found = payments.list(Optional.empty(), Optional.of(order), 2, "").rows();
    String charge =
        http.send(
                HttpRequest.newBuilder(cards.address().resolve("/v1/charges?reference=" + order))
                    .build(),
                BodyHandlers.ofString())
            .body();
    if (voided.contains(order)) {
      assertThat(charge).doesNotContain("\"status\":\"authorized\"");
    }
    long booked =
        count(
            """
            SELECT coalesce(sum(amount_minor), 0) FROM ledger_entry
             WHERE account = 'card_network' AND order_id = '%s'
            """
                .formatted(order));
    if (found.isEmpty()) {
      assertThat(charge).isEqualTo("{\"charges\":[]}");
      assertThat(booked).isZero();
      return;
    }
    assertThat(found).hasSize(1);
    Payment payment = found.getFirst();
    assertThat(payment.next()).as("%s", payment).isEmpty();
    assertThat(booked).isEqualTo(payment.capturedMinor() - payment.refundedMinor());
    String status =
        switch (payment.state()) {
          case AUTHORIZED -> "authorized";
          case CAPTURED, REFUNDED -> "captured";
          case VOIDED -> charge.contains("\"declined\"") ? "declined" : "voided";
          case DECLINED -> "declined";
          case AUTHORIZING, CAPTURING -> throw new AssertionError(payment);
        };
    assertThat(charge)
        .as("%s", payment)
        .contains(
            "\"status\":\"" + status + "\"",
            "\"capturedAmount\":" + payment.capturedMinor(),
            "\"refundedAmount\":" + payment.refundedMinor());
  }

  private Instance instance() {
    PaymentStore store = new PaymentStore();
    Ledger ledger = new Ledger();
    CardNetwork network =
        new CardNetwork(
            URI.create("http://127.0.0.1:" + line.getAddress().getPort()),
            new CardNetwork.Patience(Duration.ofSeconds(2), Duration.ofSeconds(1)));
    var database = postgres.anotherDatabase();
    Settlement settlement =
        new Settlement(database, store, ledger, network, Logs.events(database, store));
    opened.add(network);
    opened.add(settlement);
    return new Instance(
        new Payments(database, store, ledger, settlement, () -> {}),
        new Resolver(database, store, settlement, Duration.ofMillis(20)));
  }

  /** Passes on to the card network what it does not lose: on the way there, or on the way back. */
  private void forward(HttpExchange exchange) throws IOException {
    try (exchange) {
      int fate = faulty ? dice(100) : 100;
      if (fate < 10) {
        lost.incrementAndGet();
        return;
      }
      HttpResponse<byte[]> answer = passOn(exchange);
      if (fate < 20) {
        lost.incrementAndGet();
        return;
      }
      if (fate < 25) {
        exchange.sendResponseHeaders(503, -1);
        return;
      }
      exchange.sendResponseHeaders(answer.statusCode(), answer.body().length);
      exchange.getResponseBody().write(answer.body());
    }
  }

  private HttpResponse<byte[]> passOn(HttpExchange exchange) throws IOException {
    String key = exchange.getRequestHeaders().getFirst("Idempotency-Key");
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(cards.address() + exchange.getRequestURI().toString()))
            .method(
                exchange.getRequestMethod(),
                BodyPublishers.ofByteArray(exchange.getRequestBody().readAllBytes()));
    if (key != null) {
      request.header("Idempotency-Key", key);
    }
    try {
      return http.send(request.build(), BodyHandlers.ofByteArray());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
  }

  private int dice(int sides) {
    synchronized (dice) {
      return dice.nextInt(sides);
    }
  }

  private static long count(String sql) {
    return postgres.database().<Long>read(tx -> tx.createQuery(sql).mapTo(Long.class).one());
  }
}
