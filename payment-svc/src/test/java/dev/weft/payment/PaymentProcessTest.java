package dev.weft.payment;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.google.type.Money;
import dev.weft.card.CardNetworkServer;
import dev.weft.durable.UuidV7;
import dev.weft.mesh.Mesh;
import dev.weft.shop.payment.v1.AuthorizeRequest;
import dev.weft.shop.payment.v1.CaptureRequest;
import dev.weft.shop.payment.v1.Payment.State;
import dev.weft.shop.payment.v1.PaymentServiceGrpc;
import dev.weft.shop.payment.v1.PaymentServiceGrpc.PaymentServiceBlockingStub;
import dev.weft.testkit.PostgresExtension;
import dev.weft.testkit.ProcessMesh;
import dev.weft.testkit.ProcessMesh.Running;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The process as {@code ./weft up} starts it, called over the registry as order-svc calls it. */
@Timeout(120)
final class PaymentProcessTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();
  @RegisterExtension final ProcessMesh processes = new ProcessMesh();
  @TempDir Path directory;

  private final HttpClient http = HttpClient.newHttpClient();
  private final String order = UuidV7.next().toString();
  private CardNetworkServer cards;
  private Mesh orders;

  @BeforeEach
  void open() throws IOException {
    cards =
        CardNetworkServer.start(
            directory.resolve("cards"), Duration.ofSeconds(1), Duration.ofMillis(100));
    orders = processes.mesh("order-svc");
  }

  @AfterEach
  void close() throws IOException {
    cards.close();
    http.close();
  }

  @Test
  void startsRegistersServesAndLeavesTheRegistryBeforeItStops() throws Exception {
    Running running = start(Map.of());

    assertThat(running.get("/readyz").statusCode()).isEqualTo(200);
    assertThat(running.get("/livez").statusCode()).isEqualTo(200);
    assertThat(running.get("/info").body()).contains("\"name\":\"payment-svc\"");
    assertThat(authorize("card_ok")).isEqualTo(State.STATE_AUTHORIZED);
    assertThat(capture()).isEqualTo(State.STATE_CAPTURED);

    assertThat(running.stop()).isEqualTo(143);
  }

  @Test
  void capturesOnceThoughItIsKilledWhileTheNetworkCaptures() throws Exception {
    Running dying = start(Map.of());
    authorize("card_slow");
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      // Whatever it is told: its process dies.
      Future<State> unanswered = threads.submit(this::capture);
      await().until(() -> state().equals("CAPTURING"));
      dying.process().destroyForcibly().waitFor();
      start(Map.of());
      await()
          .atMost(ProcessMesh.START_MAX)
          .ignoreExceptionsInstanceOf(StatusRuntimeException.class)
          .until(() -> capture() == State.STATE_CAPTURED);
      unanswered.cancel(true);
    }

    assertThat(state()).isEqualTo("CAPTURED");
    assertThat(count("SELECT count(*) FROM ledger_entry WHERE order_id = '" + order + "'"))
        .isEqualTo(2);
    assertThat(get(cards.address() + "/v1/charges?reference=" + order).body())
        .contains("\"capturedAmount\":1999");
  }

  @Test
  void staysReadyButDegradedWithoutTheCardNetwork() throws Exception {
    Running running = start(Map.of("WEFT_CARD_NETWORK_URL", "http://127.0.0.1:1"));

    HttpResponse<String> ready = running.get("/readyz");

    assertThat(ready.statusCode()).isEqualTo(200);
    assertThat(ready.body()).contains("\"status\":\"degraded\"", "card-network");
  }

  @Test
  void namesAMissingOrWrongVariableInOneLineAndExits64() throws Exception {
    for (Map.Entry<String, String> wrong :
        Map.of("DATABASE_URL", "mysql://u:secret@h/d", "WEFT_CARD_NETWORK_URL", "ftp://x")
            .entrySet()) {
      Process process =
          processes.launch(
              PaymentServer.NAME,
              PaymentServer.class,
              environment(Map.of(wrong.getKey(), wrong.getValue())));

      assertThat(process.waitFor()).isEqualTo(64);
      assertThat(new String(process.getErrorStream().readAllBytes(), UTF_8))
          .startsWith("payment-svc: " + wrong.getKey())
          .doesNotContain("secret")
          .hasLineCount(1);
    }
  }

  private Running start(Map<String, String> overrides) {
    return processes.start(PaymentServer.NAME, PaymentServer.class, environment(overrides));
  }

  private Map<String, String> environment(Map<String, String> overrides) {
    Map<String, String> environment = new HashMap<>(overrides);
    environment.putIfAbsent("DATABASE_URL", postgres.url());
    environment.putIfAbsent("WEFT_CARD_NETWORK_URL", cards.address().toString());
    return environment;
  }

  private State authorize(String card) {
    return payments()
        .authorize(
            AuthorizeRequest.newBuilder()
                .setOrderId(order)
                .setUserId(UuidV7.next().toString())
                .setAmount(
                    Money.newBuilder().setCurrencyCode("EUR").setUnits(19).setNanos(990_000_000))
                .setPaymentMethod(card)
                .setCommandId(order + ":authorize:forward")
                .build())
        .getPayment()
        .getState();
  }

  private State capture() {
    return payments()
        .capture(
            CaptureRequest.newBuilder().setOrderId(order).setCommandId("saga:capture:do").build())
        .getPayment()
        .getState();
  }

  private PaymentServiceBlockingStub payments() {
    return PaymentServiceGrpc.newBlockingStub(orders.channel(PaymentServer.NAME));
  }

  private String state() {
    return postgres
        .database()
        .read(
            tx ->
                tx.createQuery("SELECT state FROM payment WHERE order_id = :order::uuid")
                    .bind("order", order)
                    .mapTo(String.class)
                    .findOne()
                    .orElse("none"));
  }

  private int count(String sql) {
    return postgres.database().<Integer>read(tx -> tx.createQuery(sql).mapTo(Integer.class).one());
  }

  private HttpResponse<String> get(String url) throws Exception {
    return http.send(HttpRequest.newBuilder(URI.create(url)).build(), BodyHandlers.ofString());
  }
}
