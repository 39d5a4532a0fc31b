package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import dev.weft.edge.weather.WeatherGrpc;
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

/** The Model Context Protocol over sockets, of both its kinds. */
class McpTest {
  private static final LibraryService LIBRARY = new LibraryService();
  private static final JsonSchemaFactory SCHEMAS =
      JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012);
  private static final String META =
      """
      "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}}\
      """;

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
  void stillAnswers() throws Exception {
    assertThat(result("ping", "{}")).hasToString("{}");
  }

  /** As a client that began with a handshake sends it. */
  private static HttpResponse<String> send(String message, String... headers) throws Exception {
    return fixture.post(
        "/mcp", message, with(headers, "Accept", "application/json, text/event-stream"));
  }

  private static String[] with(String[] headers, String... more) {
    String[] all = Arrays.copyOf(headers, headers.length + more.length);
    System.arraycopy(more, 0, all, headers.length, more.length);
    return all;
  }

  private static String request(String method, String params) {
    return "{\"jsonrpc\": \"2.0\", \"id\": 7, \"method\": \"%s\", \"params\": %s}"
        .formatted(method, params);
  }

  private static JsonNode result(String method, String params, String... headers) throws Exception {
    HttpResponse<String> answer = send(request(method, params), headers);
    JsonNode json = Described.node(answer.body());
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    assertThat(answer.headers().firstValue("content-type")).contains("application/json");
    assertThat(json.path("jsonrpc").asText()).isEqualTo("2.0");
    assertThat(json.path("id")).hasToString("7");
    assertThat(json.has("result")).as(answer.body()).isTrue();
    return json.path("result");
  }

  private static JsonNode called(String tool, String arguments, String... headers)
      throws Exception {
    return result(
        "tools/call", "{\"name\": \"%s\", \"arguments\": %s}".formatted(tool, arguments), headers);
  }

  private static HttpResponse<String> modern(String method, String params, String... headers)
      throws Exception {
    String all = params.isEmpty() ? META : params + ", " + META;
    return send(
        request(method, "{" + all + "}"),
        with(headers, "MCP-Protocol-Version", "2026-07-28", "Mcp-Method", method));
  }

  private static List<JsonNode> tools() throws Exception {
    List<JsonNode> tools = new ArrayList<>();
    JsonNode page = result("tools/list", "{}");
    page.path("tools").forEach(tools::add);
    while (page.has("nextCursor")) {
      page =
          result("tools/list", "{\"cursor\": \"%s\"}".formatted(page.path("nextCursor").asText()));
      page.path("tools").forEach(tools::add);
    }
    return tools;
  }

  private static List<String> names() throws Exception {
    return tools().stream().map(tool -> tool.path("name").asText()).toList();
  }

  private static JsonNode tool(String name) throws Exception {
    return tools().stream()
        .filter(tool -> tool.path("name").asText().equals(name))
        .findFirst()
        .orElseThrow();
  }

  private static List<String> wrong(JsonNode schema, JsonNode value) {
    return SCHEMAS.getSchema(schema).validate(value).stream().map(Object::toString).toList();
  }

  @ParameterizedTest
  @CsvSource({
    "2025-06-18, 2025-06-18",
    "2025-11-25, 2025-11-25",
    "2025-03-26, 2025-11-25",
    "2099-01-01, 2025-11-25",
    "nonsense, 2025-11-25"
  })
  void agreesOnARevisionWithWhoBeginsWithAHandshake(String wanted, String agreed) throws Exception {
    JsonNode said =
        result(
            "initialize",
            """
            {"protocolVersion": "%s", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}\
            """
                .formatted(wanted));
    HttpResponse<String> begun =
        send(
            "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
            "MCP-Protocol-Version",
            agreed);

    assertThat(said.path("protocolVersion").asText()).isEqualTo(agreed);
    assertThat(said.path("capabilities")).hasToString("{\"tools\":{}}");
    assertThat(said.at("/serverInfo/version").asText()).isEqualTo("test");
    assertThat(said.has("resultType")).isFalse();
    assertThat(begun.statusCode()).isEqualTo(202);
    assertThat(begun.body()).isEmpty();
    assertThat(begun.headers().map().keySet()).noneMatch(name -> name.contains("session"));
  }

  @Test
  void servesWhoSaysWithEachRequestWhatItIs() throws Exception {
    JsonNode discovered = Described.node(modern("server/discover", "").body()).path("result");
    JsonNode list = Described.node(modern("tools/list", "").body()).path("result");
    JsonNode called =
        Described.node(
                modern(
                        "tools/call",
                        "\"name\": \"library_v1_Library_Ping\", \"arguments\": {\"text\": \"hi\"}",
                        "Mcp-Name",
                        "=?base64?bGlicmFyeV92MV9MaWJyYXJ5X1Bpbmc=?=")
                    .body())
            .path("result");

    assertThat(discovered.path("supportedVersions"))
        .hasToString("[\"2026-07-28\",\"2025-11-25\",\"2025-06-18\"]");
    for (JsonNode one : List.of(discovered, list, called)) {
      assertThat(one.path("resultType").asText()).isEqualTo("complete");
      assertThat(one.path("_meta").path("io.modelcontextprotocol/serverInfo").path("name").asText())
          .isEqualTo("edge-gateway");
    }
    for (JsonNode one : List.of(discovered, list)) {
      assertThat(one.path("ttlMs").asInt()).isPositive();
      assertThat(one.path("cacheScope").asText()).isEqualTo("public");
    }
    assertThat(called.at("/structuredContent/text").asText()).isEqualTo("hi");
  }

  @Test
  void refusesWhatHeadersSayOtherwise() throws Exception {
    String params = "{\"name\": \"library_v1_Library_Ping\", " + META + "}";
    String[] right = {
      "MCP-Protocol-Version",
      "2026-07-28",
      "Mcp-Method",
      "tools/call",
      "Mcp-Name",
      "library_v1_Library_Ping"
    };
    for (int missing = 0; missing < right.length; missing += 2) {
      List<String> less = new ArrayList<>(List.of(right));
      less.remove(missing);
      less.remove(missing);
      HttpResponse<String> without =
          send(request("tools/call", params), less.toArray(String[]::new));
      String[] other = right.clone();
      other[missing + 1] = missing == 0 ? "2025-11-25" : "other";
      HttpResponse<String> mismatch = send(request("tools/call", params), other);

      for (HttpResponse<String> answer : List.of(without, mismatch)) {
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(400);
        assertThat(code(answer)).isEqualTo(-32020);
      }
    }
    assertThat(send(request("tools/call", params), right).statusCode()).isEqualTo(200);
  }

  @Test
  void namesTheRevisionsThereAre() throws Exception {
    HttpResponse<String> header = send(request("ping", "{}"), "MCP-Protocol-Version", "1900-01-01");
    HttpResponse<String> meta =
        send(
            request("tools/list", "{" + META.replace("2026-07-28", "2099-09-09") + "}"),
            "MCP-Protocol-Version",
            "2099-09-09",
            "Mcp-Method",
            "tools/list");
    HttpResponse<String> incomplete =
        send(
            request("tools/list", "{}"),
            "MCP-Protocol-Version",
            "2026-07-28",
            "Mcp-Method",
            "tools/list");

    for (HttpResponse<String> answer : List.of(header, meta)) {
      assertThat(answer.statusCode()).isEqualTo(400);
      assertThat(code(answer)).isEqualTo(-32022);
      assertThat(Described.node(answer.body()).at("/error/data/supported"))
          .hasToString("[\"2026-07-28\",\"2025-11-25\",\"2025-06-18\"]");
    }
    assertThat(Described.node(meta.body()).at("/error/data/requested").asText())
        .isEqualTo("2099-09-09");
    assertThat(incomplete.statusCode()).isEqualTo(400);
    assertThat(code(incomplete)).isEqualTo(-32602);
  }

  private static int code(HttpResponse<String> answer) {
    return Described.node(answer.body()).at("/error/code").asInt();
  }

  @Test
  void listsTheUnaryRpcsThatMayBeCalledAndNoOthers() throws Exception {
    List<String> names = names();

    assertThat(names)
        .contains(
            "library_v1_Library_GetBook", "library_v1_Library_Ping", "library_v1_Library_BurnBook")
        .isSorted()
        .doesNotHaveDuplicates()
        .allMatch(name -> name.matches("[A-Za-z0-9_]{1,64}"));
    assertThat(String.join(" ", names))
        .doesNotContain("Talk", "WatchBook", "Upload", "Hidden", "Internal", "Broken");
  }

  @Test
  void describesEachToolByItsContract() throws Exception {
    JsonNode get = tool("library_v1_Library_GetBook");
    JsonNode create = tool("library_v1_Library_CreateBook");
    JsonNode burn = tool("library_v1_Library_BurnBook");

    assertThat(get.path("annotations"))
        .hasToString(
            "{\"title\":\"Get book\",\"readOnlyHint\":true,\"idempotentHint\":true,"
                + "\"destructiveHint\":false}");
    assertThat(create.at("/annotations/readOnlyHint").asBoolean(true)).isFalse();
    assertThat(create.at("/annotations/idempotentHint").asBoolean(false)).isTrue();
    assertThat(create.at("/annotations").has("destructiveHint")).isFalse();
    assertThat(create.at("/inputSchema/required")).hasToString("[\"book\",\"requestId\"]");
    assertThat(create.at("/inputSchema/properties/book/$ref").asText())
        .isEqualTo("#/$defs/library.v1.Book");
    assertThat(burn.path("description").asText()).contains("roles admin");
    assertThat(burn.at("/outputSchema/additionalProperties").asBoolean(true)).isFalse();
    for (JsonNode tool : tools()) {
      assertThat(tool.at("/inputSchema/type").asText()).isEqualTo("object");
      assertThat(tool.at("/outputSchema/type").asText()).isEqualTo("object");
      assertThat(tool.toString()).doesNotContain("#/components");
      for (String schema : List.of("inputSchema", "outputSchema")) {
        assertThat(tool.path(schema).findValuesAsText("$ref"))
            .as("what %s refers to", tool.path("name"))
            .allMatch(reference -> !tool.path(schema).at(reference.substring(1)).isMissingNode());
      }
    }
  }

  @Test
  void callsAToolAsItIsDescribed() throws Exception {
    JsonNode create = tool("library_v1_Library_CreateBook");
    String arguments =
        """
        {"book": {"title": "Ωmega \\"x\\"", "price": {"currencyCode": "EUR", "units": "12345678901"}},
         "requestId": "r1"}\
        """;
    JsonNode answer = called("library_v1_Library_CreateBook", arguments);

    assertThat(wrong(create.path("inputSchema"), Described.node(arguments))).isEmpty();
    assertThat(wrong(create.path("inputSchema"), Described.node("{\"requestId\": 1}")))
        .isNotEmpty();
    assertThat(wrong(create.path("outputSchema"), answer.path("structuredContent"))).isEmpty();
    assertThat(answer.at("/structuredContent/book/bookId").asText()).isEqualTo("new/r1");
    assertThat(answer.at("/structuredContent/book/price/units").asText()).isEqualTo("12345678901");
    assertThat(answer.path("isError").asBoolean(true)).isFalse();
    assertThat(answer.path("content")).hasSize(1);
    assertThat(Described.node(answer.at("/content/0/text").asText()))
        .isEqualTo(answer.path("structuredContent"));
  }

  @Test
  void letsInWhoMayAndNobodyElse() throws Exception {
    String burn = "library_v1_Library_BurnBook";
    String arguments = "{\"bookId\": \"b1\"}";

    assertThat(reason(called(burn, arguments))).isEqualTo("TOKEN_MISSING");
    assertThat(reason(called(burn, arguments, "Authorization", "Bearer forged")))
        .isEqualTo("TOKEN_INVALID");
    assertThat(reason(called(burn, arguments, "Authorization", "Bearer " + EdgeFixture.USER_TOKEN)))
        .isEqualTo("ROLE_REQUIRED");
    JsonNode done = called(burn, arguments, "Authorization", "Bearer " + EdgeFixture.ADMIN_TOKEN);
    assertThat(done.path("isError").asBoolean(true)).isFalse();
    assertThat(done.path("structuredContent")).hasToString("{}");
  }

  /** Of a call that failed. */
  private static String reason(JsonNode result) {
    assertThat(result.path("isError").asBoolean(false)).as("%s", result).isTrue();
    assertThat(result.has("structuredContent")).isFalse();
    return Described.node(result.at("/content/0/text").asText()).path("reason").asText();
  }

  @Test
  void aCallThatFailsIsAResultThatSaysWhy() throws Exception {
    assertThat(reason(called("library_v1_Library_GetBook", "{\"bookId\": \"none\"}")))
        .isEqualTo("NOT_FOUND");
    JsonNode wrong = called("library_v1_Library_Echo", "{\"everything\": {\"int32\": \"many\"}}");
    assertThat(reason(wrong)).isNotEmpty();
    assertThat(
            Described.node(wrong.at("/content/0/text").asText()).at("/errors/0/pointer").asText())
        .isEqualTo("/everything/int32");
    assertThat(
            reason(
                called(
                    "library_v1_Library_Ping", "{\"text\": \"%s\"}".formatted("x".repeat(70_000)))))
        .isEqualTo("BODY_TOO_LARGE");
    // By its own deadline.
    assertThat(reason(called("library_v1_Library_Fail", "{\"delay\": \"5s\"}")))
        .isEqualTo("UPSTREAM_TIMEOUT");
  }

  @Test
  void passesTheTokenOnAsEverAndNothingThatClaimsAnIdentity() throws Exception {
    JsonNode lent =
        called(
            "library_v1_Library_LendBook",
            "{\"bookId\": \"b1\"}",
            "Authorization",
            "bearer " + EdgeFixture.USER_TOKEN,
            "X-User-Id",
            "somebody",
            "Mcp-Name",
            "x");

    JsonNode metadata = lent.at("/structuredContent/metadata");
    assertThat(metadata.path("authorization").asText())
        .isEqualTo("Bearer " + EdgeFixture.USER_TOKEN);
    assertThat(metadata.toString()).doesNotContain("somebody", "mcp-name");
  }

  @Test
  void echoesIdsAsTheyWereWritten() throws Exception {
    for (String id : List.of("0", "-5", "12345678901234567890", "\"a \\u00e9 \\\" b\"", "\"\"")) {
      String body =
          send("{\"id\": %s , \"method\": \"ping\", \"jsonrpc\": \"2.0\"}".formatted(id)).body();
      assertThat(body).contains("\"id\":" + id + ",\"result\"");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{                                                            | 400 | -32700",
        "x                                                            | 400 | -32700",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"} {}        | 400 | -32700",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"id\":2,\"method\":\"ping\"}  | 400 | -32700",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":{\"x\":{\"a\":1,\"a\":1}}} |"
            + " 400 | -32700",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",}          | 400 | -32700",
        "{'jsonrpc':'2.0','id':1,'method':'ping'}                     | 400 | -32700",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"x\":NaN} | 400 | -32700",
        "[]                                                           | 400 | -32600",
        "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]         | 400 | -32600",
        "1                                                            | 400 | -32600",
        "null                                                         | 400 | -32600",
        "{}                                                           | 400 | -32600",
        "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}           | 400 | -32600",
        "{\"jsonrpc\":2.0,\"id\":1,\"method\":\"ping\"}               | 400 | -32600",
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}        | 400 | -32600",
        "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}         | 400 | -32600",
        "{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}          | 400 | -32600",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":7}                  | 400 | -32600",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}                 | 400 | -32600",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"none\"}           | 200 | -32601",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"server/discover\"} | 200 | -32601",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[]} | 200 | -32602",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"initialize\"}     | 200 | -32602",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{}} | 200 | -32602",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"none\"}} |"
            + " 200 | -32602",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":7}} | 200 |"
            + " -32602",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"library_v1_Library_Ping\",\"arguments\":[]}}"
            + " | 200 | -32602",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"library_v1_Library_Talk\"}}"
            + " | 200 | -32602",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"library.v1.Library/Ping\"}}"
            + " | 200 | -32602",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"cursor\":\"%%\"}} |"
            + " 200 | -32602",
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\",\"params\":{\"cursor\":\"Li4v\"}}"
            + " | 200 | -32602",
      })
  void answersWhatIsNoGoodMessageWithAnError(String message, int status, int code)
      throws Exception {
    HttpResponse<String> answer = send(message);

    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
    assertThat(code(answer)).as(answer.body()).isEqualTo(code);
    assertThat(Described.node(answer.body()).has("id")).isTrue();
  }

  @Test
  void boundsDepthAndLength() throws Exception {
    HttpResponse<String> deep =
        send(request("ping", "{\"x\": " + "[".repeat(500) + "]".repeat(500) + "}"));
    HttpResponse<String> id =
        send("{\"jsonrpc\":\"2.0\",\"id\":\"" + "x".repeat(300) + "\",\"method\":\"ping\"}");
    HttpResponse<String> twice =
        send(
            request(
                "tools/call",
                "{\"name\": \"library_v1_Library_Ping\", \"arguments\": {\"text\": \"a\", \"text\":"
                    + " \"b\"}}"));

    assertThat(code(deep)).isEqualTo(-32700);
    assertThat(code(id)).isEqualTo(-32600);
    assertThat(code(twice)).isEqualTo(-32700);
    try (RawHttp raw = new RawHttp(fixture.edge.port())) {
      raw.send("POST /mcp HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n");
      raw.send("Content-Length: 1048577\r\n\r\n");
      assertThat(raw.answer()).startsWith("HTTP/1.1 413 ");
    }
  }

  @Test
  void takesNothingButJsonByPost() throws Exception {
    String ping = request("ping", "{}");
    HttpResponse<String> get = fixture.get("/mcp", "Accept", "text/event-stream");
    HttpResponse<String> delete = fixture.send("DELETE", "/mcp", "", "Mcp-Session-Id", "1");

    assertThat(get.statusCode()).isEqualTo(405);
    assertThat(get.headers().firstValue("allow")).contains("POST, OPTIONS");
    assertThat(delete.statusCode()).isEqualTo(405);
    assertThat(fixture.send("POST", "/mcp", ping, "Content-Type", "text/plain").statusCode())
        .isEqualTo(415);
    assertThat(fixture.post("/mcp", ping, "Accept", "text/event-stream").statusCode())
        .isEqualTo(406);
    assertThat(fixture.post("/mcp", ping, "Content-Encoding", "gzip").statusCode()).isEqualTo(415);
    assertThat(fixture.post("/mcp/", ping).statusCode()).isEqualTo(404);
    assertThat(fixture.post("/mcp", ping).statusCode()).as("of who takes all").isEqualTo(200);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "http://evil.example",
        "null",
        "http://localhost",
        "https://shop.example.evil.example",
        "https://evil.shop.example"
      })
  void refusesPagesOfOtherOrigins(String origin) throws Exception {
    HttpResponse<String> refused = send(request("ping", "{}"), "Origin", origin);

    assertThat(refused.statusCode()).isEqualTo(403);
    assertThat(refused.body()).contains("\"ORIGIN_NOT_ALLOWED\"");
  }

  @Test
  void letsPagesOfListedOriginsCall() throws Exception {
    HttpResponse<String> preflight =
        fixture.send(
            "OPTIONS",
            "/mcp",
            "",
            "Origin",
            "https://shop.example",
            "Access-Control-Request-Method",
            "POST");
    HttpResponse<String> allowed = send(request("ping", "{}"), "Origin", "https://shop.example");

    assertThat(preflight.statusCode()).isEqualTo(204);
    assertThat(preflight.headers().firstValue("access-control-allow-headers").orElseThrow())
        .contains("mcp-protocol-version", "mcp-method", "mcp-name");
    assertThat(allowed.statusCode()).isEqualTo(200);
    assertThat(allowed.headers().firstValue("access-control-allow-origin"))
        .contains("https://shop.example");
  }

  @Test
  void followsTheServicesThatCome() throws Exception {
    assertThat(names()).noneMatch(name -> name.startsWith("weather"));

    try (TestBackend weather =
        TestBackend.start(fixture.consul, "weather", new WeatherGrpc.WeatherImplBase() {})) {
      await()
          .atMost(Duration.ofSeconds(10))
          .until(() -> names().contains("weather_v1_Weather_GetForecast"));
      assertThat(weather.port()).isPositive();
    }
  }

  @Test
  void isNotThereUnlessItIsTurnedOn(@TempDir Path folder) throws Exception {
    try (EdgeServer silent = fixture.silent(folder)) {
      HttpResponse<String> answer =
          fixture.client.send(
              HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + silent.port() + "/mcp"))
                  .header("Content-Type", "application/json")
                  .POST(HttpRequest.BodyPublishers.ofString(request("ping", "{}")))
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      assertThat(answer.statusCode()).isEqualTo(404);
    }
  }
}
