package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Bytes that are no HTTP beyond doubt, or too many of them, or too slow. None may reach a service,
 * and after each the edge serves others as before.
 */
class HostileHttpTest {
  private static final LibraryService LIBRARY = new LibraryService();
  private static final String GET = "GET /library/books/b1 HTTP/1.1\r\nHost: a\r\n";
  private static final String POST =
      "POST /library/echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n";
  private static final String CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n";

  /** Answered by a stream that says nothing and does not end. */
  private static final String ENDLESS =
      "GET /library/books/b:watch?failWith=-1 HTTP/1.1\r\nHost: a\r\n\r\n";

  private static final long SENT_MAX = 64L * 1024 * 1024;

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

  /** Name, bytes, status. The connection must close after each. */
  static final List<Arguments> MALFORMED =
      List.of(
          framing("length and chunks", POST + "Content-Length: 2\r\nTransfer-Encoding: chunked"),
          framing("chunks and length", POST + "Transfer-Encoding: chunked\r\nContent-Length: 2"),
          framing("two lengths", POST + "Content-Length: 2\r\nContent-Length: 3"),
          framing("one length twice", POST + "Content-Length: 2\r\nContent-Length: 2"),
          framing("a list of lengths", POST + "Content-Length: 2,2"),
          framing("a length with a plus", POST + "Content-Length: +2"),
          framing("a negative length", POST + "Content-Length: -2"),
          framing("a length in hexadecimal", POST + "Content-Length: 0x2"),
          framing("a length of 2^63", POST + "Content-Length: 9223372036854775808"),
          framing("a length of 30 digits", POST + "Content-Length: " + "1".repeat(30)),
          framing("an empty length", POST + "Content-Length:"),
          framing("a length with a space in it", POST + "Content-Length: 2 2"),
          framing("chunked and identity", POST + "Transfer-Encoding: chunked, identity"),
          framing("identity and chunked", POST + "Transfer-Encoding: identity, chunked"),
          framing("an unknown coding", POST + "Transfer-Encoding: xchunked"),
          framing("a coding with a control", POST + "Transfer-Encoding: chunked\u000b"),
          framing("two codings", POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip"),
          framing("chunks twice", POST + "Transfer-Encoding: chunked, chunked"),
          framing(
              "chunks in two lines",
              POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
          framing("a space before the colon", POST + "Transfer-Encoding : chunked"),
          framing(
              "chunks in HTTP/1.0",
              "POST /library/echo HTTP/1.0\r\nContent-Type: application/json\r\n"
                  + "Transfer-Encoding: chunked"),
          framing("a folded line", GET + "X-A: b\r\n c: d"),
          framing("a line that begins with a tab", GET + "\tX-A: b"),
          framing("a NUL", GET + "X-A: b\u0000c"),
          framing("a bare return", GET + "X-A: b\rc"),
          framing("a bare return for a line end", "GET /library/books/b1 HTTP/1.1\rHost: a\r"),
          framing("an escape in a value", GET + "X-Request-Id: \u001b[31mred"),
          framing("a delete in a value", GET + "User-Agent: a\u007fb"),
          framing("a bare line feed", "GET /library/books/b1 HTTP/1.1\nHost: a\n"),
          framing("a name with a parenthesis", GET + "X(A: b"),
          framing("a name with a high byte", GET + "X\u00e4: b"),
          framing("no name", GET + ": b"),
          framing("no colon", GET + "just text"),
          framing("no Host", "GET /library/books/b1 HTTP/1.1"),
          framing("two Hosts", GET + "Host: a"),
          framing("a Host with an at", "GET /library/books/b1 HTTP/1.1\r\nHost: a@b"),
          framing("a Host with a path", "GET /library/books/b1 HTTP/1.1\r\nHost: a/b"),
          framing("a Host with a user", "GET /library/books/b1 HTTP/1.1\r\nHost: u:p@a"),
          framing("a Host with a space", "GET /library/books/b1 HTTP/1.1\r\nHost: a b"),
          framing("an empty Host", "GET /library/books/b1 HTTP/1.1\r\nHost:"),
          framing("no version", "GET /library/books/b1"),
          framing("a space in the target", "GET /library/books/b 1 HTTP/1.1\r\nHost: a"),
          framing("two spaces", "GET  /library/books/b1 HTTP/1.1\r\nHost: a"),
          framing("a version with a letter", "GET /library/books/b1 HTTP/1.x\r\nHost: a"),
          body("a chunk beyond an int", "100000004\r\n"),
          body("a chunk beyond a long", "ffffffffffffffffff\r\n"),
          body("a chunk of all a long has", "ffffffffffffffff\r\n"),
          body("a chunk of all an int has", "ffffffff\r\n"),
          body("a space before a chunk's size", " 2\r\n{}\r\n0\r\n\r\n"),
          body("a space behind it", "2 \r\n{}\r\n0\r\n\r\n"),
          body("a space within it", "2 2\r\n{}\r\n0\r\n\r\n"),
          body("an extension without a name", "2;\r\n{}\r\n0\r\n\r\n"),
          body("an extension", "2;a=b\r\n{}\r\n0\r\n\r\n"),
          body("a line end in an extension", "2;a=\"\r\n{}\r\n0\r\n\r\n\"\r\n{}\r\n0\r\n\r\n"),
          body("an extension without an end", "2;a=" + "b".repeat(1_000_000)),
          body("an extension of the last chunk", "2\r\n{}\r\n0;a\r\n\r\n"),
          body("no size", "\r\n{}\r\n0\r\n\r\n"),
          body("a later chunk's extension", "1\r\n{\r\n1;a\r\n}\r\n0\r\n\r\n"),
          body("a negative chunk", "-1\r\n"),
          body("a chunk in C's hexadecimal", "0x2\r\n{}\r\n0\r\n\r\n"),
          body("a chunk line ended by a bare line feed", "2\n{}\r\n0\r\n\r\n"),
          body("a chunk longer than it says", "2\r\n{}}\r\n0\r\n\r\n"),
          Arguments.of("too many fields", GET + "X-A: b\r\n".repeat(101) + "\r\n", 431),
          Arguments.of(
              "64 KiB of fields",
              GET + ("X-A: " + "b".repeat(700) + "\r\n").repeat(93) + "\r\n",
              431),
          Arguments.of("a long field", GET + "X-A: " + "b".repeat(9_000) + "\r\n\r\n", 431),
          Arguments.of("a long target", "GET /" + "a".repeat(100_000) + " HTTP/1.1\r\n", 414),
          Arguments.of("a long method", "G".repeat(10_000) + " / HTTP/1.1\r\n", 414),
          Arguments.of("HTTP/0.9", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
          Arguments.of("HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505),
          Arguments.of("HTTP/2.0 as text", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
          Arguments.of("an expectation", POST + "Expect: x\r\nContent-Length: 2\r\n\r\n", 417),
          Arguments.of("a long body", POST + "Content-Length: 1000000\r\n\r\n", 413));

  private static Arguments framing(String name, String head) {
    return Arguments.of(name, head + "\r\n\r\n{}", 400);
  }

  private static Arguments body(String name, String chunks) {
    return Arguments.of(name, CHUNKED + chunks, 400);
  }

  @ParameterizedTest(name = "{0}")
  @FieldSource("MALFORMED")
  void refusesAndCloses(String name, String bytes, int status) throws Exception {
    int calls = LIBRARY.calls.get();
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      // What a request smuggled behind it would look like.
      client.send(bytes + "POST /library/books/b:burn HTTP/1.1\r\nHost: a\r\n\r\n");

      String all = client.all();

      assertThat(all).startsWith("HTTP/1.1 " + status + " ").containsOnlyOnce("X-Request-Id: ");
      assertThat(all).containsIgnoringCase("connection: close").contains("\"requestId\":");
      assertThat(all).doesNotContain("netty", "Exception", "java.");
    }
    assertThat(LIBRARY.calls.get()).isEqualTo(calls);
  }

  static final List<Arguments> REFUSED =
      List.of(
          Arguments.of("TRACE", "TRACE /library/books/b1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
          Arguments.of("CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501),
          Arguments.of("OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
          Arguments.of("absolute form", "GET http://a/library HTTP/1.1\r\nHost: a\r\n\r\n", 400),
          Arguments.of(
              "another host's", "GET http://b/library/books/b1 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
          Arguments.of("authority form", "GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 400),
          Arguments.of("small letters", "get /library/books/b1 HTTP/1.1\r\nHost: a\r\n\r\n", 405),
          Arguments.of("a dot segment", "GET /library/../x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
          Arguments.of("an encoded one", "GET /library/%2e%2E/x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
          Arguments.of("encoded twice", "GET /library/%252e%252e HTTP/1.1\r\nHost: a\r\n\r\n", 400),
          Arguments.of("an overlong dot", "GET /%c0%ae%c0%ae/x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
          Arguments.of("a backslash", "GET /library\\x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
          Arguments.of("an encoded NUL", "GET /library/%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
          Arguments.of("an encoded line", "GET /library/%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
          Arguments.of("a broken escape", "GET /library/%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
          Arguments.of("two slashes", "GET //library/books HTTP/1.1\r\nHost: a\r\n\r\n", 404),
          Arguments.of("other case", "GET /Library/books/b1 HTTP/1.1\r\nHost: a\r\n\r\n", 404),
          Arguments.of("a suffix", "GET /library/books.json HTTP/1.1\r\nHost: a\r\n\r\n", 404),
          Arguments.of(
              "a method in a header", GET + "X-HTTP-Method-Override: DELETE\r\n\r\n", 200));

  /** A request that is HTTP and wrong leaves the connection to the next one. */
  @ParameterizedTest(name = "{0}")
  @FieldSource("REFUSED")
  void refusesAndGoesOn(String name, String bytes, int status) throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(bytes);
      assertThat(client.answer()).startsWith("HTTP/1.1 " + status + " ");

      client.send(GET + "\r\n");
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
    }
  }

  @Test
  void answersPipelinedRequestsInTheirOrder() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      StringBuilder many = new StringBuilder();
      for (int i = 0; i < 200; i++) {
        many.append("GET /library/books/b").append(i).append(" HTTP/1.1\r\nHost: a\r\n\r\n");
      }
      client.send(many.toString());

      for (int i = 0; i < 200; i++) {
        assertThat(client.answer()).contains("\"bookId\":\"b" + i + "\"");
      }
    }
  }

  /** Also what looks like a request is the body then, in whatever form it comes. */
  @ParameterizedTest
  @CsvSource({
    "GET, /library/books/b1, 200",
    "HEAD, /library/books/b1, 200",
    "DELETE, /library/books/b1, 428",
    "DELETE, /library/books, 405",
    "OPTIONS, /library/books, 204"
  })
  void keepsTheConnectionWhenABodyIsSentThatNobodyAskedFor(String method, String path, int status)
      throws Exception {
    String head = method + " " + path + " HTTP/1.1\r\nHost: a\r\n";
    String burn = "POST /library/books/b:burn HTTP/1.1\r\n\r\n";
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(
          head
              + "Content-Length: "
              + burn.length()
              + "\r\n\r\n"
              + burn
              + head
              + "Transfer-Encoding: chunked\r\n\r\n"
              + Integer.toHexString(burn.length())
              + "\r\n"
              + burn
              + "\r\n0\r\n\r\n"
              + GET
              + "\r\n");

      for (int i = 0; i < 2; i++) {
        assertThat(method.equals("HEAD") ? client.head() : client.answer())
            .startsWith("HTTP/1.1 " + status + " ");
      }
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ").contains("\"bookId\":\"b1\"");
    }
  }

  @Test
  void sendsNoBodyWhereTheClientHasItAlready() throws Exception {
    String page = "GET /library/books?pageSize=1 HTTP/1.1\r\nHost: a\r\nIf-None-Match: *\r\n\r\n";
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(page + GET + "\r\n");

      assertThat(client.head()).startsWith("HTTP/1.1 304 ").doesNotContainIgnoringCase("length");
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ").contains("\"bookId\":\"b1\"");
    }
  }

  /** White space around a value is none of it (RFC 9110, 5.5). */
  @Test
  void readsALengthWithSpaceAroundItAsThatLength() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(POST + "Content-Length: \t2 \r\n\r\n{}" + GET + "\r\n");

      assertThat(client.answer()).startsWith("HTTP/1.1 200 ").contains("\"int32\":0");
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ").contains("\"bookId\":\"b1\"");
    }
  }

  @Test
  void saysGoOnToWhoAsksBeforeItSendsABody() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(
          "POST /library/books/b1:lend HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
              + "Authorization: Bearer "
              + EdgeFixture.USER_TOKEN
              + "\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
      assertThat(client.head()).startsWith("HTTP/1.1 100 ");

      client.send("{}");
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
    }
  }

  /** The first byte starts the clock, and no later one moves it. */
  @ParameterizedTest
  @ValueSource(strings = {"GET /library/books/b1 HTTP/1.1\r\nHost: a\r\n", POST, ""})
  void givesUpOnAHeaderThatDoesNotEnd(String begun) throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(begun);

      assertThat(client.all())
          .startsWith(begun.isEmpty() ? "" : "HTTP/1.1 408 ")
          .satisfies(all -> assertThat(all.isEmpty()).isEqualTo(begun.isEmpty()));
    }
  }

  @Test
  void waitsForNoBodyThatItWasAskedToWaitFor() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(POST + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");

      assertThat(client.head()).startsWith("HTTP/1.1 100 ");
      assertThat(client.all()).startsWith("HTTP/1.1 408 ");
    }
  }

  /** A byte now and then buys no time. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        GET + "X-A: ",
        POST + "Content-Length: 60000\r\n\r\n{\"string\":\"",
        CHUNKED + "ea60\r\n{\"string\":\""
      })
  void givesUpOnWhatComesByteByByte(String begun) throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(begun);
      await()
          .pollInterval(Duration.ofMillis(100))
          .until(
              () -> {
                client.send("x");
                return client.answered();
              });

      assertThat(client.answer()).startsWith("HTTP/1.1 408 ");
    }
  }

  static Stream<String> unfinished() {
    return Stream.of(
        POST + "Content-Length: 2\r\n\r\n{", CHUNKED + "2\r\n{}\r\n", CHUNKED + "2\r\n{");
  }

  @ParameterizedTest
  @MethodSource("unfinished")
  void givesUpOnABodyThatDoesNotEnd(String begun) throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(begun);

      assertThat(client.all()).startsWith("HTTP/1.1 408 ");
    }
  }

  @Test
  void dropsFieldsBehindTheLastChunk() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(
          "POST /library/books/b1:lend HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
              + "Transfer-Encoding: chunked\r\nAuthorization: Bearer "
              + EdgeFixture.USER_TOKEN
              + "\r\n\r\n2\r\n{}\r\n0\r\nGrpc-Metadata-Color: red\r\nContent-Length: 5\r\n"
              + "Transfer-Encoding: chunked\r\nHost: b\r\nAuthorization: Bearer "
              + EdgeFixture.ADMIN_TOKEN
              + "\r\n\r\n"
              + GET
              + "\r\n");

      assertThat(client.answer())
          .startsWith("HTTP/1.1 200 ")
          .contains("\"authorization\":\"Bearer " + EdgeFixture.USER_TOKEN + "\"")
          .doesNotContain("red", EdgeFixture.ADMIN_TOKEN);
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ").contains("\"bookId\":\"b1\"");
    }
  }

  @Test
  void refusesWhatFollowsTheLastChunkAndIsNoRequest() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(CHUNKED + "2\r\n{}\r\n0\r\n\r\n2\r\n{}\r\n0\r\n\r\n");

      assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
      assertThat(client.all()).startsWith("HTTP/1.1 400 ").containsOnlyOnce("HTTP/1.1 ");
    }
  }

  @Test
  void endsABodyInChunksThatIsLongerThanItMayBe() throws Exception {
    AtomicLong sent = new AtomicLong();
    int calls = LIBRARY.calls.get();
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(CHUNKED);
      Thread sender = Thread.ofVirtual().start(() -> sendChunks(client, sent));

      assertThat(client.all()).startsWith("HTTP/1.1 413 ").containsOnlyOnce("HTTP/1.1 ");

      sender.join();
    }
    assertThat(sent.get()).isLessThan(SENT_MAX / 2);
    assertThat(LIBRARY.calls.get()).isEqualTo(calls);
  }

  /** Ten thousand pages of which none is read: what is not asked for yet is not answered. */
  @Test
  void endsAConnectionThatAsksAndAsksAndReadsNothing() throws Exception {
    String page = "GET /library/books?pageSize=100 HTTP/1.1\r\nHost: a\r\n\r\n";
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      try {
        client.send(page.repeat(10_000));
      } catch (IOException e) {
        // The edge has had enough.
      }
      // The fixture's own client may keep one.
      await().until(() -> fixture.edge.connections() <= 1);

      assertThat(client.all().split("HTTP/1.1 200 ", -1)).hasSizeBetween(2, 1_000);
    }
  }

  @Test
  void endsAnAnswerThatIsNotRead() throws Exception {
    int before = LIBRARY.givenUp.get();
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send("GET /library/books/b:download?parts=-1 HTTP/1.1\r\nHost: a\r\n\r\n");

      await().until(() -> LIBRARY.givenUp.get() > before);
    }
  }

  @Test
  void ignoresAnOfferToSpeakAnotherProtocol() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(GET + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n");
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
    }
  }

  /** A request that nobody is free to answer must not be kept in memory as it comes. */
  @Test
  void endsAnEndlessBodyBehindAnAnswerWithoutAnEnd() throws Exception {
    int before = LIBRARY.givenUp.get();
    AtomicLong sent = new AtomicLong();
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(ENDLESS + CHUNKED);
      Thread sender = Thread.ofVirtual().start(() -> sendChunks(client, sent));

      await().atMost(Duration.ofSeconds(15)).until(() -> LIBRARY.givenUp.get() > before);

      sender.join();
    }
    // What two sockets hold, and no more.
    assertThat(sent.get()).isLessThan(SENT_MAX / 2);
  }

  private static void sendChunks(RawHttp client, AtomicLong sent) {
    String chunk = "10000\r\n" + "x".repeat(0x10000) + "\r\n";
    try {
      while (sent.get() < SENT_MAX) {
        client.send(chunk);
        sent.addAndGet(chunk.length());
      }
    } catch (IOException e) {
      // The edge has had enough.
    }
  }

  @Test
  void noticesThatAClientLeftWhoseNextRequestWaits() throws Exception {
    int before = LIBRARY.givenUp.get();
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(ENDLESS + GET + "\r\n");
      await().until(() -> fixture.edge.connections() > 0);
    }
    await().atMost(Duration.ofSeconds(15)).until(() -> LIBRARY.givenUp.get() > before);
  }

  @Test
  void readsABodyThatHadToWait() throws Exception {
    String json = "{\"string\":\"" + "x".repeat(60_000) + "\"}";
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(
          "POST /library/fail HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
              + "Content-Length: 14\r\n\r\n{\"delay\":\"9s\"}"
              + POST
              + "Content-Length: "
              + json.length()
              + "\r\n\r\n"
              + json
              + GET
              + "\r\n");

      assertThat(client.answer()).startsWith("HTTP/1.1 504 ");
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ").contains("x".repeat(60_000));
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ").contains("\"bookId\":\"b1\"");
    }
  }

  @Test
  void forgetsConnectionsWhoseClientsLeaveInTheMiddle() throws IOException {
    for (int i = 0; i < 50; i++) {
      try (RawHttp client = new RawHttp(fixture.edge.port())) {
        client.send(
            (i % 2 == 0 ? GET : POST + "Content-Length: 100\r\n\r\n{").substring(0, 20 + i % 20));
      }
    }
    await().untilAsserted(() -> assertThat(fixture.edge.connections()).isLessThanOrEqualTo(1));
  }
}
