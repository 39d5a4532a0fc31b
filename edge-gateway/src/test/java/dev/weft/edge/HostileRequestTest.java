package dev.weft.edge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_16;
import static java.nio.charset.StandardCharsets.UTF_16LE;
import static java.nio.charset.StandardCharsets.UTF_32;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;

/**
 * Requests that are HTTP beyond doubt and mean no good by their target, a header or their body. No
 * service hears of what is refused, the next request of the connection is answered, and the edge
 * serves others as before.
 */
class HostileRequestTest {
  private static final LibraryService LIBRARY = new LibraryService();
  private static final String GET = "GET /library/books/b1 HTTP/1.1\r\nHost: a\r\n";
  private static final String ECHO =
      "POST /library/echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";

  /** What the body of {@link #ECHO} may have. */
  private static final int BODY_MAX = 64 * 1024;

  private static EdgeFixture fixture;
  private static Held before;

  @BeforeAll
  static void open() throws Exception {
    fixture = EdgeFixture.with(LIBRARY, EdgeFixture.QUICK);
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

  /** The answer to a request, once the next one on its connection was answered, too. */
  private static String answer(String request) throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(request);
      String answer = client.answer();
      client.send(GET + "\r\n");
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ").contains("\"bookId\":\"b1\"");
      return answer;
    }
  }

  private static String refusal(String request, int status) throws Exception {
    int calls = LIBRARY.calls.get();
    String answer = answer(request);
    assertThat(answer)
        .startsWith("HTTP/1.1 " + status + " ")
        .contains("\"requestId\":")
        .doesNotContain("Exception", "java.", "netty", "Jackson");
    assertThat(LIBRARY.calls.get()).as("but for the next request").isEqualTo(calls + 1);
    return answer;
  }

  /**
   * The method, a target in the way of {@code GET /library/books/{book_id}} or of {@code POST
   * /library/books/{book_id}:burn}, which is for administrators, and the status.
   */
  @ParameterizedTest
  @CsvSource(
      delimiter = ' ',
      value = {
        "GET /library/../admin 400",
        "GET /library/%2e%2e%2fadmin 400",
        "GET /library/..%2fadmin 400",
        "GET /library/%2E%2E/admin 400",
        "GET /library/%252e%252e/admin 400",
        "GET /library/%252e%252e%252fadmin 400",
        "GET /library/..;/admin 400",
        "GET /library/..;a=b/admin 400",
        "GET /library/..%5cadmin 400",
        "GET /library\\books 400",
        "GET /library/./books 400",
        "GET /library/books/. 400",
        "GET /library/%c0%ae%c0%ae/admin 400",
        "GET /library/%c0%afbooks 400",
        "GET /library/books/%e0%80%af 400",
        "GET //library/books 404",
        "GET /library//books 404",
        "GET ///library/books 404",
        "GET /library/books/%00 400",
        "GET /library/books/b1%00.json 400",
        "GET /library/books/%zz 400",
        "GET /library/books/% 400",
        "GET /library/books/%4 400",
        "GET /library/books/\u00e9 400",
        "GET /library/books/%ff 400",
        "GET /library/books/%0d%0aSet-Cookie:%20a=b 400",
        "GET /library/books?page_token=%0d%0aSet-Cookie:%20a=b 400",
        "GET /library/books?page_token=\u00e9 400",
        "GET /library/books/b1#x 400",
        "GET /library/books/ 404",
        "GET /library/books/b1/ 404",
        "GET /LIBRARY/books/b1 404",
        "GET /library/Books/b1 404",
        "GET /library/books;a=b 404",
        "GET /library;a=b/books/b1 404",
        "GET /library/books.json 404",
        "GET /library/books/b1/x.css 404",
        "GET /library/books??page_size=1 400",
        "GET /library/books?page_size=1?x=y 400",
        "GET /library-admin/books 404",
        "GET /libraryX/books/b1 404",
        "GET /library/hidden 404",
        "GET /library/hidden/ 404",
        "GET /library/Hidden 404",
        "GET /library/books/b1:lend/../b1 400",
        "POST /library/books/b1:burn 401",
        "POST /library/books/b1:burn/ 404",
        "POST /library/books/b1:BURN 405",
        "POST /library/books/b1:burn;a=b 405",
        "POST /library/books/b1:burn.json 405",
        "POST /library/books/b1%3aburn 405",
        "POST /library//books/b1:burn 404",
        "POST /library/books/x/../b1:burn 400",
        "POST /library/books/b1:burn%2f..%2f..%2fb1 400",
        "POST /library/books/b1:burn?x=y 401",
        "PUT /library/books/b1:burn 405",
        "DELETE /library/books 405",
        // Of a query.
        "GET /library/books?page_size=1&page_size=2 400",
        "GET /library/books?page_size=1&pageSize=2 400",
        "GET /library/books?page_size=abc 400",
        "GET /library/books?page_size=1.5 400",
        "GET /library/books?page_size=%201 400",
        "GET /library/books?page_size=0x1 400",
        "GET /library/books?page_size=99999999999 400",
        "GET /library/books?page_size[$ne]=1 400",
        "GET /library/books?page_size 400",
        "GET /library/books?unknown=1 400",
        "GET /library/books?order_by=password 400",
        "GET /library/books?author.password=x 400",
        "GET /library/books?_method=DELETE 400",
        "GET /library/books?since=2026-01-01T00:00:00Z&within=1s 400"
      })
  void meansWhatItSaysAndNothingElse(String method, String target, int status) throws Exception {
    String answer = refusal(method + " " + target + " HTTP/1.1\r\nHost: a\r\n\r\n", status);

    assertThat(answer).doesNotContainIgnoringCase("\r\nSet-Cookie");
  }

  @Test
  void takesNoThousandParameters() throws Exception {
    String query = "/library/books?" + "genres=1&".repeat(100);
    assertThat(answer("GET " + query + " HTTP/1.1\r\nHost: a\r\n\r\n")).startsWith("HTTP/1.1 200 ");
    String longer = "/library/books?" + "a&".repeat(1_000);
    assertThat(refusal("GET " + longer + " HTTP/1.1\r\nHost: a\r\n\r\n", 400))
        .contains("more than 100 query parameters");
  }

  /** What is not too long is read, and wrong for another reason. */
  @Test
  void takesATargetThatIsAsLongAsItMayBeAndNoLonger() throws Exception {
    String most = "/library/books?" + "x".repeat(4_096 - 15);
    for (int more = 0; more < 2; more++) {
      try (RawHttp client = new RawHttp(fixture.edge.port())) {
        client.send("GET " + most + "x".repeat(more) + " HTTP/1.1\r\nHost: a\r\n\r\n");
        assertThat(client.answer()).startsWith("HTTP/1.1 " + (more == 0 ? 400 : 414) + " ");
      }
    }
  }

  /** What is not exactly JSON, or not what the message has. */
  static final List<String> WRONG =
      List.of(
          // What stands alone.
          " ",
          "null",
          "[]",
          "\"x\"",
          "1",
          "true",
          // Names.
          "{\"int32\":1,\"int32\":1}",
          "{\"int32\":0,\"int32\":5}",
          "{\"int32\":0,\"\\u0069nt32\":5}",
          "{\"snakeCaseName\":\"a\",\"snake_case_name\":\"b\"}",
          "{\"nested\":{\"int32\":1,\"int32\":2}}",
          "{\"totals\":{\"a\":1,\"a\":2}}",
          "{\"struct\":{\"a\":1,\"a\":2}}",
          // More than one.
          "{}x",
          "{}{}",
          "{} {\"int32\":1}",
          ")]}'\n{}",
          "\u00ef\u00bb\u00bf{}",
          "{}\u0000",
          // As JavaScript has it.
          "{/*c*/}",
          "{}//c",
          "{'int32':1}",
          "{int32:1}",
          "{\"int32\"=1}",
          "{\"int32\":1;\"int64\":2}",
          "{\"int32\":1,}",
          "{\"numbers\":[1,]}",
          "{\"double\":NaN}",
          "{\"double\":Infinity}",
          "{\"int32\":0x1}",
          "{\"int32\":01}",
          "{\"int32\":+1}",
          "{\"double\":.5}",
          "{\"double\":5.}",
          // Depth.
          "{\"nested\":".repeat(101) + "{}" + "}".repeat(101),
          "{\"nested\":".repeat(1_001) + "{}" + "}".repeat(1_001),
          "{\"nested\":".repeat(4_000) + "{}" + "}".repeat(4_000),
          "{\"value\":" + "[".repeat(101) + "]".repeat(101) + "}",
          "{\"value\":" + "[".repeat(30_000) + "]".repeat(30_000) + "}",
          "[".repeat(60_000),
          // Many names.
          object(3_000, i -> "\"n" + i + "\":1"),
          "{"
              + colliding().stream()
                  .map(name -> "\"" + name + "\":1")
                  .collect(Collectors.joining(","))
              + "}",
          // Bytes.
          "{\"string\":\"\u00ff\"}",
          "{\"string\":\"\u00c0\u00af\"}",
          "{\"string\":\"\u00ed\u00a0\u0080\"}",
          "{\"string\":\"\u00e2\u0082\"}",
          "{\"string\":\"\u00f4\u0090\u0080\u0080\"}",
          new String("{\"string\":\"a\"}".getBytes(UTF_16), ISO_8859_1),
          new String("{}".getBytes(UTF_16LE), ISO_8859_1),
          new String("{}".getBytes(UTF_32), ISO_8859_1),
          // Characters.
          "{\"string\":\"\\ud800\"}",
          "{\"string\":\"\\udc00\\ud800\"}",
          "{\"string\":\"a\u0000b\"}",
          "{\"string\":\"a\nb\"}",
          "{\"string\":\"a\u001fb\"}",
          "{\"string\":\"\\x41\"}",
          // Numbers.
          "{\"int32\":1e999999999}",
          "{\"int32\":1e-999999999}",
          "{\"int32\":" + "9".repeat(60_000) + "}",
          "{\"int32\":2147483648}",
          "{\"int32\":1.5}",
          "{\"int32\":0.1}",
          "{\"int64\":9223372036854775808}",
          "{\"int64\":1e400}",
          "{\"uint32\":-1}",
          "{\"uint64\":18446744073709551616}",
          "{\"float\":1e39}",
          "{\"double\":1e400}",
          // Types.
          "{\"string\":1}",
          "{\"string\":{}}",
          "{\"string\":[\"a\"]}",
          "{\"string\":true}",
          "{\"int32\":\"x\"}",
          "{\"int32\":[1]}",
          "{\"int32\":{\"$ne\":1}}",
          "{\"int32\":true}",
          "{\"bool\":\"true\"}",
          "{\"bool\":1}",
          "{\"numbers\":1}",
          "{\"numbers\":{}}",
          "{\"numbers\":[null]}",
          "{\"nested\":[]}",
          "{\"nested\":\"{}\"}",
          "{\"genre\":\"GENRE_NONE\"}",
          "{\"genre\":1.5}",
          "{\"timestamp\":0}",
          "{\"bytes\":\"*\"}",
          // Names that are not there.
          "{\"isAdmin\":true}",
          "{\"role\":\"admin\"}",
          "{\"status\":\"paid\"}",
          "{\"totalAmount\":0}",
          "{\"price\":0}",
          "{\"id\":\"x\"}",
          "{\"createdAt\":\"2026-01-01T00:00:00Z\"}",
          "{\"__proto__\":{\"isAdmin\":true}}",
          "{\"constructor\":{}}",
          "{\"@type\":\"type.googleapis.com/library.v1.Author\"}",
          "{\"@class\":\"java.lang.Runtime\"}",
          "{\"$ref\":\"#/\"}",
          "{\"any\":{\"@type\":\"http://127.0.0.1:1/x\"}}");

  private static String object(int names, IntFunction<String> field) {
    return IntStream.range(0, names).mapToObj(field).collect(Collectors.joining(",", "{", "}"));
  }

  /** Of one hash, as {@code String} has it. */
  private static List<String> colliding() {
    List<String> names = List.of("");
    for (int i = 0; i < 11; i++) {
      names = names.stream().flatMap(name -> Stream.of(name + "Aa", name + "BB")).toList();
    }
    return names;
  }

  @ParameterizedTest(name = "{index}")
  @FieldSource("WRONG")
  void takesNothingThatIsNotExactlyAMessage(String latin1) throws Exception {
    assertThat(latin1.length()).isLessThanOrEqualTo(BODY_MAX);
    refusal(ECHO + "Content-Length: " + latin1.length() + "\r\n\r\n" + latin1, 400);
    refusal(ECHO + "Transfer-Encoding: chunked\r\n\r\n" + chunk(latin1) + "0\r\n\r\n", 400);
  }

  private static String chunk(String latin1) {
    return Integer.toHexString(latin1.length()) + "\r\n" + latin1 + "\r\n";
  }

  /** Odd, and as it should be: text is anybody's own. */
  static final List<Arguments> RIGHT =
      List.of(
          Arguments.of("", "\"int32\":0"),
          Arguments.of("{}", "\"int32\":0"),
          Arguments.of(" \t\r\n{} ", "\"int32\":0"),
          Arguments.of("{\"int32\":null}", "\"int32\":0"),
          Arguments.of("{\"int32\":1.0}", "\"int32\":1"),
          Arguments.of("{\"int32\":\"5\"}", "\"int32\":5"),
          Arguments.of("{\"int32\":-0}", "\"int32\":0"),
          Arguments.of("{\"int64\":9007199254740993}", "\"int64\":\"9007199254740993\""),
          Arguments.of("{\"genre\":77}", "\"genre\":77"),
          Arguments.of("{\"string\":\"\\u0000\"}", "\"string\":\"\\u0000\""),
          text("\u202e\u200b\u2066"),
          text("\ud83d\ude00"),
          text("a" + "\u0301".repeat(5_000)),
          text("x".repeat(65_000)),
          Arguments.of("{\"struct\":{\"__proto__\":{}}}", "\"__proto__\":{}"),
          Arguments.of(
              "{\"totals\":"
                  + colliding().stream()
                      .map(name -> "\"" + name + "\":1")
                      .collect(Collectors.joining(",", "{", "}"))
                  + "}",
              "\"" + "Aa".repeat(11) + "\":\"1\""));

  /** Which comes back as it was. */
  private static Arguments text(String text) {
    String bytes = new String(("\"string\":\"" + text + "\"").getBytes(UTF_8), ISO_8859_1);
    return Arguments.of("{" + bytes + "}", bytes);
  }

  @ParameterizedTest(name = "{index}")
  @FieldSource("RIGHT")
  void takesWhatIsAMessageAsItIs(String latin1, String answered) throws Exception {
    assertThat(answer(ECHO + "Content-Length: " + latin1.length() + "\r\n\r\n" + latin1))
        .startsWith("HTTP/1.1 200 ")
        .contains(answered);
  }

  @Test
  void takesABodyThatIsAsLongAsItMayBeAndNoLonger() throws Exception {
    String most = "{}" + " ".repeat(BODY_MAX - 2);
    assertThat(answer(ECHO + "Content-Length: " + BODY_MAX + "\r\n\r\n" + most))
        .startsWith("HTTP/1.1 200 ");
    assertThat(answer(ECHO + "Transfer-Encoding: chunked\r\n\r\n" + chunk(most) + "0\r\n\r\n"))
        .startsWith("HTTP/1.1 200 ");

    int calls = LIBRARY.calls.get();
    for (String tooLong :
        List.of(
            ECHO + "Content-Length: " + (BODY_MAX + 1) + "\r\n\r\n" + most + " ",
            ECHO + "Transfer-Encoding: chunked\r\n\r\n" + chunk(most + " ") + "0\r\n\r\n",
            ECHO + "Transfer-Encoding: chunked\r\n\r\n" + chunk(most) + chunk(" ") + "0\r\n\r\n",
            ECHO + "Content-Length: 1073741824\r\n\r\n" + most,
            ECHO
                + "Transfer-Encoding: chunked\r\n\r\n"
                + chunk(object(100_000, i -> "\"" + i + "\":1")))) {
      try (RawHttp client = new RawHttp(fixture.edge.port())) {
        client.send(tooLong);
        assertThat(client.all())
            .startsWith("HTTP/1.1 413 ")
            .containsOnlyOnce("HTTP/1.1 ")
            .containsIgnoringCase("connection: close");
      }
    }
    assertThat(LIBRARY.calls.get()).isEqualTo(calls);
  }

  /** Which claim who somebody is, or ask for another request than it is. */
  static final List<String> CLAIMS =
      List.of(
          "X-User-Id: forged",
          "X_User_Id: forged",
          "x-user-ID: forged",
          "X-User-Role: forged",
          "X-User-Roles: forged",
          "X-User-Context: forged",
          "X-Authenticated-User: forged",
          "Weft-Service-Token: forged",
          "Grpc-Metadata-X-User-Id: forged",
          "Grpc-Metadata-X_User_Id: forged",
          "Grpc-Metadata-Weft-Service-Token: forged",
          "Grpc-Metadata-Authorization: Bearer forged",
          "Grpc-Metadata-Grpc-Timeout: 1n",
          "Connection: x-user-id\r\nX-User-Id: forged",
          "Connection: keep-alive, Authorization",
          "Connection: X-Forwarded-For, X-Client-IP, Traceparent",
          "Proxy-Connection: forged",
          "Forwarded: for=forged;host=forged;proto=https",
          "X-Forwarded-Host: forged",
          "X-Forwarded-Proto: forged",
          "X-Forwarded-Port: 1",
          "X-Real-IP: forged",
          "X-Client-IP: forged",
          "True-Client-IP: forged",
          "X-Original-URL: /library/books/b1:burn",
          "X-Rewrite-URL: /library/books/b1:burn",
          "X-HTTP-Method-Override: DELETE",
          "X-HTTP-Method: DELETE",
          "X-Method-Override: DELETE",
          "X-Gateway-Timestamp: forged",
          "X-Request-Id: ${jndi:ldap://forged}",
          "Traceparent: 00-forged",
          "Tracestate: forged",
          "User-Agent: forged{\"severity\":\"ERROR\"}",
          "Referer: forged",
          "Range: bytes=" + "0-,".repeat(1_000) + "0-",
          "If-Range: forged",
          "Cookie: forged=forged");

  @ParameterizedTest(name = "{index}")
  @FieldSource("CLAIMS")
  void believesNoHeaderThatClaims(String header) throws Exception {
    String answer =
        answer(
            "POST /library/books/b1:lend HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                + "Content-Length: 2\r\nAuthorization: Bearer "
                + EdgeFixture.USER_TOKEN
                + "\r\n"
                + header
                + "\r\n\r\n{}");

    assertThat(answer)
        .startsWith("HTTP/1.1 200 ")
        .contains(
            "\"authorization\":\"Bearer " + EdgeFixture.USER_TOKEN + "\"",
            "\"x-client-ip\":\"127.0.0.1\"",
            "\"x-forwarded-for\":\"127.0.0.1\"",
            "\"traceparent\":\"00-")
        .doesNotContain("forged", ":burn");
  }

  @Test
  void leavesIdentityToWhoClosesTheConnection() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(
          "POST /library/books/b1:lend HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
              + "Connection: close, Authorization\r\nAuthorization: Bearer "
              + EdgeFixture.USER_TOKEN
              + "\r\n\r\n");
      assertThat(client.all())
          .startsWith("HTTP/1.1 200 ")
          .contains("\"authorization\":\"Bearer " + EdgeFixture.USER_TOKEN + "\"");
    }
  }

  /** Where something is made, its place says nothing that the client made up. */
  @Test
  void saysWhereSomethingIsByThePathAlone() throws Exception {
    String evil = "evil.example";
    assertThat(
            answer(
                "POST /library/books HTTP/1.1\r\nHost: "
                    + evil
                    + "\r\nX-Forwarded-Host: "
                    + evil
                    + "\r\nForwarded: host="
                    + evil
                    + "\r\nIdempotency-Key: k\r\nContent-Length: 2\r\n"
                    + "Content-Type: application/json\r\n\r\n{}"))
        .startsWith("HTTP/1.1 201 ")
        .containsIgnoringCase("\r\nlocation: /library/books/new%2Fk\r\n")
        .doesNotContain(evil);
  }

  /** A header of a request to make a book, and the status. */
  static final List<Arguments> KEYS =
      List.of(
          Arguments.of("X-Nothing: x", 400),
          Arguments.of("Idempotency-Key:", 400),
          Arguments.of("Idempotency-Key: \"\"", 400),
          Arguments.of("Idempotency-Key: \"open", 400),
          Arguments.of("Idempotency-Key: a b", 400),
          Arguments.of("Idempotency-Key: a\tb", 400),
          Arguments.of("Idempotency-Key: \u00e4", 400),
          Arguments.of("Idempotency-Key: " + "k".repeat(256), 400),
          Arguments.of("Idempotency-Key: a\r\nIdempotency-Key: a", 400),
          Arguments.of("Idempotency-Key: a\r\nIf-None-Match: *", 412),
          Arguments.of("Idempotency-Key: a\r\nAccept: application/xml", 406),
          Arguments.of("Idempotency-Key: a\r\nAccept: */*;q=NaN", 400),
          Arguments.of("Idempotency-Key: a\r\nAccept: " + "a/b,".repeat(1_500), 400),
          Arguments.of("Idempotency-Key: a\r\nContent-Encoding: br", 415),
          Arguments.of("Idempotency-Key: a\r\nContent-Encoding: gzip, gzip", 415),
          Arguments.of("Idempotency-Key: a\r\nContent-Encoding: gzip", 400),
          Arguments.of("Idempotency-Key: a\r\nGrpc-Timeout: 1x", 400),
          Arguments.of("Idempotency-Key: a\r\nGrpc-Metadata-X-Bin: ***", 400),
          Arguments.of("Idempotency-Key: a\r\nGrpc-Metadata-A!: b", 400));

  @ParameterizedTest(name = "{index}")
  @FieldSource("KEYS")
  void makesNothingOfARequestThatIsNotClear(String header, int status) throws Exception {
    refusal(
        "POST /library/books HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
            + "Content-Length: 2\r\n"
            + header
            + "\r\n\r\n{}",
        status);
  }

  static final List<String> TYPES =
      List.of(
          "X-Nothing: x",
          "Content-Type:",
          "Content-Type: text/plain",
          "Content-Type: application/json; charset=utf-16",
          "Content-Type: application/json\r\nContent-Type: application/json",
          "Content-Type: application/json, text/plain",
          "Content-Type: application/jsonx",
          "Content-Type: application/x-www-form-urlencoded",
          "Content-Type: multipart/form-data; boundary=b",
          "Content-Type: text/html;application/json");

  @ParameterizedTest(name = "{index}")
  @FieldSource("TYPES")
  void takesNothingThatDoesNotSayThatItIsJson(String header) throws Exception {
    refusal(
        "POST /library/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n" + header + "\r\n\r\n{}",
        415);
  }

  /** Half of all who ask are gone before they are answered. */
  @Test
  void leavesWhatIsDoneForClientsThatLeftAndAnswersTheOthers() throws Exception {
    int half = 25;
    int givenUp = LIBRARY.givenUp.get();
    LIBRARY.waiting.drainPermits();
    List<RawHttp> leaving = new ArrayList<>();
    try {
      for (int i = 0; i < half; i++) {
        RawHttp client = new RawHttp(fixture.edge.port());
        leaving.add(client);
        client.send(
            "POST /library/desk:donate HTTP/1.1\r\nHost: a\r\nContent-Length: 18\r\n"
                + "Content-Type: application/json\r\n\r\n{\"title\":\"asleep\"}");
        assertThat(answer(GET + "\r\n")).startsWith("HTTP/1.1 200 ");
      }
      assertThat(LIBRARY.waiting.tryAcquire(half, 20, TimeUnit.SECONDS)).isTrue();
    } finally {
      for (RawHttp client : leaving) {
        client.close();
      }
    }
    await().until(() -> LIBRARY.givenUp.get() == givenUp + half);
  }
}
