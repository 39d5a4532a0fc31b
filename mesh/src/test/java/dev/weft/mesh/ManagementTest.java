package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.nimbusds.jose.util.JSONObjectUtils;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class ManagementTest {
  private final Telemetry telemetry = Telemetry.open(TelemetryConfig.local("order-svc", "1.2.3"));
  private final Management management =
      Management.open("order-svc", "1.2.3", "127.0.0.1", 0, telemetry);
  private final HttpClient client = HttpClient.newHttpClient();

  @AfterEach
  void close() {
    client.close();
    management.close();
    telemetry.close();
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + management.port() + path));
  }

  private HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    return client.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private HttpResponse<String> get(String path) throws Exception {
    return send(request(path));
  }

  @Test
  void livesAndIsNotReadyBeforeItKnowsWhatToCheck() throws Exception {
    assertThat(get("/livez").statusCode()).isEqualTo(200);
    assertThat(get("/readyz").statusCode()).isEqualTo(503);
    assertThat(get("/readyz").body()).isEqualTo("{\"status\":\"not_ready\",\"checks\":[]}\n");
    assertThat(management.ready()).isFalse();

    management.readiness("server", () -> true);
    assertThat(get("/readyz").statusCode()).isEqualTo(200);
  }

  @Test
  void handsWhatIsPostedToItsReceiverAndNothingElse() throws Exception {
    management.receiver(
        "/hook",
        (header, body) -> {
          if (body.length == 0) {
            throw new IllegalStateException("password=hunter2");
          }
          return header.apply("Signature").isPresent() ? 204 : 401;
        });

    assertThat(post("/hook", "body", "Signature", "x").statusCode()).isEqualTo(204);
    assertThat(post("/hook", "body", "Other", "x").statusCode()).isEqualTo(401);
    assertThat(post("/hook", "", "Signature", "x").body()).isEqualTo("internal error\n");
    assertThat(
            post("/hook", "x".repeat(Management.BODY_BYTES_MAX + 1), "Signature", "x").statusCode())
        .isEqualTo(413);
    assertThat(post("/info", "body", "Signature", "x").statusCode()).isEqualTo(405);
    assertThat(get("/hook").statusCode()).isEqualTo(405);
  }

  private HttpResponse<String> post(String path, String body, String header, String value)
      throws Exception {
    return send(
        request(path).header(header, value).POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  @Test
  void aCriticalCheckThatFailsMakesItNotReadyButAlive() throws Exception {
    management.readiness("database", () -> false);
    management.readiness(
        "broken",
        () -> {
          throw new IllegalStateException("password=hunter2");
        });
    management.degradation("cache", () -> true);

    HttpResponse<String> response = get("/readyz");
    assertThat(response.statusCode()).isEqualTo(503);
    Map<String, Object> body = JSONObjectUtils.parse(response.body());
    assertThat(body).containsEntry("status", "not_ready");
    assertThat(response.body())
        .containsPattern(
            "\\{\"name\":\"database\",\"critical\":true,\"status\":\"fail\",\"durationMs\":\\d+,\"problem\":\"failed\"}")
        .contains("\"problem\":\"IllegalStateException\"")
        .containsPattern("\"name\":\"cache\",\"critical\":false,\"status\":\"pass\"")
        .doesNotContain("hunter2");
    assertThat(get("/livez").statusCode()).isEqualTo(200);
  }

  @Test
  void anotherCheckThatFailsOnlyDegradesIt() throws Exception {
    management.readiness("server", () -> true);
    management.degradation("cache", () -> false);

    assertThat(get("/readyz").statusCode()).isEqualTo(200);
    assertThat(get("/readyz").body()).contains("\"status\":\"degraded\"");
    assertThat(management.ready()).isTrue();
  }

  @Test
  void aCheckThatHangsCountsAsFailedAndIsInterrupted() throws Exception {
    CountDownLatch interrupted = new CountDownLatch(1);
    management.readiness(
        "database",
        () -> {
          try {
            new CountDownLatch(1).await();
          } catch (InterruptedException e) {
            interrupted.countDown();
          }
          return true;
        });

    assertThat(get("/readyz").body()).contains("no answer within 1000 ms");
    interrupted.await();
  }

  @Test
  void askingOftenDoesNotCheckOften() throws Exception {
    AtomicInteger checks = new AtomicInteger();
    management.readiness("database", () -> checks.incrementAndGet() > 0);
    for (int i = 0; i < 20; i++) {
      get("/readyz");
    }

    assertThat(checks.get()).isLessThanOrEqualTo(3);
  }

  @Test
  void becomesReadyWhenTheCheckPasses() throws Exception {
    AtomicBoolean up = new AtomicBoolean();
    Readiness readiness = new Readiness(Duration.ofSeconds(1), Duration.ZERO);
    readiness.add("database", true, up::get);
    assertThat(readiness.report().serves()).isFalse();
    up.set(true);

    assertThat(readiness.report().serves()).isTrue();
  }

  @Test
  void aChangeWhileTheChecksRunIsInTheNextReport() {
    AtomicBoolean up = new AtomicBoolean(true);
    Readiness readiness = new Readiness(Duration.ofSeconds(1), Duration.ofHours(1));
    readiness.add(
        "database",
        true,
        () -> {
          boolean answer = up.getAndSet(false);
          readiness.forget();
          return answer;
        });
    assertThat(readiness.report().serves()).isTrue();

    assertThat(readiness.report().serves()).isFalse();
  }

  @Test
  void isNotReadyOnceItDrains() throws Exception {
    management.readiness("database", () -> true);
    assertThat(get("/readyz").statusCode()).isEqualTo(200);
    management.drain();

    assertThat(get("/readyz").statusCode()).isEqualTo(503);
    assertThat(get("/readyz").body()).contains("\"status\":\"draining\"", "database");
    assertThat(management.ready()).isFalse();
    assertThat(get("/livez").statusCode()).isEqualTo(200);
  }

  @Test
  void metricsAreInPrometheusTextOrInOpenMetrics() throws Exception {
    HttpResponse<String> text = get("/metrics");
    assertThat(text.headers().firstValue("Content-Type"))
        .hasValueSatisfying(type -> assertThat(type).startsWith("text/plain; version=0.0.4"));
    assertThat(text.body()).contains("# TYPE jvm_memory_used_bytes gauge").doesNotContain("# EOF");
    HttpResponse<String> open =
        send(request("/metrics").header("Accept", "application/openmetrics-text; version=1.0.0"));
    assertThat(open.headers().firstValue("Content-Type"))
        .hasValueSatisfying(type -> assertThat(type).startsWith("application/openmetrics-text"));
    assertThat(open.body()).endsWith("# EOF\n");
    assertThat(
            send(request("/metrics")
                    .header(
                        "Accept", "application/vnd.google.protobuf;proto=x;encoding=delimited,*/*"))
                .body())
        .contains("jvm_memory_used_bytes");
  }

  @Test
  void infoSaysWhatRuns() throws Exception {
    management.info("schema", "abc");

    assertThat(JSONObjectUtils.parse(get("/info").body()))
        .containsEntry("name", "order-svc")
        .containsEntry("version", "1.2.3")
        .containsEntry("schema", "abc")
        .containsEntry("java", Runtime.version().toString())
        .containsKeys("startTime", "uptimeSeconds");
  }

  @Test
  void answersOnlyGetAndHeadOfWhatItHas() throws Exception {
    HttpResponse<String> post =
        send(request("/livez").POST(HttpRequest.BodyPublishers.ofString("x")));
    assertThat(post.statusCode()).isEqualTo(405);
    assertThat(post.headers().firstValue("Allow")).contains("GET, HEAD");
    assertThat(get("/nothing").statusCode()).isEqualTo(404);
    assertThat(get("/livez/").statusCode()).isEqualTo(404);
    HttpResponse<String> head = send(request("/info").HEAD());
    assertThat(head.statusCode()).isEqualTo(200);
    assertThat(head.body()).isEmpty();
    assertThat(head.headers().firstValue("Cache-Control")).contains("no-store");
    assertThat(head.headers().firstValueAsLong("Content-Length")).isPresent();
  }

  @Test
  void aVerdictIsInItsStatusToo() throws Exception {
    AtomicBoolean well = new AtomicBoolean(true);
    management.verdict("/health", () -> new Management.Verdict(well.get(), "{\"some\":1}"));

    assertThat(get("/health").statusCode()).isEqualTo(200);
    well.set(false);
    HttpResponse<String> bad = get("/health");

    assertThat(bad.statusCode()).isEqualTo(503);
    assertThat(bad.body()).isEqualToIgnoringNewLines("{\"some\":1}");
    assertThat(bad.headers().firstValue("Content-Type")).contains("application/json");
    assertThat(get("/health/more").statusCode()).isEqualTo(404);
    assertThat(get("/").body()).contains("/health");
  }

  @Test
  void tooManyAtOnceAreTurnedAway() throws Exception {
    CountDownLatch hold = new CountDownLatch(1);
    management.page(
        "/slow",
        rest -> {
          try {
            hold.await();
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
          return Optional.of("{}");
        });
    List<CompletableFuture<HttpResponse<String>>> slow = new ArrayList<>();
    for (int i = 0; i < Management.CONCURRENT; i++) {
      slow.add(client.sendAsync(request("/slow").build(), HttpResponse.BodyHandlers.ofString()));
    }
    await().untilAsserted(() -> assertThat(get("/livez").statusCode()).isEqualTo(503));
    hold.countDown();

    for (var answer : slow) {
      assertThat(answer.get().statusCode()).isEqualTo(200);
    }
    assertThat(get("/livez").statusCode()).isEqualTo(200);
  }

  @Test
  void aPortThatIsTakenIsNamed() {
    assertThatThrownBy(
            () -> Management.open("other", "1", "127.0.0.1", management.port(), telemetry))
        .hasMessageContaining("127.0.0.1:" + management.port());
  }
}
