package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.URLEncoder;
import java.net.http.HttpHeaders;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests of clients who mean well, and of some who do not, through a whole edge. */
class EdgeTest {
  private static final LibraryService LIBRARY = new LibraryService();
  private static EdgeFixture fixture;
  private static Held before;

  @BeforeAll
  static void open() throws Exception {
    fixture = EdgeFixture.with(LIBRARY);
    before = Held.now();
  }

  @AfterAll
  static void close() throws Exception {
    fixture.close(before);
  }

  @AfterEach
  void stillServes() throws Exception {
    assertThat(fixture.get("/library/books/b1").statusCode()).isEqualTo(200);
  }

  @Test
  void answersTheResourceAsJson() throws Exception {
    HttpResponse<String> answer = fixture.get("/library/shelves/s%2F1/books/b%201");

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.headers().firstValue("content-type")).contains("application/json");
    assertThat(answer.body())
        .isEqualTo(
            "{\"bookId\":\"b 1\",\"title\":\"s/1\",\"pageCount\":0,\"genre\":\"GENRE_UNSPECIFIED\","
                + "\"labels\":{},\"etag\":\"\"}");
    assertThat(answer.headers().firstValue("x-request-id")).isPresent();
    assertThat(answer.headers().firstValue("x-response-time").orElseThrow()).matches("[0-9]+ms");
    assertThat(answer.headers().firstValue("x-content-type-options")).contains("nosniff");
    assertThat(answer.headers().firstValue("cache-control")).contains("no-store");
    assertThat(answer.headers().firstValue("server")).isEmpty();
  }

  @Test
  void saysForHowLongAndByWhomAnAnswerMayBeReused() throws Exception {
    HttpResponse<String> anybodys = fixture.get("/library/books?pageSize=1");
    HttpResponse<String> somebodys =
        fixture.get(
            "/library/books?pageSize=1", "Authorization", "Bearer " + EdgeFixture.USER_TOKEN);
    HttpResponse<String> refused = fixture.get("/library/books?pageSize=x");

    assertThat(anybodys.headers().firstValue("cache-control")).contains("public, max-age=5");
    assertThat(somebodys.headers().firstValue("cache-control")).contains("private, max-age=5");
    assertThat(refused.headers().firstValue("cache-control")).contains("no-store");
    assertThat(anybodys.headers().firstValue("vary")).contains("Origin, Authorization");
  }

  @Test
  void answers304ToWhoHasTheAnswerAlready() throws Exception {
    String tag =
        fixture.get("/library/books?pageSize=1").headers().firstValue("etag").orElseThrow();

    for (String given : new String[] {tag, "W/" + tag, "\"other\", " + tag, "*"}) {
      HttpResponse<String> same = fixture.get("/library/books?pageSize=1", "If-None-Match", given);
      assertThat(same.statusCode()).as(given).isEqualTo(304);
      assertThat(same.body()).isEmpty();
      assertThat(same.headers().firstValue("content-length")).isEmpty();
      assertThat(same.headers().firstValue("etag")).contains(tag);
      assertThat(same.headers().firstValue("cache-control")).contains("public, max-age=5");
    }
    HttpResponse<String> another = fixture.get("/library/books?pageSize=2", "If-None-Match", tag);
    assertThat(another.statusCode()).isEqualTo(200);
    assertThat(another.headers().firstValue("etag").orElseThrow()).isNotEqualTo(tag);
    assertThat(fixture.get("/library/books/b1", "If-None-Match", "*").statusCode())
        .as("nothing of it may be reused")
        .isEqualTo(200);
  }

  @ParameterizedTest
  @CsvSource({"tagged,'\"7\"'", "weak,'W/\"7\"'"})
  void tellsTheVersionOfAResourceAndWhetherTheClientHasIt(String id, String tag) throws Exception {
    HttpResponse<String> whole = fixture.get("/library/books/" + id);
    assertThat(whole.headers().firstValue("etag")).contains(tag);
    assertThat(whole.headers().firstValue("cache-control")).contains("no-store");

    HttpResponse<String> same =
        fixture.get("/library/books/" + id, "If-None-Match", "\"6\", W/\"7\"");
    assertThat(same.statusCode()).isEqualTo(304);
    assertThat(same.body()).isEmpty();
    assertThat(same.headers().firstValue("etag")).contains(tag);
    assertThat(fixture.get("/library/books/" + id, "If-None-Match", "\"6\"").statusCode())
        .isEqualTo(200);
    assertThat(fixture.get("/library/books/none", "If-None-Match", tag).statusCode())
        .isEqualTo(404);
  }

  @Test
  void looksForATagInListsOfAnyLengthThatFits() throws Exception {
    String tag =
        fixture.get("/library/books?pageSize=1").headers().firstValue("etag").orElseThrow();
    String others = "\"0123456789\", ".repeat(500);

    assertThat(fixture.get("/library/books?pageSize=1", "If-None-Match", others + tag).statusCode())
        .isEqualTo(304);
    assertThat(
            fixture
                .get("/library/books?pageSize=1", "If-None-Match", others + others + tag)
                .statusCode())
        .as("14 kB")
        .isEqualTo(431);
  }

  /** Who creates only what is not there relies on it, and no service is told. */
  @Test
  void createsNothingOnAConditionThatNobodyChecks() throws Exception {
    int calls = LIBRARY.calls.get();
    for (String tag : new String[] {"*", "\"7\""}) {
      HttpResponse<String> answer =
          fixture.post("/library/books", "{}", "Idempotency-Key", "k", "If-None-Match", tag);
      assertThat(answer.statusCode()).isEqualTo(412);
      assertThat(answer.body()).contains("CONDITION_NOT_CHECKED");
    }
    assertThat(LIBRARY.calls.get()).isEqualTo(calls);
  }

  @Test
  void makesNoHeaderOfAVersionThatIsNoEntityTag() throws Exception {
    HttpResponse<String> answer = fixture.get("/library/books/torn");

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.headers().firstValue("etag")).isEmpty();
    assertThat(answer.headers().firstValue("x")).isEmpty();
  }

  @Test
  void answersHeadAsGetWithoutTheBody() throws Exception {
    HttpResponse<String> get = fixture.get("/library/books/b1");
    HttpResponse<String> head = fixture.send("HEAD", "/library/books/b1", "");

    assertThat(head.statusCode()).isEqualTo(200);
    assertThat(head.body()).isEmpty();
    assertThat(head.headers().firstValue("content-length"))
        .contains(Integer.toString(get.body().length()));
  }

  @Test
  void createsWithAnIdempotencyKeyAndSaysWhere() throws Exception {
    HttpResponse<String> answer =
        fixture.post(
            "/library/books", "{\"title\":\"T\"}", "Idempotency-Key", "\"k 1\"".replace(" ", "-"));

    assertThat(answer.statusCode()).isEqualTo(201);
    assertThat(answer.headers().firstValue("location")).contains("/library/books/new%2Fk-1");
    assertThat(answer.body()).contains("\"title\":\"T\"");
  }

  @Test
  void asksForAnIdempotencyKeyWhereItIsRequired() throws Exception {
    int before = LIBRARY.calls.get();
    HttpResponse<String> answer = fixture.post("/library/books", "{}");

    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(answer.body())
        .contains(
            "\"reason\":\"IDEMPOTENCY_KEY_MISSING\"",
            "\"detail\":\"Idempotency-Key header is required\"")
        .doesNotContain("requestId\":\"\"", "/requestId");
    assertThat(fixture.post("/library/books", "{}", "Idempotency-Key", "").statusCode())
        .isEqualTo(400);
    assertThat(
            fixture
                .post("/library/books", "{}", "Idempotency-Key", "a", "Idempotency-Key", "b")
                .statusCode())
        .isEqualTo(400);
    assertThat(
            fixture.post("/library/books", "{}", "Idempotency-Key", "x".repeat(256)).statusCode())
        .isEqualTo(400);
    assertThat(LIBRARY.calls.get()).isEqualTo(before);
  }

  @Test
  void saysWhatIsWrongWhereInOneForm() throws Exception {
    HttpResponse<String> answer =
        fixture.post("/library/echo?x=secret", "{\"int32\":\"a\"}", "X-Request-Id", "my-id.1");

    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(answer.headers().firstValue("content-type")).contains("application/problem+json");
    assertThat(answer.headers().firstValue("x-request-id")).contains("my-id.1");
    assertThat(answer.body())
        .startsWith(
            "{\"type\":\"urn:weft:problem:invalid-field\",\"title\":\"Bad Request\",\"status\":400,"
                + "\"detail\":\"/int32: expected a 32-bit integer\",\"instance\":\"/library/echo\","
                + "\"code\":3,\"message\":\"/int32: expected a 32-bit integer\",\"details\":["
                + "{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","
                + "\"reason\":\"INVALID_FIELD\",\"domain\":\"edge-gateway.weft\"")
        .contains(
            "\"fieldViolations\":[{\"field\":\"int32\",\"description\":\"expected a 32-bit"
                + " integer\"",
            "\"reason\":\"INVALID_FIELD\",\"requestId\":\"my-id.1\",\"traceId\":\"")
        .endsWith(
            "\"errors\":[{\"pointer\":\"/int32\",\"detail\":\"expected a 32-bit integer\"}]}");
  }

  @ParameterizedTest
  @CsvSource({
    "1,499", "2,500", "3,400", "4,504", "5,404", "6,409", "7,403", "8,429", "9,400", "10,409",
    "11,400", "12,501", "13,500", "14,503", "15,500", "16,401"
  })
  void mapsEveryCodeOfGrpc(int code, int status) throws Exception {
    HttpResponse<String> answer =
        fixture.post("/library/fail", "{\"code\":" + code + ",\"reason\":\"R\"}");

    assertThat(answer.statusCode()).isEqualTo(status);
    assertThat(answer.body()).contains("\"code\":" + code + ",", "\"reason\":\"R\"");
    assertThat(answer.headers().firstValue("retry-after").isPresent())
        .isEqualTo(status == 429 || status == 503);
    assertThat(answer.headers().firstValue("www-authenticate").isPresent())
        .isEqualTo(status == 401);
    assertThat(answer.body().contains("it failed"))
        .as("the text of an unexpected failure is nobody's business")
        .isEqualTo(status != 500);
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 14})
  void neverRepeatsWhatIsNotDeclaredSafe(int code) throws Exception {
    int before = LIBRARY.calls.get();

    fixture.post("/library/fail", "{\"code\":" + code + "}", "Idempotency-Key", "k");

    assertThat(LIBRARY.calls.get()).isEqualTo(before + 1);
  }

  @Test
  void repeatsWhatIsDeclaredSafe() throws Exception {
    int before = LIBRARY.calls.get();
    LIBRARY.lost.set(true);

    assertThat(fixture.get("/library/books/lost").statusCode()).isEqualTo(200);
    assertThat(LIBRARY.calls.get()).isEqualTo(before + 2);
  }

  @ParameterizedTest
  @CsvSource({
    "402,402", "409,409", "412,412", "422,422", "428,428", "503,503", "418,400", "200,400"
  })
  void letsOurServicesChooseSomeStatuses(String wanted, int status) throws Exception {
    assertThat(
            fixture
                .post(
                    "/library/fail",
                    "{\"code\":9,\"reason\":\"R\",\"httpStatus\":\"" + wanted + "\"}")
                .statusCode())
        .isEqualTo(status);
  }

  @Test
  void pointsToTheFieldsThatAServiceRefuses() throws Exception {
    HttpResponse<String> answer =
        fixture.post(
            "/library/fail",
            "{\"code\":3,\"reason\":\"R\",\"wrongFields\":[\"http_status\",\"wrong_fields[1]\"]}");

    assertThat(answer.body())
        .contains(
            "\"detail\":\"/httpStatus: bad (and more)\"",
            "\"errors\":[{\"pointer\":\"/httpStatus\",\"detail\":\"bad\"},"
                + "{\"pointer\":\"/wrongFields/1\",\"detail\":\"bad\"}]",
            "{\"@type\":\"types.example/no.Such\",\"value\":\"\"}");
  }

  @ParameterizedTest
  @CsvSource({
    "14,UPSTREAM_UNAVAILABLE",
    "4,UPSTREAM_TIMEOUT",
    "13,INTERNAL",
    "2,INTERNAL",
    "5,NOT_FOUND",
    "12,UNIMPLEMENTED"
  })
  void givesAReasonWhereTheServiceGivesNone(int code, String reason) throws Exception {
    String answer = fixture.post("/library/fail", "{\"code\":" + code + "}").body();

    assertThat(answer)
        .startsWith(
            "{\"type\":\"urn:weft:problem:" + reason.toLowerCase(Locale.ROOT).replace('_', '-'))
        .contains(
            "\"reason\":\"" + reason + "\",\"domain\":\"edge-gateway.weft\"",
            "\"reason\":\"" + reason + "\",\"requestId\"");
  }

  @Test
  void saysWhyAServiceThatHangsIsNotWaitedFor() throws Exception {
    HttpResponse<String> answer = fixture.post("/library/fail", "{\"delay\":\"30s\"}");

    assertThat(answer.statusCode()).isEqualTo(504);
    assertThat(answer.body()).contains("\"reason\":\"UPSTREAM_TIMEOUT\"");
  }

  @Test
  void answersUnknownPathsAndWrongMethods() throws Exception {
    assertThat(fixture.get("/library/nothing").statusCode()).isEqualTo(404);
    assertThat(fixture.get("/library/books/").statusCode()).isEqualTo(404);
    assertThat(fixture.get("/library/hidden").statusCode()).isEqualTo(404);
    assertThat(fixture.post("/library.v1.Library/Internal", "{}").statusCode()).isEqualTo(404);
    for (String path : new String[] {"/services", "/metrics", "/readyz", "/routes"}) {
      assertThat(fixture.get(path).statusCode()).as(path).isEqualTo(404);
    }

    HttpResponse<String> wrong = fixture.send("DELETE", "/library/books", "");
    assertThat(wrong.statusCode()).isEqualTo(405);
    assertThat(wrong.headers().firstValue("allow")).contains("GET, HEAD, OPTIONS, POST");
    HttpResponse<String> options = fixture.send("OPTIONS", "/library/books", "");
    assertThat(options.statusCode()).isEqualTo(204);
    assertThat(options.headers().firstValue("allow")).contains("GET, HEAD, OPTIONS, POST");
    assertThat(fixture.send("OPTIONS", "/library/files/a/raw", "").statusCode()).isEqualTo(200);
  }

  /** Text that another program would run, read or look up is text here. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "' OR 1=1--",
        "'; DROP TABLE books; --",
        "{\"$ne\":1}",
        "${jndi:ldap://x/a}",
        "{{7*7}}",
        "<%= 7*7 %>",
        "<script>alert(1)</script>",
        "$(reboot)",
        "`reboot`",
        "%s%n",
        "00000000-0000-0000-0000-000000000000"
      })
  void anIdIsTextWhateverIsInIt(String id) throws Exception {
    HttpResponse<String> answer =
        fixture.get("/library/books/" + URLEncoder.encode(id, UTF_8).replace("+", "%20"));

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.headers().firstValue("content-type")).contains("application/json");
    assertThat(answer.body()).contains("\"bookId\":\"" + id.replace("\"", "\\\"") + "\"");
    assertThat(answer.headers().map().toString()).doesNotContain(id);
  }

  @Test
  void anIdHasTheRoomThatATargetHas() throws Exception {
    assertThat(fixture.get("/library/books/" + "b".repeat(4_000)).statusCode()).isEqualTo(200);
    assertThat(fixture.get("/library/books/" + "b".repeat(10_000)).statusCode()).isEqualTo(414);
  }

  static Stream<Arguments> failures() {
    String json = "Content-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"code\":13}";
    return Stream.of(
        Arguments.of("GET /library/nothing", "\r\n", 404),
        Arguments.of("DELETE /library/books", "\r\n", 405),
        Arguments.of("GET /library/books/b1?x=y", "\r\n", 400),
        Arguments.of("POST /library/books/b1:lend", "\r\n", 401),
        Arguments.of("GET /library/books/%zz", "\r\n", 400),
        Arguments.of("TRACE /library/books/b1", "\r\n", 501),
        Arguments.of("GET /library/books/none", "\r\n", 404),
        Arguments.of("POST /library/fail", json, 500));
  }

  @ParameterizedTest(name = "{index}")
  @MethodSource("failures")
  void aFailureSaysNothingOfWhatServes(String line, String rest, int status) throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(line + " HTTP/1.1\r\nHost: a\r\n" + rest);

      String answer = client.answer();
      assertThat(answer)
          .startsWith("HTTP/1.1 " + status + " ")
          .contains(
              "Content-Type: application/problem+json\r\n",
              "X-Content-Type-Options: nosniff\r\n",
              "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n",
              "Cache-Control: no-store\r\n")
          .doesNotContainIgnoringCase(
              "\r\nServer:", "X-Powered-By", "\r\nVia:", "netty", "java", "grpc-java", "Exception")
          .as("only where there is TLS")
          .doesNotContain("Strict-Transport-Security");
    }
  }

  /** What clients make up becomes no name in the metrics, however much they do. */
  @Test
  void requestsOfAnyKindAreFewSeries() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      StringBuilder many = new StringBuilder();
      for (int i = 0; i < 500; i++) {
        String line = i % 2 == 0 ? "GET /made-up-" + i + "/x" : "MADEUP" + i + " /library/books/b1";
        many.append(line)
            .append(" HTTP/1.1\r\nHost: a\r\nUser-Agent: made-up-")
            .append(i)
            .append("\r\n\r\n");
      }
      client.send(many.toString());
      for (int i = 0; i < 500; i++) {
        assertThat(client.answer()).startsWith("HTTP/1.1 40");
      }
    }
    assertThat(fixture.management("/metrics").body().lines())
        .noneMatch(line -> line.contains("made-up") || line.contains("MADEUP"))
        .filteredOn(line -> line.startsWith("http_server_request_duration_seconds_count{"))
        .hasSizeBetween(1, 200);
  }

  @Test
  void allowsPagesOfListedOriginsOnly() throws Exception {
    HttpResponse<String> allowed =
        fixture.get("/library/books/b1", "Origin", "https://shop.example");
    assertThat(allowed.headers().firstValue("access-control-allow-origin"))
        .contains("https://shop.example");
    assertThat(allowed.headers().firstValue("vary")).contains("Origin");
    HttpResponse<String> preflight =
        fixture.send(
            "OPTIONS",
            "/library/books",
            "",
            "Origin",
            "https://shop.example",
            "Access-Control-Request-Method",
            "POST");
    assertThat(preflight.statusCode()).isEqualTo(204);
    assertThat(preflight.headers().firstValue("access-control-allow-methods").orElseThrow())
        .contains("POST");
    assertThat(preflight.headers().firstValue("access-control-allow-methods").orElseThrow())
        .doesNotContain("DELETE");
    assertThat(preflight.headers().firstValue("access-control-allow-headers").orElseThrow())
        .contains("authorization")
        .doesNotContain("x-user-id", "*");
    assertThat(preflight.headers().firstValue("access-control-allow-credentials")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "null",
        "*",
        "https://evil.example",
        "https://shop.example.evil.example",
        "https://evil.shop.example",
        "https://evilshop.example",
        "http://shop.example",
        "https://shop.example:8443",
        "https://SHOP.example",
        "https://shop.example/",
        "https://shop.example, https://evil.example",
        "https://user@shop.example"
      })
  void allowsPagesOfNoOtherOrigin(String origin) throws Exception {
    for (HttpResponse<String> answer :
        List.of(
            fixture.get("/library/books/b1", "Origin", origin),
            fixture.get("/library/nothing", "Origin", origin),
            fixture.get("/library/books/b1", "Origin", "https://shop.example", "Origin", origin),
            preflight("Origin", origin),
            preflight("Origin", "https://shop.example", "Origin", origin))) {
      assertThat(answer.headers().map().keySet())
          .noneMatch(name -> name.startsWith("access-control-"));
      assertThat(answer.headers().firstValue("vary").orElseThrow()).contains("Origin");
    }
  }

  private static HttpResponse<String> preflight(String... origins) throws Exception {
    String[] headers = Arrays.copyOf(origins, origins.length + 2);
    headers[origins.length] = "Access-Control-Request-Method";
    headers[origins.length + 1] = "POST";
    return fixture.send("OPTIONS", "/library/books", "", headers);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "text/plain",
        "application/json; charset=utf-16",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b"
      })
  void takesJsonOnly(String contentType) throws Exception {
    assertThat(
            fixture.send("POST", "/library/echo", "{}", "Content-Type", contentType).statusCode())
        .isEqualTo(415);
  }

  @Test
  void refusesOtherRepresentations() throws Exception {
    assertThat(fixture.send("POST", "/library/echo", "{}").statusCode()).isEqualTo(415);
    assertThat(fixture.get("/library/books/b1", "Accept", "application/xml").statusCode())
        .isEqualTo(406);
    assertThat(fixture.get("/library/books/b1", "Accept", "*/*;q=NaN").statusCode()).isEqualTo(400);
    assertThat(fixture.get("/library/books/b1", "Accept", "*/*,".repeat(32)).statusCode())
        .isEqualTo(200);
    assertThat(fixture.get("/library/books/b1", "Accept", "*/*,".repeat(33)).statusCode())
        .isEqualTo(400);
    assertThat(fixture.get("/library/books/b1", "Accept", "*/*,".repeat(2_500)).statusCode())
        .as("10 kB")
        .isEqualTo(431);
    assertThat(
            fixture
                .get("/library/books/b1", "Accept", "text/html, application/*;q=0.1")
                .statusCode())
        .isEqualTo(200);
  }

  @Test
  void boundsBodiesByTheMethod() throws Exception {
    String string = "x".repeat(64 * 1024);
    HttpResponse<String> answer = fixture.post("/library/echo", "{\"string\":\"" + string + "\"}");
    assertThat(answer.statusCode()).isEqualTo(413);
    assertThat(
            fixture
                .post("/library/fail", "{\"code\":5,\"padding\":\"" + string + "\"}")
                .statusCode())
        .isEqualTo(404);
  }

  @Test
  void givesUpAtTheDeadlineOfTheMethodOrTheClient() throws Exception {
    long began = System.nanoTime();
    HttpResponse<String> late = fixture.post("/library/fail", "{\"delay\":\"10s\"}");
    assertThat(late.statusCode()).isEqualTo(504);
    assertThat(late.body()).doesNotContain("127.0.0.1");
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(5));

    assertThat(
            fixture
                .post("/library/fail", "{\"delay\":\"10s\"}", "Grpc-Timeout", "50m")
                .statusCode())
        .isEqualTo(504);
    assertThat(fixture.get("/library/books/b1", "Grpc-Timeout", "1x").statusCode()).isEqualTo(400);
  }

  @Test
  void leavesACallThatNobodyWaitsFor() throws Exception {
    LIBRARY.waiting.drainPermits();
    int before = LIBRARY.givenUp.get();
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(
          "POST /library/desk:donate HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
              + "Content-Length: 18\r\n\r\n{\"title\":\"asleep\"}");
      assertThat(LIBRARY.waiting.tryAcquire(10, TimeUnit.SECONDS)).isTrue();
    }
    await().until(() -> LIBRARY.givenUp.get() > before);
  }

  @Test
  void passesOnlyTheMetadataThatMayPass() throws Exception {
    HttpResponse<String> answer =
        fixture.post(
            "/library/books/b1:lend",
            "{}",
            "Authorization",
            "Bearer " + EdgeFixture.USER_TOKEN,
            "Accept-Language",
            "de",
            "X-Request-Id",
            "r-1",
            "X-Forwarded-For",
            "192.0.2.1",
            "Grpc-Metadata-Color",
            "blue",
            "Grpc-Metadata-Weft-Service-Token",
            "forged",
            "Grpc-Metadata-X-User-Id",
            "forged",
            "Grpc-Metadata-X_User_Id",
            "forged",
            "Grpc-Metadata-Authorization",
            "forged",
            "X-User-Id",
            "forged",
            "X-Client-IP",
            "forged",
            "Grpc-Metadata-X-Client-Ip",
            "forged",
            "Forwarded",
            "for=forged",
            "X-Real-IP",
            "forged",
            "True-Client-IP",
            "forged",
            "CF-Connecting-IP",
            "forged",
            "Grpc-Metadata-Forwarded",
            "for=forged",
            "Grpc-Metadata-X-Real-Ip",
            "forged",
            "Grpc-Metadata-True-Client-Ip",
            "forged",
            "X-Gateway-Timestamp",
            "forged",
            "Grpc-Metadata-X_Gateway_Timestamp",
            "forged",
            "Cookie",
            "a=b",
            "X-Custom",
            "no");

    assertThat(answer.body())
        .contains(
            "\"authorization\":\"Bearer " + EdgeFixture.USER_TOKEN + "\"",
            "\"accept-language\":\"de\"",
            "\"x-request-id\":\"r-1\"",
            "\"x-forwarded-for\":\"192.0.2.1, 127.0.0.1\"",
            "\"x-client-ip\":\"127.0.0.1\"",
            "\"color\":\"blue\"",
            "\"traceparent\":\"00-")
        .doesNotContain("forged", "cookie", "x-custom")
        .containsPattern(
            "\"x-gateway-timestamp\":\"20\\d\\d-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z\"");
  }

  @Test
  void passesNothingThatIsMeantForTheEdgeOnly() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(
          "POST /library/books/b1:lend HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
              + "Content-Length: 2\r\nAuthorization: Bearer "
              + EdgeFixture.USER_TOKEN
              + "\r\n"
              + "Connection: keep-alive, X-Hop , TE, Upgrade, Authorization, X-Forwarded-For\r\n"
              + "Connection: grpc-metadata-named,accept-language\r\n"
              + "X-Hop: one-hop\r\n"
              + "TE: one-hop\r\n"
              + "Keep-Alive: timeout=1, one-hop\r\n"
              + "Proxy-Authorization: Basic one-hop\r\n"
              + "Proxy-Connection: one-hop\r\n"
              + "Upgrade: one-hop/1\r\n"
              + "Trailer: one-hop\r\n"
              + "Accept-Language: one-hop\r\n"
              + "Grpc-Metadata-Named: one-hop\r\n"
              + "Grpc-Metadata-TE: one-hop\r\n"
              + "Grpc-Metadata-Connection: one-hop\r\n"
              + "Grpc-Metadata-Keep-Alive: one-hop\r\n"
              + "Grpc-Metadata-Proxy-Authorization: one-hop\r\n"
              + "Grpc-Metadata-Upgrade: one-hop\r\n"
              + "Grpc-Metadata-Transfer-Encoding: one-hop\r\n"
              + "X-Forwarded-For: 192.0.2.1\r\n"
              + "Grpc-Metadata-Color: blue\r\n\r\n"
              + "{}");

      assertThat(client.answer())
          .startsWith("HTTP/1.1 200 ")
          .doesNotContain("one-hop")
          .contains(
              "\"color\":\"blue\"",
              "\"authorization\":\"Bearer " + EdgeFixture.USER_TOKEN + "\"",
              "\"x-forwarded-for\":\"192.0.2.1, 127.0.0.1\"");
    }
  }

  @Test
  void passesATokenInOneFormHoweverItWasWritten() throws Exception {
    for (String scheme : new String[] {"bearer ", "BEARER   "}) {
      assertThat(
              fixture
                  .post(
                      "/library/books/b1:lend",
                      "{}",
                      "Authorization",
                      scheme + EdgeFixture.USER_TOKEN)
                  .body())
          .as(scheme)
          .contains("\"authorization\":\"Bearer " + EdgeFixture.USER_TOKEN + "\"");
    }
  }

  /** Which of them a service would believe, nobody can know. */
  @Test
  void takesTwoAuthorizationsForNone() throws Exception {
    String user = "Bearer " + EdgeFixture.USER_TOKEN;
    String admin = "Bearer " + EdgeFixture.ADMIN_TOKEN;
    for (String second : new String[] {user, admin, "", "Basic dTpw"}) {
      HttpResponse<String> answer =
          fixture.post(
              "/library/books/b1:lend", "{}", "Authorization", user, "Authorization", second);
      assertThat(answer.statusCode()).as(second).isEqualTo(401);
      assertThat(answer.body()).contains("TOKEN_INVALID");
    }
    assertThat(
            fixture
                .get("/library/books/b1", "Authorization", user, "Authorization", admin)
                .statusCode())
        .isEqualTo(200);
  }

  @Test
  void letsAServiceSayAboutItsAnswerWhatOnlyItCanKnow() throws Exception {
    HttpHeaders headers =
        fixture
            .get(
                "/library/books/b1",
                "Grpc-Metadata-Answer-ETag",
                "\"7\"",
                "Grpc-Metadata-Answer-X-Shelf",
                "s1",
                "Grpc-Metadata-Answer-Cache-Control",
                "public",
                "Grpc-Metadata-Answer-Clear-Site-Data",
                "*",
                "Grpc-Metadata-Answer-X-Request-Id",
                "forged")
            .headers();

    assertThat(headers.firstValue("etag")).contains("\"7\"");
    assertThat(headers.firstValue("x-shelf")).contains("s1");
    assertThat(headers.allValues("cache-control")).containsExactly("no-store");
    assertThat(headers.firstValue("clear-site-data")).isEmpty();
    assertThat(headers.allValues("x-request-id")).hasSize(1).doesNotContain("forged");
  }

  static Stream<String> noRequestIds() {
    return Stream.of(
        "${jndi:ldap://x}", "a b", "\u001b[31m", "ä", "x".repeat(129), "x".repeat(7_000));
  }

  @ParameterizedTest(name = "{index}")
  @MethodSource("noRequestIds")
  void replacesARequestIdThatIsNone(String given) throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(
          "GET /library/books/b1 HTTP/1.1\r\nHost: a\r\nX-Request-Id: " + given + "\r\n\r\n");

      assertThat(client.answer())
          .containsPattern("X-Request-Id: [0-9a-f-]{36}\r\n")
          .doesNotContain(given);
    }
  }

  static Stream<String> noTraceparents() {
    String id = "0af7651916cd43dd8448eb211c80319c";
    String span = "b7ad6b7169203331";
    return Stream.of(
        "ff-" + id + "-" + span + "-01",
        "00-" + "0".repeat(32) + "-" + span + "-01",
        "00-" + id + "-" + "0".repeat(16) + "-01",
        "00-" + id + "x-" + span + "-01",
        "00-" + id + "-" + span + "-01-more",
        "00-" + id + "-" + span,
        "00-" + "g".repeat(32) + "-" + span + "-01",
        "x".repeat(7_000));
  }

  /** Traces are named anew, and what a client says of one that is none goes no further. */
  @ParameterizedTest(name = "{index}")
  @MethodSource("noTraceparents")
  void beginsATraceOfItsOwnWhereThereIsNone(String given) throws Exception {
    HttpResponse<String> answer = lend("traceparent", given, "tracestate", "vendor=forged");

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.body())
        .containsPattern("\"traceparent\":\"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-0[01]\"")
        .doesNotContain(given, "0af7651916cd43dd8448eb211c80319c", "forged");
  }

  @Test
  void goesOnWithATraceButNotWithAStateThatIsNone() throws Exception {
    String trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    assertThat(lend("traceparent", trace, "tracestate", "vendor=known").body())
        .contains("\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-", "vendor=known");
    assertThat(lend("traceparent", trace, "tracestate", "v=" + "x".repeat(7_000)).body())
        .contains("\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-")
        .doesNotContain("xxxx");
  }

  private static HttpResponse<String> lend(String... headers) throws Exception {
    String[] all = Arrays.copyOf(headers, headers.length + 2);
    all[headers.length] = "Authorization";
    all[headers.length + 1] = "Bearer " + EdgeFixture.USER_TOKEN;
    return fixture.post("/library/books/b1:lend", "{}", all);
  }

  @Test
  void letsInWhoMayAndNobodyElse() throws Exception {
    HttpResponse<String> anonymous = fixture.post("/library/books/b1:lend", "{}");
    assertThat(anonymous.statusCode()).isEqualTo(401);
    assertThat(anonymous.headers().firstValue("www-authenticate"))
        .contains("Bearer realm=\"weft\"");
    assertThat(anonymous.body()).contains("TOKEN_MISSING");
    for (String credentials : new String[] {"Bearer nonsense", "Basic dTpw", "Bearer", "x"}) {
      HttpResponse<String> bad =
          fixture.post("/library/books/b1:lend", "{}", "Authorization", credentials);
      assertThat(bad.statusCode()).as(credentials).isEqualTo(401);
      assertThat(bad.body()).contains("TOKEN_INVALID");
    }
    assertThat(
            fixture
                .post("/library/books/b1:lend?access_token=" + EdgeFixture.USER_TOKEN, "{}")
                .statusCode())
        .isEqualTo(401);
    assertThat(burn(EdgeFixture.USER_TOKEN).statusCode()).isEqualTo(403);
    assertThat(burn(EdgeFixture.USER_TOKEN).body()).contains("ROLE_REQUIRED");
    assertThat(burn(EdgeFixture.ADMIN_TOKEN).statusCode()).isEqualTo(200);
    assertThat(fixture.get("/library/books/b1", "Authorization", "Bearer nonsense").statusCode())
        .as("where anybody may call, a bad token is as none")
        .isEqualTo(200);
  }

  /** On the event loop, which may not wait: nobody is asked. */
  @Test
  void decidesAtOnceOnATokenThatItKnows() throws Exception {
    String remembered = "Bearer " + EdgeFixture.REMEMBERED_TOKEN;
    String revoked = "Bearer " + EdgeFixture.REVOKED_TOKEN;

    assertThat(
            fixture.post("/library/books/b1:lend", "{}", "Authorization", remembered).statusCode())
        .isEqualTo(200);
    assertThat(burn(EdgeFixture.REMEMBERED_TOKEN).statusCode()).isEqualTo(403);
    HttpResponse<String> refused =
        fixture.post("/library/books/b1:lend", "{}", "Authorization", revoked);
    assertThat(refused.statusCode()).isEqualTo(401);
    assertThat(refused.body()).contains("TOKEN_REVOKED");
    assertThat(fixture.get("/library/books/b1", "Authorization", revoked).statusCode())
        .as("where anybody may call")
        .isEqualTo(200);
  }

  private static HttpResponse<String> burn(String token) throws Exception {
    return fixture.send("POST", "/library/books/b1:burn", "", "Authorization", "bearer " + token);
  }

  @Test
  void showsOperatorsWhatItServesOnTheManagementPort() throws Exception {
    assertThat(fixture.management("/services").body())
        .contains(
            "{\"name\":\"library\",\"instances\":1,\"healthy\":1,\"stale\":false,\"routes\":");
    assertThat(fixture.management("/services/library").body())
        .contains(
            "\"health\":\"passing\"",
            "\"grpcServices\":[\"library.v1.Library\"]",
            "\"why\":\"path template \\\"/library/{a=**}/{b}\\\": a wildcard after **\"");
    assertThat(fixture.management("/services/none").statusCode()).isEqualTo(404);
    assertThat(fixture.management("/routes").body())
        .contains("\"method\":\"GET\",\"path\":\"/library/books/{book_id}\"", "\"conflicts\":[]");
    await().until(() -> fixture.management("/readyz").statusCode() == 200);
    assertThat(fixture.management("/metrics").body())
        .contains(
            "http_server_request_duration_seconds_count{",
            "http_route=\"/library/books/{book_id}\"",
            "weft_edge_routes");
  }
}
