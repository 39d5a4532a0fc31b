package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.weft.consul.Check;
import dev.weft.consul.Health;
import dev.weft.consul.ServiceRegistration;
import dev.weft.edge.weather.WeatherGrpc;
import io.grpc.BindableService;
import io.grpc.ServerServiceDefinition;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What an edge says would become of requests, over sockets. */
class ExplainTest {
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

  @AfterEach
  void stillServes() {
    assertThat(fixture.status("/library/books/b1")).isEqualTo(200);
  }

  /** An explanation, of which nothing reached a service. */
  private static JsonNode explained(String method, String path, String body, String... headers)
      throws Exception {
    int before = LIBRARY.calls.get();
    String[] all = Arrays.copyOf(headers, headers.length + 2);
    all[headers.length] = "X-Weft-Explain";
    all[headers.length + 1] = "1";
    HttpResponse<String> answer = fixture.send(method, path, body, all);
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    assertThat(answer.headers().firstValue("content-type")).contains("application/json");
    assertThat(answer.headers().firstValue("cache-control")).contains("no-store");
    assertThat(LIBRARY.calls.get()).as("calls").isEqualTo(before);
    return Described.node(answer.body());
  }

  private static JsonNode explained(String path) throws Exception {
    return explained("GET", path, "");
  }

  private static JsonNode field(JsonNode explanation, String name) {
    for (JsonNode field : explanation.at("/message/fields")) {
      if (field.path("field").asText().equals(name)) {
        return field;
      }
    }
    throw new AssertionError("no " + name + " in " + explanation.path("message"));
  }

  private static String firstRefusal(JsonNode explanation) {
    return explanation.at("/refusals/0/reason").asText();
  }

  @Test
  void saysWhichRuleMatchesAndWhatEachPartFills() throws Exception {
    JsonNode right =
        explained(
            "POST",
            "/library/books",
            """
            {"title": "a hidden title", "labels": {"a": "b"}, "author": {"givenName": "Ada"}}\
            """,
            "Content-Type",
            "application/json",
            "Idempotency-Key",
            "k1");

    assertThat(right.has("refusals")).as("%s", right).isFalse();
    assertThat(right.path("answer").asText())
        .isEqualTo("calls library.v1.Library/CreateBook of library");
    assertThat(right.at("/rules/0/rule").asText()).isEqualTo("POST /library/books");
    assertThat(right.at("/rules/0/verdict").asText()).isEqualTo("matches");
    assertThat(right.at("/message/type").asText()).isEqualTo("library.v1.CreateBookRequest");
    assertThat(field(right, "book.title").path("from").asText()).isEqualTo("body");
    assertThat(field(right, "book.title").path("is").asText()).isEqualTo("text");
    assertThat(field(right, "book.labels").path("is").asText()).isEqualTo("map of 1");
    assertThat(field(right, "book.author.given_name").path("from").asText()).isEqualTo("body");
    assertThat(field(right, "request_id").path("from").asText())
        .isEqualTo("header Idempotency-Key");
    assertThat(right.toString()).doesNotContain("a hidden title", "Ada");
  }

  @Test
  void tellsPathAndQueryFromTheRest() throws Exception {
    JsonNode said = explained("/library/shelves/poetry/books/b%2F1?book_id=other");
    JsonNode right = explained("/library/books/b%2F1?shelf=poetry");

    assertThat(firstRefusal(said)).isNotEmpty();
    assertThat(field(right, "book_id").toString())
        .isEqualTo("{\"field\":\"book_id\",\"from\":\"path\",\"value\":\"b/1\"}");
    assertThat(field(right, "shelf").toString())
        .isEqualTo("{\"field\":\"shelf\",\"from\":\"query\",\"value\":\"poetry\"}");
    assertThat(right.at("/request/query")).hasToString("[\"shelf\"]");
  }

  @Test
  void saysWhatTheEdgeFillsIn() throws Exception {
    JsonNode said =
        explained(
            "PATCH", "/library/books/b1", "{\"title\": \"x\"}", "Content-Type", "application/json");

    assertThat(field(said, "book.book_id").path("from").asText()).isEqualTo("path");
    assertThat(field(said, "update_mask").path("from").asText()).startsWith("the edge");
  }

  @Test
  void namesTheNearestRulesOfAPathThatNobodyHas() throws Exception {
    JsonNode said = explained("/library/book");

    assertThat(said.path("answer").asText()).startsWith("404 ROUTE_NOT_FOUND: ");
    assertThat(said.at("/refusals/0/status").asInt()).isEqualTo(404);
    assertThat(said.path("rules")).hasSize(11);
    assertThat(said.at("/rules/0/rule").asText()).endsWith(" /library/books");
    assertThat(said.at("/rules/0/why").asText()).isEqualTo("\"book\" is not \"books\"");
    assertThat(said.at("/rules/10/more").asInt()).isPositive();
    assertThat(said.path("notServed").findValuesAsText("rpc"))
        .contains("library.v1.Library.Broken", "library.v1.Library.Hidden");
    assertThat(said.has("instances")).isFalse();
    assertThat(explained("/library/shelve/s1").at("/rules/0/rule").asText())
        .isEqualTo("GET /library/shelves/{shelf_id}");
  }

  @Test
  void namesTheMethodsOfAPathThatIsThere() throws Exception {
    JsonNode said = explained("PUT", "/library/books", "");

    assertThat(firstRefusal(said)).isEqualTo("METHOD_NOT_ALLOWED");
    assertThat(said.path("rules").findValuesAsText("why"))
        .contains("it takes GET", "it takes POST");
  }

  @Test
  void tellsWhyOthersThatMatchAreNotMet() throws Exception {
    JsonNode watched = explained("/library/books/b1:watch?count=1");
    JsonNode other = explained("POST", "/library/books/b1:other", "");

    assertThat(watched.at("/rules/0/rule").asText())
        .isEqualTo("GET /library/books/{book_id}:watch");
    assertThat(watched.path("rules").findValuesAsText("why"))
        .contains("another is more particular", "the verb is \":watch\"");
    assertThat(watched.at("/call/idle").asText()).isEqualTo("60 s");
    assertThat(other.path("rules").findValuesAsText("why")).contains("the verb is \":other\"");
    assertThat(
            explained("PUT", "/library/books/b1:watch", "").path("rules").findValuesAsText("why"))
        .contains("it takes GET", "rules with this verb come first");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "GET  | /library/a/../b                 | ''              | MALFORMED_TARGET",
        "GET  | /library/books?page_size=many   | ''              | INVALID_ARGUMENT",
        "GET  | /library/books?pageSise=1       | ''              | INVALID_ARGUMENT",
        "POST | /library/echo                   | {\"int32\":     | MALFORMED_JSON",
        "POST | /library/echo                   | {\"bool\":true,\"bool\":true} | MALFORMED_JSON",
        "GET  | /library/talk/sea               | ''              | WEBSOCKET_REQUIRED",
      })
  void saysWhatIsWrongWithARequest(String method, String path, String body, String reason)
      throws Exception {
    JsonNode said =
        body.isEmpty()
            ? explained(method, path, body)
            : explained(method, path, body, "Content-Type", "application/json");
    HttpResponse<String> real =
        body.isEmpty()
            ? fixture.send(method, path, body)
            : fixture.send(method, path, body, "Content-Type", "application/json");

    // The same as without asking.
    assertThat(Described.node(real.body()).path("reason").asText()).isEqualTo(firstRefusal(said));
    assertThat(real.statusCode()).isEqualTo(said.at("/refusals/0/status").asInt());
    assertThat(firstRefusal(said)).as(reason).isNotEmpty();
  }

  @Test
  void saysWhoMayAndWhoAsked() throws Exception {
    String path = "/library/books/b1:burn";
    JsonNode nobody = explained("POST", path, "");
    JsonNode user =
        explained("POST", path, "", "Authorization", "Bearer " + EdgeFixture.USER_TOKEN);
    JsonNode admin =
        explained("POST", path, "", "Authorization", "Bearer " + EdgeFixture.ADMIN_TOKEN);
    JsonNode forged = explained("POST", path, "", "Authorization", "Bearer eyJforged");

    assertThat(firstRefusal(nobody)).isEqualTo("TOKEN_MISSING");
    assertThat(firstRefusal(user)).isEqualTo("ROLE_REQUIRED");
    assertThat(firstRefusal(forged)).isEqualTo("TOKEN_INVALID");
    assertThat(admin.has("refusals")).as("%s", admin).isFalse();
    assertThat(admin.at("/access/needs").asText())
        .isEqualTo("a valid token with one of the roles admin");
    assertThat(user.at("/access/caller").asText()).isEqualTo("user u1 with the roles customer");
    assertThat(user.at("/access/verdict").asText()).isEqualTo("refused");
    assertThat(nobody.at("/access/caller").asText()).isEqualTo("nobody: no token came along");
    assertThat(forged.at("/access/caller").asText()).isEqualTo("nobody: the token is not valid");
    for (JsonNode said : List.of(user, admin, forged)) {
      assertThat(said.toString())
          .doesNotContain(EdgeFixture.USER_TOKEN, EdgeFixture.ADMIN_TOKEN, "eyJforged");
    }
  }

  @Test
  void saysWhatHoldsForTheCallAndWhoWouldBeCalled() throws Exception {
    JsonNode said = explained("GET", "/library/books", "", "grpc-timeout", "300m");

    assertThat(said.at("/call/deadline").asText()).isEqualTo("0.3 s");
    assertThat(said.at("/call/deadlineFrom").asText()).isEqualTo("the client");
    assertThat(explained("/library/books").at("/call/deadline").asText()).isEqualTo("2 s");
    assertThat(explained("/library/books").at("/call/deadlineFrom").asText())
        .isEqualTo("the contract");
    assertThat(said.at("/call/clientWaits").asText()).isEqualTo("0.3 s");
    assertThat(said.at("/call/repeated").asText()).startsWith("once");
    assertThat(said.at("/call/answersKept").asText()).isEqualTo("5 s");
    assertThat(said.at("/call/circuit").asText()).isEqualTo("closed");
    assertThat(said.path("limits").findValuesAsText("bytes")).containsExactly("65536");
    assertThat(said.path("instances")).hasSize(1);
    assertThat(said.at("/instances/0/called").asText()).isEqualTo("in turn");
    assertThat(explained("POST", "/library/echo", "").at("/call/repeated").asText())
        .startsWith("never");
  }

  @Test
  void saysWhyAnInstanceIsNotCalled() throws Exception {
    Check dead =
        Check.of(
                "dead",
                new Check.Probe.Http(
                    URI.create("http://127.0.0.1:1/"),
                    Check.Probe.DEFAULT_INTERVAL,
                    Check.Probe.DEFAULT_TIMEOUT))
            .withInitial(Health.CRITICAL);
    try (TestBackend ill =
        TestBackend.start(
            fixture.consul,
            List.of(new LibraryService().bindService()),
            port ->
                ServiceRegistration.grpc("library", "127.0.0.1", port, "")
                    .withChecks(List.of(dead)))) {
      await()
          .atMost(Duration.ofSeconds(10))
          .untilAsserted(
              () ->
                  assertThat(instance("/library/books", ill).path("why").asText())
                      .isEqualTo("its checks fail"));
      assertThat(instance("/library/books", ill).path("called").asText()).isEqualTo("no");
    }
  }

  @Test
  void saysWhichInstancesDoNotHaveTheRpcYet() throws Exception {
    try (TestBackend old = rolledOut(new WeatherGrpc.WeatherImplBase() {});
        TestBackend both =
            rolledOut(
                new WeatherGrpc.WeatherImplBase() {},
                new dev.weft.edge.weather2.WeatherGrpc.WeatherImplBase() {})) {
      await()
          .atMost(Duration.ofSeconds(10))
          .untilAsserted(
              () ->
                  assertThat(instance("/v2/weather/oslo", old).path("why").asText())
                      .isEqualTo("its contract does not have this RPC"));
      assertThat(instance("/v2/weather/oslo", both).path("called").asText()).isEqualTo("in turn");
    }
  }

  private static TestBackend rolledOut(BindableService... services) throws Exception {
    List<ServerServiceDefinition> all = new ArrayList<>();
    for (BindableService service : services) {
      all.add(service.bindService());
    }
    all.add(ProtoReflectionServiceV1.newInstance().bindService());
    return TestBackend.start(fixture.consul, "rolled-out", all);
  }

  /** What is said of an instance. */
  private static JsonNode instance(String path, TestBackend backend) throws Exception {
    JsonNode said = explained(path);
    for (JsonNode instance : said.path("instances")) {
      if (instance.path("at").asText().equals("127.0.0.1:" + backend.port())) {
        return instance;
      }
    }
    throw new AssertionError("not among " + said.path("instances"));
  }

  @Test
  void saysThatCallsAreRefusedForAWhile() throws Exception {
    await()
        .atMost(Duration.ofSeconds(20))
        .until(
            () ->
                fixture
                    .post("/library/fail", "{\"code\": 14}")
                    .body()
                    .contains("\"CIRCUIT_OPEN\""));
    HttpResponse<String> refused = fixture.post("/library/fail", "{}");
    assertThat(refused.statusCode()).isEqualTo(503);
    assertThat(refused.headers().firstValueAsLong("retry-after").orElse(0)).isPositive();

    JsonNode said = explained("POST", "/library/fail", "{}", "Content-Type", "application/json");

    // For five seconds at least.
    assertThat(said.at("/call/circuit").asText()).isEqualTo("open");
    assertThat(firstRefusal(said)).isEqualTo("CIRCUIT_OPEN");
  }

  @Test
  void saysThatNobodyIsThereToBeCalled() throws Exception {
    TestBackend weather =
        TestBackend.start(fixture.consul, "weather", new WeatherGrpc.WeatherImplBase() {});
    await()
        .atMost(Duration.ofSeconds(10))
        .until(() -> explained("/weather/oslo").path("instances").size() == 1);
    weather.close();

    await()
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(
            () -> {
              JsonNode said =
                  explained(
                      "GET",
                      "/weather/oslo",
                      "",
                      "Authorization",
                      "Bearer " + EdgeFixture.USER_TOKEN);
              assertThat(firstRefusal(said)).isEqualTo("NO_HEALTHY_INSTANCE");
            });
    assertThat(explained("POST", "/v1/auth:login", "").path("rules").findValuesAsText("why"))
        .contains("its path is user-svc's");
  }

  @Test
  void explainsCallsByNamePagesAndWebSockets() throws Exception {
    JsonNode named =
        explained(
            "POST",
            "/library.v1.Library/Ping",
            "{\"text\": \"hidden\"}",
            "Content-Type",
            "application/json");

    assertThat(named.path("answer").asText()).isEqualTo("calls library.v1.Library/Ping of library");
    assertThat(field(named, "text").path("from").asText()).isEqualTo("body");
    assertThat(explained("/docs").path("answer").asText()).startsWith("the edge answers it itself");
    try (RawHttp page = new RawHttp(fixture.edge.port())) {
      page.send("GET /library/talk/sea HTTP/1.1\r\nHost: x\r\nX-Weft-Explain: 1\r\n");
      page.send("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      assertThat(page.answer())
          .startsWith("HTTP/1.1 200 ")
          .contains("\"a WebSocket that calls library.v1.Library/Talk of library\"");
    }
    assertThat(explained("DELETE", "/library.v1.Library/Ping", "").at("/refusals/0/status").asInt())
        .isEqualTo(405);
  }

  @Test
  void followsMounts() throws Exception {
    fixture
        .consul
        .kv()
        .put(
            Mounts.KEY,
            """
            {"/lib": {"service": "library", "to": "/library"}, "/old": {"service": "old-svc"}}\
            """);
    await()
        .atMost(Duration.ofSeconds(10))
        .until(() -> explained("/lib/books").at("/request/mount").asText().equals("/lib/**"));

    JsonNode contract = explained("/lib/books");
    JsonNode proxied = explained("/old/books");

    assertThat(contract.path("answer").asText())
        .isEqualTo("calls library.v1.Library/ListBooks of library");
    assertThat(contract.at("/request/path").asText()).isEqualTo("/library/books");
    assertThat(proxied.path("refusals").findValuesAsText("reason"))
        .containsExactly("TOKEN_MISSING", "NO_HEALTHY_INSTANCE");
    assertThat(proxied.at("/access/needs").asText()).isEqualTo("a valid token");
  }

  @Test
  void isForThisMachineAndForAdministratorsOnly() throws Exception {
    int before = LIBRARY.calls.get();
    String[] through = {"X-Weft-Explain", "1", "X-Forwarded-For", "203.0.113.9"};
    String[] asUser = Arrays.copyOf(through, 6);
    asUser[4] = "Authorization";
    asUser[5] = "Bearer " + EdgeFixture.USER_TOKEN;
    String[] asAdmin = asUser.clone();
    asAdmin[5] = "Bearer " + EdgeFixture.ADMIN_TOKEN;

    HttpResponse<String> nobody = fixture.send("POST", "/library/echo", "", through);
    HttpResponse<String> user = fixture.send("POST", "/library/echo", "", asUser);
    HttpResponse<String> admin = fixture.send("POST", "/library/echo", "", asAdmin);

    assertThat(nobody.statusCode()).isEqualTo(403);
    assertThat(nobody.body()).contains("\"EXPLANATION_NOT_ALLOWED\"").doesNotContain("instances");
    assertThat(user.statusCode()).isEqualTo(403);
    assertThat(admin.statusCode()).isEqualTo(200);
    assertThat(admin.body()).contains("\"instances\"");
    assertThat(LIBRARY.calls.get()).as("a request to be explained is never done").isEqualTo(before);
  }

  @ParameterizedTest
  @ValueSource(strings = {"true", "0", "", "1, 1"})
  void refusesToGuessWhatIsMeant(String value) throws Exception {
    int before = LIBRARY.calls.get();

    HttpResponse<String> answer =
        fixture.send("POST", "/library/echo", "", "X-Weft-Explain", value);

    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(LIBRARY.calls.get()).isEqualTo(before);
  }

  @Test
  void readsNoMoreOfABodyThanTheMethodTakes() throws Exception {
    JsonNode said =
        explained("POST", "/library/echo", "x".repeat(65_537), "Content-Type", "application/json");

    assertThat(firstRefusal(said)).isEqualTo("BODY_TOO_LARGE");
  }

  @Test
  void isIgnoredWhereItIsOff(@TempDir Path folder) throws Exception {
    try (EdgeServer silent = fixture.silent(folder)) {
      HttpResponse<String> answer =
          fixture.client.send(
              HttpRequest.newBuilder(
                      URI.create("http://127.0.0.1:" + silent.port() + "/library/books/b7"))
                  .header("X-Weft-Explain", "1")
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      assertThat(answer.body()).contains("\"bookId\":\"b7\"").doesNotContain("rules");
    }
  }
}
