package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.Status;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Answers that are kept, through a whole edge with a clock of its own. */
@Timeout(60)
class ResponseCacheTest {
  private static final String PAPER = "/archive/papers/p";
  private static final String[] USER = {"Authorization", "Bearer " + EdgeFixture.USER_TOKEN};
  private static final String[] ADMIN = {"Authorization", "Bearer " + EdgeFixture.ADMIN_TOKEN};

  private final AtomicLong clock = new AtomicLong();
  private final ArchiveService archive = new ArchiveService();
  private EdgeFixture fixture;
  private TestBackend backend;

  /** Says more of its answer than what anybody may be told again. */
  private static final class Marking implements ServerInterceptor {
    private volatile String name = "";

    @Override
    public <Q, P> ServerCall.Listener<Q> interceptCall(
        ServerCall<Q, P> call, Metadata headers, ServerCallHandler<Q, P> next) {
      return next.startCall(
          new SimpleForwardingServerCall<>(call) {
            @Override
            public void sendHeaders(Metadata answer) {
              if (!name.isEmpty()) {
                answer.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), "told");
              }
              super.sendHeaders(answer);
            }
          },
          headers);
    }
  }

  private final Marking marking = new Marking();

  @BeforeEach
  void open() throws Exception {
    open(1 << 20);
  }

  private void open(int bytes) throws Exception {
    fixture = EdgeFixture.keeping(bytes, clock::get);
    backend =
        fixture.add(
            TestBackend.start(
                fixture.consul,
                "archive",
                List.of(
                    ServerInterceptors.intercept(archive, marking),
                    ProtoReflectionServiceV1.newInstance().bindService())));
    await()
        .atMost(Duration.ofSeconds(10))
        .pollInterval(Duration.ofMillis(10))
        .until(() -> fixture.status("/archive/papers/first") == 200);
    archive.reads.set(0);
  }

  @AfterEach
  void close() throws Exception {
    archive.release();
    fixture.close();
  }

  @Test
  void answersAgainWithEverythingThatTheAnswerHad() throws Exception {
    HttpResponse<String> first = fixture.get(PAPER);
    pass(3);
    HttpResponse<String> again = fixture.get(PAPER);

    assertThat(first.statusCode()).isEqualTo(200);
    assertThat(first.body()).contains("\"paperId\":\"p\"", "\"reading\":1");
    assertThat(header(first, "cache-status")).isEqualTo("weft; fwd=miss; stored");
    assertThat(header(first, "age")).isEmpty();
    assertThat(again.statusCode()).isEqualTo(200);
    assertThat(again.body()).isEqualTo(first.body());
    assertThat(header(again, "age")).isEqualTo("3");
    assertThat(header(again, "cache-status")).isEqualTo("weft; hit; ttl=2");
    for (String name : List.of("cache-control", "content-type", "etag", "vary")) {
      assertThat(header(again, name)).as(name).isNotEmpty().isEqualTo(header(first, name));
    }
    assertThat(header(again, "cache-control")).isEqualTo("public, max-age=5, stale-if-error=60");
    assertThat(header(again, "x-request-id")).isNotEqualTo(header(first, "x-request-id"));
    assertThat(archive.reads).hasValue(1);
  }

  @Test
  void asksAnewWhenTheTimeIsUp() throws Exception {
    fixture.get(PAPER);
    pass(5);
    HttpResponse<String> anew = fixture.get(PAPER);

    assertThat(anew.body()).contains("\"reading\":2");
    assertThat(header(anew, "cache-status")).isEqualTo("weft; fwd=stale; stored");
    assertThat(fixture.get(PAPER).body()).isEqualTo(anew.body());
  }

  /** Defect D2 of what this edge replaces. */
  @Test
  void neverAnswersOneUserWithWhatAnotherOneWasAnswered() throws Exception {
    for (String below : List.of("/x.css", "%2Fx.css", ";x.css", ".css", "/.", "%00.css")) {
      assertThat(fixture.get("/archive/desk" + below, USER).statusCode()).as(below).isIn(400, 404);
    }
    assertThat(archive.reads).hasValue(0);
    assertThat(fixture.get("/archive/desk").statusCode()).isEqualTo(401);
  }

  @Test
  void keepsWhatWasReadAnewAndNothingThatMustNotBe() throws Exception {
    fixture.get(PAPER);
    fixture.get(PAPER, "Cache-Control", "no-cache");
    assertThat(fixture.get(PAPER).body()).contains("\"reading\":2");

    fixture.get("/archive/papers/q", "Cache-Control", "no-store");
    assertThat(fixture.get("/archive/papers/q").body()).contains("\"reading\":4");
  }

  @Test
  void answersOnlyFromWhatIsKeptToWhoWantsThat() throws Exception {
    HttpResponse<String> none = fixture.get(PAPER, "Cache-Control", "only-if-cached");
    assertThat(none.statusCode()).isEqualTo(504);
    assertThat(none.body()).contains("\"reason\":\"NOT_CACHED\"");
    assertThat(archive.reads).hasValue(0);

    fixture.get(PAPER);
    assertThat(fixture.get(PAPER, "Cache-Control", "only-if-cached").statusCode()).isEqualTo(200);
  }

  @Test
  void tellsWhoHasItAlreadyThatNothingHasChanged() throws Exception {
    String tag = header(fixture.get(PAPER), "etag");
    pass(2);
    HttpResponse<String> same = fixture.get(PAPER, "If-None-Match", tag);

    assertThat(same.statusCode()).isEqualTo(304);
    assertThat(same.body()).isEmpty();
    assertThat(header(same, "etag")).isEqualTo(tag);
    assertThat(header(same, "age")).isEqualTo("2");
    assertThat(header(same, "cache-control")).startsWith("public");
    assertThat(fixture.get(PAPER, "If-Match", "\"other\"").statusCode()).isEqualTo(412);
    assertThat(archive.reads).hasValue(1);

    pass(4);
    HttpResponse<String> changed = fixture.get(PAPER, "If-None-Match", tag);
    assertThat(changed.statusCode()).isEqualTo(200);
    assertThat(fixture.get(PAPER).body()).as("the whole of it was kept").isEqualTo(changed.body());
  }

  @Test
  void answersHeadFromWhatGetWasAnsweredAndTheOtherWayRound() throws Exception {
    String length = Integer.toString(fixture.get(PAPER).body().length());
    HttpResponse<String> head = fixture.send("HEAD", PAPER, "");

    assertThat(head.statusCode()).isEqualTo(200);
    assertThat(head.body()).isEmpty();
    assertThat(header(head, "content-length")).isEqualTo(length);
    assertThat(header(head, "cache-status")).startsWith("weft; hit");

    fixture.send("HEAD", "/archive/papers/q", "");
    assertThat(fixture.get("/archive/papers/q").body()).contains("\"reading\":2");
    assertThat(archive.reads).hasValue(2);
  }

  @Test
  void codesWhatIsKeptAsEachClientLikesIt() throws Exception {
    String plain = fixture.get(PAPER + "?size=5000").body();

    for (String coding : List.of("gzip", "zstd", "gzip", "zstd")) {
      HttpResponse<byte[]> answer =
          fixture.client.send(
              HttpRequest.newBuilder(fixture.uri(PAPER + "?size=5000"))
                  .header("Accept-Encoding", coding)
                  .build(),
              HttpResponse.BodyHandlers.ofByteArray());
      assertThat(header(answer, "content-encoding")).isEqualTo(coding);
      assertThat(header(answer, "etag")).endsWith("~" + coding + "\"");
      assertThat(header(answer, "vary")).contains("Accept-Encoding", "Authorization");
      assertThat(ContentCoding.named(coding).orElseThrow().decode(answer.body(), 10_000))
          .asString()
          .isEqualTo(plain);
    }
    assertThat(archive.reads).hasValue(1);
  }

  @Test
  void answersPartsOfABodyThatIsKept() throws Exception {
    HttpResponse<String> whole = fixture.get(PAPER + "/scan");
    HttpResponse<String> part = fixture.get(PAPER + "/scan", "Range", "bytes=0-3");

    assertThat(whole.body()).isEqualTo("scan 1");
    assertThat(part.statusCode()).isEqualTo(206);
    assertThat(part.body()).isEqualTo("scan");
    assertThat(header(part, "content-range")).isEqualTo("bytes 0-3/6");
    assertThat(fixture.get(PAPER + "/scan").body()).isEqualTo("scan 1");
  }

  @Test
  void repeatsTheLinkToTheNextPage() throws Exception {
    String page = "/archive/papers?page_token=t";

    assertThat(header(fixture.get(page), "link"))
        .isEqualTo("</archive/papers?pageToken=t>; rel=\"next\"");
    assertThat(header(fixture.get(page), "link"))
        .isEqualTo("</archive/papers?pageToken=t>; rel=\"next\"");
    assertThat(archive.reads).hasValue(1);
  }

  @Test
  void keepsNoFailure() throws Exception {
    archive.failNext(1, Status.NOT_FOUND);

    assertThat(fixture.get(PAPER).statusCode()).isEqualTo(404);
    assertThat(fixture.get(PAPER).statusCode()).isEqualTo(200);
  }

  @ParameterizedTest
  @ValueSource(strings = {"x-seen", "ratelimit-remaining"})
  void keepsNothingOfWhichTheServiceSaysMoreThanAnybodyMayHear(String name) throws Exception {
    marking.name = name;

    for (int i = 1; i <= 2; i++) {
      HttpResponse<String> answer = fixture.get(PAPER);
      assertThat(answer.body()).contains("\"reading\":" + i);
      assertThat(header(answer, name)).isEqualTo("told");
      assertThat(header(answer, "cache-status")).isEqualTo("weft; fwd=miss");
    }
  }

  @Test
  void repeatsWhatAServiceSaysOfItsAnswerToEverybody() throws Exception {
    marking.name = "last-modified";

    fixture.get(PAPER);
    assertThat(header(fixture.get(PAPER), "last-modified")).isEqualTo("told");
    assertThat(archive.reads).hasValue(1);
  }

  @ParameterizedTest
  @CsvSource({
    "PATCH,/archive/papers/p",
    "PATCH,/archive/papers/%70",
    "POST,/archive/papers/p:seal",
  })
  void forgetsWhatWasChanged(String method, String path) throws Exception {
    fixture.get(PAPER);
    fixture.get("/archive/papers");
    fixture.get("/archive/papers/q");

    HttpResponse<String> change =
        method.equals("PATCH")
            ? fixture.send(method, path, "{}", "Content-Type", "application/json")
            : fixture.send(method, path, "");

    assertThat(change.statusCode()).isEqualTo(200);
    assertThat(fixture.get(PAPER).body()).contains("\"reading\":4");
    assertThat(fixture.get("/archive/papers").body())
        .as("the collection")
        .contains("\"reading\":5");
    assertThat(fixture.get("/archive/papers/q").body()).as("another").contains("\"reading\":3");
  }

  @ParameterizedTest
  @CsvSource({"NOT_FOUND,404,1", "INTERNAL,500,2", "DEADLINE_EXCEEDED,504,2"})
  void forgetsWhatMayHaveBeenChangedAndNotWhatWasNot(Status.Code code, int status, int reading)
      throws Exception {
    fixture.get(PAPER);
    archive.failNext(1, code.toStatus());

    assertThat(fixture.send("POST", PAPER + ":seal", "").statusCode()).isEqualTo(status);
    assertThat(fixture.get(PAPER).body()).contains("\"reading\":" + reading);
  }

  @Test
  void answersNobodyAfterAChangeWithWhatWasAskedForBefore() throws Exception {
    archive.hold();
    CompletableFuture<HttpResponse<String>> before = getLater(PAPER);
    archive.awaitRead();

    assertThat(fixture.send("POST", PAPER + ":seal", "").statusCode()).isEqualTo(200);
    CompletableFuture<HttpResponse<String>> after = getLater(PAPER);
    archive.awaitRead();
    archive.release();

    assertThat(before.get(20, TimeUnit.SECONDS).body()).contains("\"reading\":1");
    assertThat(after.get(20, TimeUnit.SECONDS).body()).contains("\"reading\":2");
    assertThat(fixture.get(PAPER).body()).doesNotContain("\"reading\":1");
  }

  @Test
  void whoAsksTheSameAtTheSameTimeWaitsForOneCall() throws Exception {
    archive.hold();
    List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
    for (int i = 0; i < 10; i++) {
      answers.add(getLater(PAPER));
    }
    awaitWaiting(9);
    archive.release();

    int collapsed = 0;
    for (CompletableFuture<HttpResponse<String>> one : answers) {
      HttpResponse<String> answer = one.get(20, TimeUnit.SECONDS);
      assertThat(answer.statusCode()).isEqualTo(200);
      assertThat(answer.body()).contains("\"reading\":1");
      collapsed += header(answer, "cache-status").equals("weft; fwd=miss; collapsed") ? 1 : 0;
    }
    assertThat(collapsed).isEqualTo(9);
    assertThat(archive.reads).hasValue(1);
    awaitWaiting(0);
    await()
        .untilAsserted(
            () ->
                assertThat(fixture.management("/metrics").body().lines())
                    .anyMatch(line -> isCount(line, "joined") && line.endsWith(" 9.0")));
  }

  @Test
  void whoWaitsDoesNotFailBecauseTheOtherOneLeaves() throws Exception {
    archive.hold();
    List<CompletableFuture<HttpResponse<String>>> answers = new ArrayList<>();
    try (RawHttp leaving = new RawHttp(fixture.edge.port())) {
      leaving.send("GET " + PAPER + " HTTP/1.1\r\nHost: edge\r\n\r\n");
      archive.awaitRead();
      answers.add(getLater(PAPER));
      answers.add(getLater(PAPER));
      awaitWaiting(2);
    }
    archive.awaitRead();
    awaitWaiting(1);
    archive.release();

    for (CompletableFuture<HttpResponse<String>> one : answers) {
      assertThat(one.get(20, TimeUnit.SECONDS).body()).contains("\"reading\":2");
    }
    assertThat(archive.reads).hasValue(2);
  }

  @Test
  void whoWaitsDoesNotFailBecauseTheOtherOneDoes() throws Exception {
    List<HttpResponse<String>> answers = togetherWith(1, Status.INTERNAL);

    assertThat(answers).extracting(HttpResponse::statusCode).containsOnlyOnce(500);
    assertThat(answers)
        .filteredOn(answer -> answer.statusCode() == 200)
        .hasSize(3)
        .allSatisfy(answer -> assertThat(answer.body()).contains("\"reading\":2"));
    assertThat(archive.reads).hasValue(2);
  }

  @Test
  void whoWaitsForTwoCallsThatFailMakesOneAndWaitsNoMore() throws Exception {
    List<HttpResponse<String>> answers = togetherWith(4, Status.INTERNAL);

    assertThat(answers).extracting(HttpResponse::statusCode).containsOnly(500);
    assertThat(archive.reads).hasValue(4);
  }

  /** What four clients are answered who ask the same at the same time, while calls fail. */
  private List<HttpResponse<String>> togetherWith(int failures, Status status) throws Exception {
    archive.hold();
    archive.failNext(failures, status);
    List<CompletableFuture<HttpResponse<String>>> later = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      later.add(getLater(PAPER));
    }
    awaitWaiting(3);
    archive.release();
    List<HttpResponse<String>> answers = new ArrayList<>();
    for (CompletableFuture<HttpResponse<String>> one : later) {
      answers.add(one.get(20, TimeUnit.SECONDS));
    }
    return answers;
  }

  @Test
  void whoWaitsHasATimeOfItsOwn() throws Exception {
    archive.hold();
    CompletableFuture<HttpResponse<String>> calling = getLater(PAPER);
    archive.awaitRead();
    HttpResponse<String> hasty = fixture.get(PAPER, "Grpc-Timeout", "50m");
    assertThat(hasty.statusCode()).isEqualTo(504);
    assertThat(hasty.body()).contains("\"reason\":\"UPSTREAM_TIMEOUT\"");
    archive.release();

    assertThat(calling.get(20, TimeUnit.SECONDS).statusCode()).isEqualTo(200);
    awaitWaiting(0);
  }

  @Test
  void whoWaitsIsNotHeldToTheTimeOfTheOtherOne() throws Exception {
    archive.hold();
    CompletableFuture<HttpResponse<String>> hasty = getLater(PAPER, "Grpc-Timeout", "300m");
    archive.awaitRead();
    CompletableFuture<HttpResponse<String>> patient = getLater(PAPER);
    assertThat(hasty.get(20, TimeUnit.SECONDS).statusCode()).isEqualTo(504);
    archive.awaitRead();
    archive.release();

    assertThat(patient.get(20, TimeUnit.SECONDS).body()).contains("\"reading\":2");
  }

  /** The contract gives 2 s. */
  @Test
  void whoWaitsHasTheTimeThatTheRegistryGivesCalls() throws Exception {
    fixture
        .consul
        .configEntries()
        .put(
            """
            {"Kind": "service-defaults", "Name": "archive", "Meta": {"weft-timeout": "1m"}}\
            """);
    await()
        .atMost(Duration.ofSeconds(10))
        .until(
            () -> {
              fixture.get("/archive/papers", "Cache-Control", "no-store");
              return archive.secondsLeft > 2;
            });
    archive.hold();
    CompletableFuture<HttpResponse<String>> calling = getLater("/archive/papers");
    archive.awaitRead();
    CompletableFuture<HttpResponse<String>> waiting = getLater("/archive/papers");
    awaitWaiting(1);
    HttpResponse<String> hasty = fixture.get("/archive/papers", "Grpc-Timeout", "2500m");
    assertThat(hasty.statusCode()).isEqualTo(504);
    archive.release();

    assertThat(calling.get(20, TimeUnit.SECONDS).statusCode()).isEqualTo(200);
    assertThat(header(waiting.get(20, TimeUnit.SECONDS), "cache-status"))
        .isEqualTo("weft; fwd=miss; collapsed");
    assertThat(archive.begun.availablePermits()).as("no other call").isZero();
  }

  @Test
  void answersWithWhatIsTooOldWhileTheServiceCannotBeAsked() throws Exception {
    String body = fixture.get(PAPER).body();
    pass(64);
    // It is asked twice: such a failure is tried again.
    archive.failNext(2, Status.UNAVAILABLE);
    HttpResponse<String> stale = fixture.get(PAPER);

    assertThat(stale.statusCode()).isEqualTo(200);
    assertThat(stale.body()).isEqualTo(body);
    assertThat(header(stale, "age")).isEqualTo("64");
    assertThat(header(stale, "cache-status")).isEqualTo("weft; fwd=stale; fwd-status=503; ttl=-59");
    archive.failNext(1, Status.DEADLINE_EXCEEDED);
    assertThat(header(fixture.get(PAPER), "cache-status")).contains("fwd-status=504");

    archive.failNext(1, Status.INTERNAL);
    assertThat(fixture.get(PAPER).statusCode()).as("it was asked").isEqualTo(500);
    archive.failNext(1, Status.NOT_FOUND);
    assertThat(fixture.get(PAPER).statusCode()).as("it was asked").isEqualTo(404);
    assertThat(fixture.get(PAPER).body()).as("as soon as it can be").isNotEqualTo(body);
  }

  @ParameterizedTest
  @CsvSource({
    "65,/archive/papers/p,-",
    "6,/archive/papers,-",
    "6,/archive/papers/p,no-cache",
    "6,/archive/papers/p,max-age=60",
  })
  void answersWithNothingOlderThanMayBe(int seconds, String path, String wanted) throws Exception {
    String[] headers = wanted.equals("-") ? new String[0] : new String[] {"Cache-Control", wanted};
    fixture.get(path, headers);
    pass(seconds);
    archive.failNext(2, Status.UNAVAILABLE);

    assertThat(fixture.get(path, headers).statusCode()).isEqualTo(503);
  }

  @Test
  void answersWithWhatIsTooOldWhenTheServiceHasLeft() throws Exception {
    String users = fixture.get(PAPER, USER).body();
    String body = fixture.get(PAPER).body();
    pass(10);
    backend.close();
    await().until(() -> fixture.status("/archive/papers/unknown") == 503);

    assertThat(fixture.get(PAPER).body()).isEqualTo(body);
    assertThat(fixture.get(PAPER, USER).body()).isEqualTo(users);
    assertThat(fixture.get(PAPER, ADMIN).statusCode()).isEqualTo(503);
    assertThat(header(fixture.get(PAPER), "cache-control")).startsWith("public, max-age=5");
  }

  @Test
  void whoWaitsIsAnsweredWithWhatIsTooOldAndCallsNobody() throws Exception {
    String body = fixture.get(PAPER).body();
    pass(10);
    List<HttpResponse<String>> answers = togetherWith(9, Status.DEADLINE_EXCEEDED);

    assertThat(answers).allSatisfy(answer -> assertThat(answer.body()).isEqualTo(body));
    assertThat(archive.reads).hasValue(2);
  }

  @Test
  void countsByRouteWhatBecameOfRequests() throws Exception {
    fixture.get(PAPER);
    fixture.get(PAPER);
    fixture.get(PAPER);
    fixture.get(PAPER, "Cache-Control", "no-store");
    pass(10);
    archive.failNext(1, Status.DEADLINE_EXCEEDED);
    fixture.get(PAPER);

    await()
        .untilAsserted(
            () ->
                assertThat(fixture.management("/metrics").body().lines())
                    .anyMatch(line -> isCount(line, "hit") && line.endsWith(" 2.0"))
                    .anyMatch(line -> isCount(line, "passed") && line.endsWith(" 1.0"))
                    .anyMatch(line -> isCount(line, "stale") && line.endsWith(" 1.0"))
                    .anyMatch(line -> line.matches("weft_edge_cache_bytes.* [1-9][0-9.E]+")));
  }

  private static boolean isCount(String line, String result) {
    return line.startsWith("weft_edge_cache_requests")
        && line.contains("http_route=\"/archive/papers/{paper_id}\"")
        && line.contains("weft_cache_result=\"" + result + "\"");
  }

  @Test
  void keepsNothingWhenItIsSwitchedOff() throws Exception {
    fixture.close();
    open(0);

    fixture.get(PAPER);
    HttpResponse<String> anew = fixture.get(PAPER);

    assertThat(anew.body()).contains("\"reading\":2");
    assertThat(header(anew, "cache-status")).isEmpty();
    assertThat(header(anew, "cache-control")).startsWith("public, max-age=5");
  }

  private void pass(long seconds) {
    clock.addAndGet(Duration.ofSeconds(seconds).toNanos());
  }

  private CompletableFuture<HttpResponse<String>> getLater(String path, String... headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(fixture.uri(path)).timeout(Duration.ofSeconds(20));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return fixture.client.sendAsync(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private void awaitWaiting(int requests) {
    await()
        .atMost(Duration.ofSeconds(20))
        .untilAsserted(
            () ->
                assertThat(fixture.management("/metrics").body().lines())
                    .filteredOn(line -> line.startsWith("weft_edge_cache_waiting"))
                    .singleElement()
                    .asString()
                    .endsWith(" " + requests + ".0"));
  }

  private static String header(HttpResponse<?> answer, String name) {
    return answer.headers().firstValue(name).orElse("");
  }
}
