package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.http.HttpHeaders;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests of clients who mean well, and of some who do not, through a whole edge. */
class EdgeTest {
  private static final LibraryService LIBRARY = new LibraryService();
  private static EdgeFixture fixture;

  @BeforeAll
  static void open() throws Exception {
    fixture = EdgeFixture.with(LIBRARY);
  }

  @AfterAll
  static void close() throws Exception {
    fixture.close();
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

  @ParameterizedTest
  @CsvSource({"402,402", "409,409", "412,412", "422,422", "428,428", "418,400", "200,400"})
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
    for (String origin :
        new String[] {"null", "https://evil.example", "https://shop.example.evil.example"}) {
      assertThat(
              fixture
                  .get("/library/books/b1", "Origin", origin)
                  .headers()
                  .firstValue("access-control-allow-origin"))
          .isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "text/plain",
        "application/json; charset=utf-16",
        "application/x-www-form-urlencoded"
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
          "POST /library/fail HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
              + "Content-Length: 16\r\n\r\n{\"delay\":\"100s\"}");
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
              + "\r\nConnection: keep-alive, X-Hop , TE, Upgrade, Authorization, X-Forwarded-For\r\n"
              + "Connection: grpc-metadata-named,accept-language\r\n"
              + "X-Hop: one-hop\r\nTE: one-hop\r\nKeep-Alive: timeout=1, one-hop\r\n"
              + "Proxy-Authorization: Basic one-hop\r\nProxy-Connection: one-hop\r\n"
              + "Upgrade: one-hop/1\r\nTrailer: one-hop\r\nAccept-Language: one-hop\r\n"
              + "Grpc-Metadata-Named: one-hop\r\nGrpc-Metadata-TE: one-hop\r\n"
              + "Grpc-Metadata-Connection: one-hop\r\nGrpc-Metadata-Keep-Alive: one-hop\r\n"
              + "Grpc-Metadata-Proxy-Authorization: one-hop\r\nGrpc-Metadata-Upgrade: one-hop\r\n"
              + "Grpc-Metadata-Transfer-Encoding: one-hop\r\nX-Forwarded-For: 192.0.2.1\r\n"
              + "Grpc-Metadata-Color: blue\r\n\r\n{}");

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

  @Test
  void replacesARequestIdThatIsNone() throws Exception {
    String id =
        fixture
            .get("/library/books/b1", "X-Request-Id", "${jndi:ldap://x}")
            .headers()
            .firstValue("x-request-id")
            .orElseThrow();

    assertThat(id).doesNotContain("jndi").hasSize(36);
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
