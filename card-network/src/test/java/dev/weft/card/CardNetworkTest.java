package dev.weft.card;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
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
import java.util.concurrent.Callable;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class CardNetworkTest {
  private static final Duration SLOW = Duration.ofMillis(150);
  private static final Duration SILENCE = Duration.ofMillis(50);

  @TempDir Path directory;
  private final HttpClient http = HttpClient.newHttpClient();
  private CardNetworkServer network;

  @BeforeEach
  void start() throws IOException {
    network = CardNetworkServer.start(directory, SLOW, SILENCE);
  }

  @AfterEach
  void stop() throws IOException {
    network.close();
    http.close();
  }

  @Test
  void authorizesCapturesAndRefunds() throws Exception {
    String id = authorized("order-1", "card_ok");
    assertThat(get("/v1/charges/" + id).body())
        .contains("\"status\":\"authorized\"", "\"capturedAmount\":0", "\"amount\":1999");

    assertThat(post("/v1/charges/" + id + ":capture", "k2", "").body())
        .contains("\"status\":\"captured\"", "\"capturedAmount\":1999");

    assertThat(refund(id, "k3", "r1", 500).body()).contains("\"refundedAmount\":500");
    assertThat(refund(id, "k4", "r2", 1499).body()).contains("\"refundedAmount\":1999");
    assertThat(refund(id, "k5", "r3", 1).body()).contains("refund_exceeds_capture");
    assertThat(refund(id, "k6", "r1", 1).body()).contains("refund_exists");
  }

  @Test
  void givesFreeWhatIsHeldAndNeverTakesItThen() throws Exception {
    String id = authorized("order-1", "card_ok");

    assertThat(post("/v1/charges/" + id + ":void", "k2", "").body())
        .contains("\"status\":\"voided\"");

    HttpResponse<String> late = post("/v1/charges/" + id + ":capture", "k3", "");
    assertThat(late.statusCode()).isEqualTo(409);
    assertThat(late.body()).contains("not_authorized");
  }

  @ParameterizedTest
  @CsvSource({
    "card_declined, card_declined",
    "card_insufficient_funds, insufficient_funds",
    "card_of_another_bank, unknown_card",
    "unknown, unknown_card"
  })
  void declinesDefinitely(String card, String reason) throws Exception {
    HttpResponse<String> answer = authorize("k1", "order-1", card, 1999);

    assertThat(answer.statusCode()).isEqualTo(201);
    assertThat(answer.body())
        .contains("\"status\":\"declined\"", "\"declineReason\":\"" + reason + "\"");
    assertThat(post("/v1/charges/" + id(answer) + ":capture", "k2", "").statusCode())
        .isEqualTo(409);
  }

  @Test
  void takesItsTimeForASlowCardAndSucceeds() throws Exception {
    String id = authorized("order-1", "card_slow");

    long began = System.nanoTime();
    HttpResponse<String> answer = post("/v1/charges/" + id + ":capture", "k2", "");

    assertThat(System.nanoTime() - began).isGreaterThanOrEqualTo(SLOW.toNanos());
    assertThat(answer.body()).contains("\"status\":\"captured\"");
  }

  @Test
  void losesTheAnswerOfACaptureThatHappened() throws Exception {
    String id = authorized("order-1", "card_timeout");

    assertThatThrownBy(() -> post("/v1/charges/" + id + ":capture", "k2", ""))
        .isInstanceOf(IOException.class);

    assertThat(get("/v1/charges?reference=order-1").body())
        .contains("\"status\":\"captured\"", "\"capturedAmount\":1999");
    // Asking again does not help, and does not take the money twice.
    assertThatThrownBy(() -> post("/v1/charges/" + id + ":capture", "k2", ""))
        .isInstanceOf(IOException.class);
    assertThat(ledger()).hasSize(2);
  }

  @Test
  void answersTheSameToTheSameKeyAndDoesItOnce() throws Exception {
    HttpResponse<String> first = authorize("k1", "order-1", "card_ok", 1999);
    HttpResponse<String> again =
        post(
            "/v1/charges",
            "k1",
            """
            {"currency": "EUR", "amount": 1999, "card": "card_ok", "reference": "order-1"}
            """);
    assertThat(again.statusCode()).isEqualTo(first.statusCode());
    assertThat(again.body()).isEqualTo(first.body());

    HttpResponse<String> captured = post("/v1/charges/" + id(first) + ":capture", "k2", "");
    assertThat(post("/v1/charges/" + id(first) + ":capture", "k2", "{}").body())
        .isEqualTo(captured.body());
    // What was answered then, though the charge has moved on.
    assertThat(authorize("k1", "order-1", "card_ok", 1999).body()).isEqualTo(first.body());
    assertThat(ledger()).hasSize(2);
  }

  @Test
  void refusesAKeyThatComesWithAnotherRequest() throws Exception {
    String id = authorized("order-1", "card_ok");
    String key = "authorize:order-1";

    assertThat(authorize(key, "order-1", "card_ok", 2000).statusCode()).isEqualTo(422);
    assertThat(authorize(key, "order-2", "card_ok", 1999).statusCode()).isEqualTo(422);
    assertThat(post("/v1/charges/" + id + ":capture", key, "").statusCode()).isEqualTo(422);
    assertThat(ledger()).hasSize(1);
  }

  @Test
  void holdsOneChargePerReference() throws Exception {
    authorized("order-1", "card_ok");

    HttpResponse<String> second = authorize("another key", "order-1", "card_ok", 1999);
    assertThat(second.statusCode()).isEqualTo(400);
    second = authorize("another-key", "order-1", "card_ok", 1999);

    assertThat(second.statusCode()).isEqualTo(409);
    assertThat(second.body()).contains("reference_in_use");
  }

  @Test
  void capturesOnceForManyAtOnce() throws Exception {
    String id = authorized("order-1", "card_slow");

    List<String> answers =
        inParallel(50, () -> post("/v1/charges/" + id + ":capture", "k2", "").body());

    assertThat(answers).hasSize(50).containsOnly(answers.getFirst());
    assertThat(ledger()).hasSize(2);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "{",
        "{}",
        "{\"reference\":\"r\",\"card\":\"card_ok\",\"amount\":1,\"currency\":\"EUR\",\"x\":1}",
        "{\"reference\":\"r\",\"card\":\"card_ok\",\"amount\":0,\"currency\":\"EUR\"}",
        "{\"reference\":\"r\",\"card\":\"card_ok\",\"amount\":1.5,\"currency\":\"EUR\"}",
        "{\"reference\":\"r\",\"card\":\"card_ok\",\"amount\":\"1\",\"currency\":\"EUR\"}",
        "{\"reference\":\"r\",\"card\":\"card_ok\",\"amount\":99999999999999999999,\"currency\":\"EUR\"}",
        "{\"reference\":\"r\",\"card\":\"card_ok\",\"amount\":1,\"currency\":\"eur\"}",
        "{\"reference\":\"r\\ns\",\"card\":\"card_ok\",\"amount\":1,\"currency\":\"EUR\"}",
        "{\"reference\":\"r\",\"reference\":\"s\",\"card\":\"card_ok\",\"amount\":1,\"currency\":\"EUR\"}",
        "{\"reference\":[[[[[[[[[[1]]]]]]]]]],\"card\":\"card_ok\",\"amount\":1,\"currency\":\"EUR\"}"
      })
  void refusesWhatIsNoAuthorization(String body) throws Exception {
    HttpResponse<String> answer = post("/v1/charges", "k1", body);

    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
    assertThat(answer.body()).contains("\"code\":\"invalid_request\"");
  }

  @Test
  void refusesWhatItDoesNotKnow() throws Exception {
    assertThat(get("/v1/charges/ch_0").statusCode()).isEqualTo(404);
    assertThat(get("/v1/charges/ch_99999999999").statusCode()).isEqualTo(404);
    assertThat(get("/v1/charges?reference=none").body()).isEqualTo("{\"charges\":[]}");
    assertThat(get("/v1/charges").statusCode()).isEqualTo(400);
    assertThat(get("/v2").statusCode()).isEqualTo(404);
    assertThat(post("/v1/charges/ch_0:capture", "k1", "").statusCode()).isEqualTo(404);
    assertThat(post("/v1/charges/ch_0:steal", "k1", "").statusCode()).isEqualTo(404);
    assertThat(post("/v1/ledger", "k1", "").statusCode()).isEqualTo(405);
    assertThat(post("/v1/charges", "k1", "x".repeat(17 << 10)).statusCode()).isEqualTo(413);
    HttpRequest withoutKey =
        HttpRequest.newBuilder(network.address().resolve("/v1/charges"))
            .POST(BodyPublishers.ofString("{}"))
            .build();
    assertThat(http.send(withoutKey, BodyHandlers.ofString()).body())
        .contains("Idempotency-Key: expected");
  }

  @Test
  void saysWhetherItLivesAndIsReady() throws Exception {
    assertThat(get("/livez").statusCode()).isEqualTo(200);
    assertThat(get("/readyz").statusCode()).isEqualTo(200);
  }

  @Test
  void knowsEverythingAfterARestart() throws Exception {
    String captured = authorized("order-1", "card_ok");
    String before = post("/v1/charges/" + captured + ":capture", "k2", "").body();
    refund(captured, "k3", "r1", 99);
    authorize("k4", "order-2", "card_declined", 5);
    String charge = get("/v1/charges/" + captured).body();
    List<String> ledger = ledger();

    network.close();
    network = CardNetworkServer.start(directory, SLOW, SILENCE);

    assertThat(get("/v1/charges/" + captured).body()).isEqualTo(charge);
    assertThat(get("/v1/charges?reference=order-2").body()).contains("card_declined");
    assertThat(post("/v1/charges/" + captured + ":capture", "k2", "").body()).isEqualTo(before);
    assertThat(authorize("k2", "order-3", "card_ok", 1).statusCode()).isEqualTo(422);
    assertThat(ledger()).isEqualTo(ledger).hasSize(4);
    assertThat(authorized("order-3", "card_ok")).isEqualTo("ch_2");
  }

  private String authorized(String reference, String card) throws Exception {
    HttpResponse<String> answer = authorize("authorize:" + reference, reference, card, 1999);
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(201);
    return id(answer);
  }

  private HttpResponse<String> authorize(String key, String reference, String card, long amount)
      throws Exception {
    return post(
        "/v1/charges",
        key,
        "{\"reference\":\"%s\",\"card\":\"%s\",\"amount\":%d,\"currency\":\"EUR\"}"
            .formatted(reference, card, amount));
  }

  private HttpResponse<String> refund(String id, String key, String refundId, long amount)
      throws Exception {
    return post(
        "/v1/charges/" + id + ":refund",
        key,
        "{\"refundId\":\"%s\",\"amount\":%d}".formatted(refundId, amount));
  }

  private List<String> ledger() throws Exception {
    Matcher entry = Pattern.compile("\\{\"operation\":[^}]*").matcher(get("/v1/ledger").body());
    List<String> entries = new ArrayList<>();
    while (entry.find()) {
      entries.add(entry.group());
    }
    return entries;
  }

  private HttpResponse<String> get(String path) throws Exception {
    return http.send(
        HttpRequest.newBuilder(network.address().resolve(path)).build(), BodyHandlers.ofString());
  }

  private HttpResponse<String> post(String path, String key, String body) throws Exception {
    return http.send(
        HttpRequest.newBuilder(URI.create(network.address() + path))
            .header("Idempotency-Key", key)
            .timeout(Duration.ofSeconds(5))
            .POST(BodyPublishers.ofString(body))
            .build(),
        BodyHandlers.ofString());
  }

  private static String id(HttpResponse<String> charge) {
    Matcher id = Pattern.compile("\"chargeId\":\"([^\"]+)\"").matcher(charge.body());
    assertThat(id.find()).as(charge.body()).isTrue();
    return id.group(1);
  }

  private static <T> List<T> inParallel(int times, Callable<T> call) throws Exception {
    List<T> results = new ArrayList<>();
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<T>> running = new ArrayList<>();
      for (int i = 0; i < times; i++) {
        running.add(threads.submit(call));
      }
      for (Future<T> one : running) {
        results.add(one.get());
      }
    }
    return results;
  }
}
