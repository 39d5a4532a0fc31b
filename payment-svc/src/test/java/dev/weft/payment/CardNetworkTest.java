package dev.weft.payment;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import dev.weft.durable.UuidV7;
import dev.weft.events.Cause;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The client against networks that misbehave; the real one is in {@link PaymentsTest}. */
@Timeout(60)
final class CardNetworkTest {
  private static final CardNetwork.Patience SHORT =
      new CardNetwork.Patience(Duration.ofMillis(300), Duration.ofMillis(200));
  private static final String CAPTURED = "{\"chargeId\":\"ch_1\",\"status\":\"captured\"}";

  private final AtomicInteger asked = new AtomicInteger();
  private final CountDownLatch over = new CountDownLatch(1);
  private HttpServer server;
  private CardNetwork network;
  private volatile HttpHandler onOperation = exchange -> answer(exchange, 500, "");
  private volatile HttpHandler onLookUp = exchange -> answer(exchange, 500, "");

  @BeforeEach
  void open() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
    server.createContext(
        "/",
        exchange -> {
          try (exchange) {
            if (exchange.getRequestMethod().equals("POST")) {
              asked.incrementAndGet();
              onOperation.handle(exchange);
            } else {
              onLookUp.handle(exchange);
            }
          }
        });
    server.start();
    network =
        new CardNetwork(URI.create("http://127.0.0.1:" + server.getAddress().getPort()), SHORT);
  }

  @AfterEach
  void close() {
    over.countDown();
    network.close();
    server.stop(0);
  }

  @Test
  void looksUpWhatANetworkThatIsSilentDid() {
    onOperation = this::silence;
    onLookUp = exchange -> answer(exchange, 200, "{\"charges\":[" + CAPTURED + "]}");

    assertThat(network.capture(authorized()).charge())
        .hasValueSatisfying(c -> assertThat(c.status()).isEqualTo(CardCharge.Status.CAPTURED));
  }

  @Test
  void waitsNoLongerForAnAnswerThatBeginsAndNeverEnds() {
    onOperation = this::stall;
    onLookUp = this::stall;
    long began = System.nanoTime();

    CardNetwork.Reply reply = network.capture(authorized());

    assertThat(reply).isEqualTo(CardNetwork.Reply.UNKNOWN);
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(5));
  }

  @Test
  void knowsNothingAfterAnAnswerThatIsTooLongOrNoJson() {
    onOperation = exchange -> answer(exchange, 200, "<html>");
    assertThat(network.capture(authorized())).isEqualTo(CardNetwork.Reply.UNKNOWN);

    onOperation = exchange -> answer(exchange, 200, " ".repeat(300_000) + CAPTURED);
    assertThat(network.capture(authorized())).isEqualTo(CardNetwork.Reply.UNKNOWN);
  }

  @Test
  void takesARefusalOnlyTogetherWithALookUp() {
    onOperation = exchange -> answer(exchange, 409, "{\"error\":{\"code\":\"not_authorized\"}}");
    assertThat(network.capture(authorized())).isEqualTo(CardNetwork.Reply.UNKNOWN);

    onLookUp = exchange -> answer(exchange, 200, "{\"charges\":[" + CAPTURED + "]}");
    CardNetwork.Reply reply = network.capture(authorized());
    assertThat(reply.refusal()).contains("not_authorized");
    assertThat(reply.charge()).isPresent();
  }

  @Test
  void leavesANetworkAloneThatTellsNothing() {
    for (int i = 0; i < 40; i++) {
      assertThat(network.capture(authorized())).isEqualTo(CardNetwork.Reply.UNKNOWN);
    }

    assertThat(asked.get()).isEqualTo(20);
  }

  @Test
  void keepsAskingANetworkThatDeclines() {
    onOperation = exchange -> answer(exchange, 402, "{\"error\":{\"code\":\"declined\"}}");
    onLookUp = exchange -> answer(exchange, 200, "{\"charges\":[]}");

    for (int i = 0; i < 40; i++) {
      assertThat(network.authorize(authorized()).refusal()).contains("declined");
    }

    assertThat(asked.get()).isEqualTo(40);
  }

  @Test
  void aRefundHasOneKeyHoweverOftenItIsAskedForAndNoOtherRefundHasIt() {
    List<String> keys = new CopyOnWriteArrayList<>();
    onOperation =
        exchange -> {
          keys.add(exchange.getRequestHeaders().getFirst("Idempotency-Key"));
          answer(exchange, 200, CAPTURED);
        };
    Payment payment = authorized();
    Refund one = refund(payment);
    Refund other = refund(payment);

    for (Refund refund : List.of(one, one, other)) {
      assertThat(network.refund(payment, refund).charge()).isPresent();
    }

    assertThat(keys)
        .containsExactly("refund:" + one.id(), "refund:" + one.id(), "refund:" + other.id());
  }

  private static Refund refund(Payment payment) {
    return Refund.requested(UuidV7.next(), payment.id(), "cause", 500, Cause.current());
  }

  private static Payment authorized() {
    return new Payment(
            UuidV7.next(),
            UuidV7.next(),
            UuidV7.next(),
            new Amount(1999, "EUR"),
            "card_ok",
            PaymentState.AUTHORIZING,
            0,
            0,
            0,
            Optional.empty(),
            Optional.empty(),
            Payment.Commands.authorize("do"),
            Instant.EPOCH,
            Instant.EPOCH)
        .authorized("ch_1");
  }

  private void silence(HttpExchange exchange) {
    try {
      over.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void stall(HttpExchange exchange) throws IOException {
    exchange.sendResponseHeaders(200, 1_000);
    exchange.getResponseBody().write('{');
    exchange.getResponseBody().flush();
    silence(exchange);
  }

  private static void answer(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(UTF_8);
    exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
    exchange.getResponseBody().write(bytes);
  }
}
