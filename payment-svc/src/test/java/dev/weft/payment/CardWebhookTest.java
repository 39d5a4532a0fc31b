package dev.weft.payment;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.card.CardNetworkServer;
import dev.weft.durable.CommandId;
import dev.weft.durable.UuidV7;
import dev.weft.events.Cause;
import dev.weft.mesh.Management;
import dev.weft.mesh.Telemetry;
import dev.weft.mesh.TelemetryConfig;
import dev.weft.testkit.PostgresExtension;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.InvalidKeyException;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** What the card network tells by itself: early, twice, late, forged; and told by the real one. */
@Timeout(60)
final class CardWebhookTest {
  private static final String SECRET = "a-secret-of-both-of-us";
  private static final Amount PRICE = new Amount(1999, "EUR");

  /** Longer than any test: an answer that is lost is not waited for. */
  private static final Duration SILENCE = Duration.ofSeconds(5);

  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @TempDir Path directory;

  private final UUID order = UuidV7.next();
  private final UUID user = UuidV7.next();
  private final PaymentStore store = new PaymentStore();
  private final Ledger ledger = new Ledger();
  private final List<AutoCloseable> opened = new ArrayList<>();
  private final CardSignature signature = CardSignature.ofSecret(SECRET);
  private Management management;
  private CardNetworkServer cards;
  private Settlement settlement;
  private Payments payments;
  private CardWebhook webhook;

  @BeforeEach
  void open() throws IOException {
    Telemetry telemetry = Telemetry.open(TelemetryConfig.local("payment-svc", "0"));
    opened.add(telemetry);
    management = Management.open("payment-svc", "0", "127.0.0.1", 0, telemetry);
    opened.add(management);
    cards =
        CardNetworkServer.start(
            directory.resolve("cards"),
            Duration.ofMillis(20),
            SILENCE,
            URI.create("http://127.0.0.1:" + management.port() + CardWebhook.PATH),
            Files.writeString(directory.resolve("secret"), SECRET));
    opened.add(cards);
    CardNetwork network = new CardNetwork(cards.address(), CardNetwork.Patience.DEFAULT);
    opened.add(network);
    settlement =
        new Settlement(
            postgres.database(), store, ledger, network, Logs.events(postgres.database(), store));
    payments = new Payments(postgres.database(), store, ledger, settlement, () -> {});
    webhook = new CardWebhook(signature, InstantSource.system(), settlement);
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable one : opened.reversed()) {
      one.close();
    }
  }

  @Test
  void captureEndsWhenTheNetworkTellsThoughItsAnswerIsLost() {
    management.receiver(CardWebhook.PATH, webhook);
    authorize("card_timeout");
    long began = System.nanoTime();

    assertThat(payments.capture(order, "saga:capture:do").state()).isEqualTo(PaymentState.CAPTURED);

    assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(SILENCE.dividedBy(2));
    assertThat(books()).hasSize(2);
  }

  @Test
  void refundIsDoneWhenTheNetworkTellsThoughNobodyHereKnewOfItsAnswer() {
    authorize("card_ok");
    Payment captured = payments.capture(order, "saga:capture:do");
    UUID refund = wishRefund(captured);

    assertThat(tell("evt_refund", "captured", refund.toString())).isEqualTo(204);

    assertThat(stored().state()).isEqualTo(PaymentState.REFUNDED);
    assertThat(books()).hasSize(4);
  }

  @Test
  void whatIsToldBeforeTheAnswerMovesThePaymentAndTheAnswerFindsItMoved() throws Exception {
    authorize("card_timeout");
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Future<Payment> capture = threads.submit(() -> payments.capture(order, "saga:capture:do"));
      await().until(() -> stored().state() == PaymentState.CAPTURING);

      assertThat(tell("evt_early", "captured", "")).isEqualTo(204);

      assertThat(capture.get().state()).isEqualTo(PaymentState.CAPTURED);
    }
    // The work that waited for the answer ends by itself and writes nothing again.
    settlement.close();
    assertThat(payments.capture(order, "saga:capture:do").state()).isEqualTo(PaymentState.CAPTURED);
    assertThat(books()).hasSize(2);
  }

  @Test
  void whatIsToldTwiceMovesThePaymentOnce() throws Exception {
    authorize("card_ok");
    begunCapture();
    List<Future<Integer>> answers = new ArrayList<>();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < 20; i++) {
        answers.add(threads.submit(() -> tell("evt_twice", "captured", "")));
      }
    }
    for (Future<Integer> answer : answers) {
      assertThat(answer.get()).isEqualTo(204);
    }
    assertThat(stored().state()).isEqualTo(PaymentState.CAPTURED);
    assertThat(books()).hasSize(2);
    assertThat(events()).isEqualTo(1);
  }

  @Test
  void whatIsToldLateNeverMovesThePaymentBack() {
    authorize("card_ok");
    payments.capture(order, "saga:capture:do");
    payments.refundOrder(order);
    Payment refunded = stored();

    for (String status : List.of("authorized", "captured", "voided", "declined")) {
      assertThat(tell("evt_" + status, status, "")).isEqualTo(204);
    }

    assertThat(stored()).isEqualTo(refunded);
    assertThat(books()).hasSize(4);
    assertThat(events()).isZero();
  }

  @Test
  void whatWasNotAskedForIsLeftToTheNextStep() {
    authorize("card_ok");

    assertThat(tell("evt_unasked", "captured", "")).isEqualTo(204);

    assertThat(stored().state()).isEqualTo(PaymentState.AUTHORIZED);
  }

  @Test
  void ofAPaymentNotKnownHereItIsRefusedSoThatItComesAgain() {
    assertThat(tell("evt_unknown", "captured", "")).isEqualTo(404);

    authorize("card_ok");
    begunCapture();
    assertThat(tell("evt_unknown", "captured", "")).isEqualTo(204);
    assertThat(stored().state()).isEqualTo(PaymentState.CAPTURED);
  }

  @Test
  void whatIsForgedChangedOrOldIsRefused() {
    authorize("card_ok");
    begunCapture();
    byte[] body = body("evt_forged", "captured", "").getBytes(UTF_8);
    Instant now = Instant.now();

    assertThat(post(Optional.empty(), body)).isEqualTo(401);
    assertThat(post(Optional.of("t=1,v1=00"), body)).isEqualTo(401);
    assertThat(post(Optional.of(signed("another-secret-than-ours", now, body)), body))
        .isEqualTo(401);
    assertThat(post(Optional.of(signed(SECRET, now, body)), "{}".getBytes(UTF_8))).isEqualTo(401);
    Instant old = now.minus(CardSignature.AGE_MAX).minusSeconds(5);
    assertThat(post(Optional.of(signed(SECRET, old, body)), body)).isEqualTo(401);
    byte[] nothing = "{\"eventId\":\"evt\"}".getBytes(UTF_8);
    assertThat(post(Optional.of(signed(SECRET, now, nothing)), nothing)).isEqualTo(400);
    assertThat(stored().state()).isEqualTo(PaymentState.CAPTURING);

    assertThat(post(Optional.of(signed(SECRET, now, body)), body)).isEqualTo(204);
    assertThat(stored().state()).isEqualTo(PaymentState.CAPTURED);
  }

  @Test
  void whatDidNotCommitIsTakenWhenItIsToldAgain() {
    authorize("card_ok");
    begunCapture();
    CardEvent event = event("evt_again", "captured");
    Payment payment = stored();
    try {
      postgres
          .database()
          .inTransactionVoid(
              tx -> {
                assertThat(store.take(tx, event, payment)).isTrue();
                throw new IllegalStateException("dies before its commit");
              });
    } catch (IllegalStateException e) {
      assertThat(e).hasMessage("dies before its commit");
    }

    assertThat(settlement.told(event)).isTrue();
    assertThat(stored().state()).isEqualTo(PaymentState.CAPTURED);
  }

  @Test
  void whatTheNetworkCannotDeliverItDeliversLater() {
    authorize("card_ok");
    payments.capture(order, "saga:capture:do");
    // Nobody takes it yet: the management port answers 405.
    UUID refund = wishRefund(stored());
    refundAtTheNetwork(refund);

    management.receiver(CardWebhook.PATH, webhook);

    await().until(() -> stored().state() == PaymentState.REFUNDED);
    assertThat(books()).hasSize(4);
  }

  @Test
  void forgetsEventsAfterAWeek() {
    authorize("card_ok");
    begunCapture();
    tell("evt_week", "captured", "");
    assertThat(forget()).isZero();
    postgres.database().shiftClock(Duration.ofDays(8));
    try {
      assertThat(forget()).isPositive();
    } finally {
      postgres.database().shiftClock(Duration.ZERO);
    }
    assertThat(events()).isZero();
  }

  private void authorize(String card) {
    CommandId command = CommandId.parse(order + ":authorize:forward");
    payments.authorize(new Payments.Authorization(order, user, PRICE, card, command));
  }

  /** As a process leaves it that dies before it asks the network. */
  private void begunCapture() {
    postgres
        .database()
        .inTransactionVoid(
            tx -> store.save(tx, store.lockByOrder(tx, order).orElseThrow().capturing("c")));
  }

  private UUID wishRefund(Payment payment) {
    UUID refund = UuidV7.next();
    postgres
        .database()
        .inTransactionVoid(
            tx -> {
              store.insert(
                  tx,
                  Refund.requested(
                      refund, payment.id(), "cause " + refund, PRICE.minor(), Cause.current()));
              store.save(tx, store.lock(tx, payment.id()).refunding(PRICE.minor()));
            });
    return refund;
  }

  private void refundAtTheNetwork(UUID refund) {
    String path = "/v1/charges/" + stored().chargeId().orElseThrow() + ":refund";
    String body = "{\"refundId\":\"" + refund + "\",\"amount\":" + PRICE.minor() + "}";
    assertThat(
            send(
                HttpRequest.newBuilder(cards.address().resolve(path))
                    .header("Idempotency-Key", "refund:" + refund)
                    .POST(BodyPublishers.ofString(body))
                    .build()))
        .isEqualTo(200);
  }

  private int tell(String id, String status, String refund) {
    byte[] body = body(id, status, refund).getBytes(UTF_8);
    return post(Optional.of(signed(SECRET, Instant.now(), body)), body);
  }

  private int post(Optional<String> signed, byte[] body) {
    Map<String, String> headers = signed.map(s -> Map.of("Card-Signature", s)).orElse(Map.of());
    return webhook.receive(name -> Optional.ofNullable(headers.get(name)), body);
  }

  private CardEvent event(String id, String status) {
    try {
      return CardEvent.parse(body(id, status, "").getBytes(UTF_8));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private String body(String id, String status, String refund) {
    String refunds = refund.isEmpty() ? "" : "{\"refundId\":\"" + refund + "\",\"amount\":1999}";
    return "{\"eventId\":\"%s\",\"type\":\"x\",\"charge\":{\"chargeId\":\"ch_0\",\"reference\":\"%s\",\"status\":\"%s\",\"refunds\":[%s]}}"
        .formatted(id, order, status, refunds);
  }

  private static String signed(String secret, Instant at, byte[] body) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(secret.getBytes(UTF_8), "HmacSHA256"));
      mac.update((at.getEpochSecond() + ".").getBytes(UTF_8));
      return "t=" + at.getEpochSecond() + ",v1=" + HexFormat.of().formatHex(mac.doFinal(body));
    } catch (NoSuchAlgorithmException | InvalidKeyException e) {
      throw new IllegalStateException(e);
    }
  }

  private Payment stored() {
    return postgres.database().read(tx -> store.findByOrder(tx, order)).orElseThrow();
  }

  private int events() {
    return postgres
        .database()
        .<Integer>read(
            tx ->
                tx.createQuery(
                        """
                        SELECT count(*) FROM card_event JOIN payment USING (payment_id)
                         WHERE order_id = :order
                        """)
                    .bind("order", order)
                    .mapTo(Integer.class)
                    .one());
  }

  private int forget() {
    return postgres.database().<Integer>inTransaction(tx -> store.forgetEvents(tx, 1_000));
  }

  private List<Ledger.Entry> books() {
    return payments.listLedger(Set.of(order), 100, "").rows();
  }

  private static int send(HttpRequest request) {
    try (HttpClient http = HttpClient.newHttpClient()) {
      return http.send(request, BodyHandlers.ofString()).statusCode();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
