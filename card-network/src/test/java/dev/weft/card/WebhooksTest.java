package dev.weft.card;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a merchant is told, by a network that is killed and a merchant that is not always there. */
@Timeout(60)
final class WebhooksTest {
  private static final Pattern LISTENS = Pattern.compile("listens on (http://[^ ]+) with");
  private static final Pattern EVENT_ID = Pattern.compile("\"eventId\":\"(evt_[^\"]+)\"");
  private static final String SECRET = "a-secret-of-both-of-us";

  @TempDir Path directory;
  private final HttpClient http = HttpClient.newHttpClient();
  private final BlockingQueue<Told> told = new LinkedBlockingQueue<>();
  private volatile int answer = 204;
  private volatile String unknown = "of nobody";
  private HttpServer merchant;
  private Path secretFile;

  private record Told(String body, String signature) {
    String id() {
      Matcher id = EVENT_ID.matcher(body);
      assertThat(id.find()).isTrue();
      return id.group(1);
    }
  }

  @BeforeEach
  void listen() throws IOException {
    secretFile = Files.writeString(directory.resolve("secret"), SECRET + "\n");
    merchant = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    merchant.createContext(
        "/hooks",
        exchange -> {
          try (exchange) {
            int status = answer;
            String body = new String(exchange.getRequestBody().readAllBytes(), UTF_8);
            told.add(new Told(body, exchange.getRequestHeaders().getFirst("Card-Signature")));
            exchange.sendResponseHeaders(body.contains(unknown) ? 404 : status, -1);
          }
        });
    merchant.start();
  }

  @AfterEach
  void stop() {
    merchant.stop(0);
    http.close();
  }

  @Test
  void tellsWhatHappenedToEachChargeSigned() throws Exception {
    try (CardNetworkServer network = start()) {
      URI address = network.address();
      post(address, "/v1/charges", "a1", charge("order-1", "card_ok"));
      post(address, "/v1/charges/ch_0:capture", "c1", "");
      Told captured = next();
      assertThat(captured.body())
          .contains("\"type\":\"charge.captured\"", "\"reference\":\"order-1\"");
      assertSigned(captured);

      post(address, "/v1/charges/ch_0:refund", "r1", "{\"refundId\":\"r\",\"amount\":5}");
      assertThat(next().body()).contains("\"type\":\"charge.refunded\"", "\"refundId\":\"r\"");
      post(address, "/v1/charges", "a2", charge("order-2", "card_declined"));
      assertThat(next().body()).contains("\"type\":\"charge.declined\"");
      post(address, "/v1/charges", "a3", charge("order-3", "card_ok"));
      post(address, "/v1/charges/ch_2:void", "v3", "");
      assertThat(next().body()).contains("\"type\":\"charge.voided\"");
    }
    assertThat(told).isEmpty();
  }

  @Test
  void tellsAgainUntilItIsTakenAndThenNoMore() throws Exception {
    answer = 503;
    try (CardNetworkServer network = start()) {
      capture(network.address(), 0);
      Told first = next();
      assertThat(next().id()).isEqualTo(first.id());
      answer = 204;
      assertThat(next().id()).isEqualTo(first.id());
      assertThat(told.poll(600, TimeUnit.MILLISECONDS)).isNull();
    }

    // Nor after a clean restart.
    try (CardNetworkServer again = start()) {
      capture(again.address(), 1);
      assertThat(next().body()).contains("\"reference\":\"order-1\"");
    }
    assertThat(told).isEmpty();
  }

  @Test
  void losesNoneWhenItIsKilled() throws Exception {
    answer = 503;
    Set<String> before = new HashSet<>();
    Process process = launch();
    try {
      URI address = address(process);
      for (int i = 0; i < 12; i++) {
        capture(address, i);
      }
      before.add(next().id());
    } finally {
      process.destroyForcibly().waitFor();
    }
    told.clear();
    answer = 204;

    Process second = launch();
    try {
      Set<String> references = new HashSet<>();
      Set<String> ids = new HashSet<>();
      while (ids.size() < 12) {
        Told one = next();
        ids.add(one.id());
        references.add(one.body().replaceFirst(".*\"reference\":\"([^\"]+)\".*", "$1"));
      }
      assertThat(references).hasSize(12);
      assertThat(ids).containsAll(before);
    } finally {
      second.destroyForcibly().waitFor();
    }
  }

  @Test
  void keepsNoEventWaitingForOldOnesThatNobodyTakes() throws Exception {
    int many = 1_100;
    declineSomeTimeAgo(many);
    unknown = "\"reference\":\"unknown-";
    Set<String> refused = new HashSet<>();
    try (CardNetworkServer network = start()) {
      post(network.address(), "/v1/charges", "known", charge("order-1", "card_declined"));
      Told one = next();
      while (one.body().contains(unknown)) {
        refused.add(one.id());
        one = next();
      }
      assertThat(one.body()).contains("\"reference\":\"order-1\"");
    }
    // There is room for 1,000 at once: it came in when the others were set aside, and no later.
    assertThat(refused).hasSizeGreaterThan(many - 1_000);

    // They are not lost: those set aside are told after a restart as well, until they are taken.
    unknown = "of nobody";
    told.clear();
    Set<String> taken = new HashSet<>();
    try (CardNetworkServer _ = start()) {
      while (taken.size() < many) {
        Told one = next();
        if (one.body().contains("unknown-")) {
          taken.add(one.id());
        }
      }
      // Whatever is not written down as taken is told again.
      Path data = directory.resolve("data");
      String allTaken = Files.size(data.resolve(Journal.FILE)) + "\n";
      await()
          .untilAsserted(
              () -> assertThat(data.resolve(Webhooks.FILE)).content().isEqualTo(allTaken));
    }
    assertThat(taken).containsAll(refused);
    told.clear();
    try (CardNetworkServer again = start()) {
      capture(again.address(), many + 1);
      assertThat(next().body()).contains("\"reference\":\"order-" + (many + 1) + "\"");
    }
    assertThat(told).isEmpty();
  }

  /** Before this process began, and long enough for an event to be set aside. */
  private void declineSomeTimeAgo(int charges) throws IOException {
    Instant then = Instant.now().minus(Duration.ofMinutes(6));
    try (Charges ledger =
            new Charges(
                directory.resolve("data"),
                () -> then,
                Integer.MAX_VALUE,
                failure -> {
                  throw new AssertionError(failure);
                });
        var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (int i = 0; i < charges; i++) {
        String name = "unknown-" + i;
        threads.execute(
            () -> ledger.perform(name, new Command.Authorize(name, "card_declined", 1999, "EUR")));
      }
    }
  }

  @Test
  void tellsEverythingAgainWhenItsPositionIsNoneOfTheJournal() throws Exception {
    try (CardNetworkServer network = start()) {
      capture(network.address(), 0);
      next();
    }
    Files.writeString(directory.resolve("data").resolve(Webhooks.FILE), "7");

    try (CardNetworkServer _ = start()) {
      assertThat(next().body()).contains("\"reference\":\"order-0\"");
    }
  }

  @Test
  void refusesToTellWithoutASecret() throws Exception {
    Process process =
        launch(Map.of("WEFT_CARD_WEBHOOK_SECRET_FILE", directory.resolve("none").toString()));

    assertThat(process.waitFor()).isEqualTo(64);
    assertThat(new String(process.getErrorStream().readAllBytes(), UTF_8))
        .contains("WEFT_CARD_WEBHOOK_SECRET_FILE")
        .hasLineCount(1);
  }

  private CardNetworkServer start() throws IOException {
    return CardNetworkServer.start(
        directory.resolve("data"), Duration.ZERO, Duration.ZERO, url(), secretFile);
  }

  private URI url() {
    return URI.create("http://127.0.0.1:" + merchant.getAddress().getPort() + "/hooks");
  }

  private Process launch() throws IOException {
    return launch(Map.of());
  }

  private Process launch(Map<String, String> overrides) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
            ProcessHandle.current().info().command().orElseThrow(),
            "-cp",
            System.getProperty("java.class.path"),
            CardNetworkServer.class.getName());
    builder.environment().put("PORT", "0");
    builder.environment().put("WEFT_DATA_DIR", directory.resolve("data").toString());
    builder.environment().put("WEFT_CARD_WEBHOOK_URL", url().toString());
    builder.environment().put("WEFT_CARD_WEBHOOK_SECRET_FILE", secretFile.toString());
    builder.environment().putAll(overrides);
    return builder.start();
  }

  private static URI address(Process process) throws IOException {
    var lines = process.inputReader(UTF_8);
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      Matcher listens = LISTENS.matcher(line);
      if (listens.find()) {
        return URI.create(listens.group(1));
      }
    }
    throw new AssertionError("it ended before it listened");
  }

  private Told next() throws InterruptedException {
    Told one = told.poll(20, TimeUnit.SECONDS);
    assertThat(one).isNotNull();
    return one;
  }

  private void capture(URI address, int number) throws Exception {
    post(address, "/v1/charges", "a" + number, charge("order-" + number, "card_ok"));
    post(address, "/v1/charges/ch_" + number + ":capture", "c" + number, "");
  }

  private static String charge(String reference, String card) {
    return "{\"reference\":\"%s\",\"card\":\"%s\",\"amount\":1999,\"currency\":\"EUR\"}"
        .formatted(reference, card);
  }

  private void post(URI address, String path, String key, String body) throws Exception {
    assertThat(
            http.send(
                    HttpRequest.newBuilder(address.resolve(path))
                        .header("Idempotency-Key", key)
                        .POST(BodyPublishers.ofString(body))
                        .build(),
                    BodyHandlers.ofString())
                .statusCode())
        .isBetween(200, 299);
  }

  private static void assertSigned(Told told) throws Exception {
    Matcher signature = Pattern.compile("t=([0-9]+),v1=([0-9a-f]{64})").matcher(told.signature());
    assertThat(signature.matches()).isTrue();
    assertThat(Long.parseLong(signature.group(1)))
        .isCloseTo(Instant.now().getEpochSecond(), org.assertj.core.data.Offset.offset(10L));
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(SECRET.getBytes(UTF_8), "HmacSHA256"));
    assertThat(
            HexFormat.of()
                .formatHex(mac.doFinal((signature.group(1) + "." + told.body()).getBytes(UTF_8))))
        .isEqualTo(signature.group(2));
  }
}
