package dev.weft.edge;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Bodies of many JSON documents, each of which is a message, through a whole edge. */
class ClientStreamTest {
  private static final String LINES = "application/x-ndjson";
  private static final String ARRAY = "application/json";
  private static final LibraryService LIBRARY = new LibraryService();
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
    assertThat(add(LINES, book("x")).body()).isEqualTo("{\"count\":1,\"titles\":\"x\"}");
  }

  private static HttpResponse<String> add(String contentType, String body) throws Exception {
    return fixture.send("POST", "/library/books:add", body, "Content-Type", contentType);
  }

  private static String book(String title) {
    return "{\"book\":{\"title\":\"" + title + "\"}}";
  }

  @Test
  void takesOneMessageALine() throws Exception {
    String three = book("x") + "\n\r\n  " + book("y") + "\r\n\n" + book("z");
    for (String body : List.of(three, three + "\n")) {
      HttpResponse<String> answer = add(LINES, body);
      assertThat(answer.statusCode()).isEqualTo(200);
      assertThat(answer.body()).isEqualTo("{\"count\":3,\"titles\":\"xyz\"}");
    }
  }

  @Test
  void takesTheElementsOfAnArrayWhateverIsInThem() throws Exception {
    String odd = book("],[}{,\\\"\\\\") + ",\n\t" + book("y\\\\");
    assertThat(add(ARRAY + "; charset=utf-8", " [ " + odd + ",{} ] \n").body())
        .as("the third has no title")
        .contains("a book has a title");
    assertThat(add(ARRAY, "[" + odd + "]").body()).isEqualTo("{\"count\":2,\"titles\":\"]y\"}");
  }

  @Test
  void takesThemHoweverTheyAreCutOnTheirWay() throws Exception {
    String json = "[" + book("\u00e9\\\"") + " , " + book("y") + "]";
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(head("/library/books:add", ARRAY));
      for (byte b : json.getBytes(UTF_8)) {
        client.send(chunk(String.valueOf((char) (b & 0xff))));
      }
      client.send("0\r\n\r\n");
      assertThat(client.answer()).contains("\"count\":2");
    }
  }

  @Test
  void takesNone() throws Exception {
    String none = "{\"count\":0,\"titles\":\"\"}";
    assertThat(add(ARRAY, "[]").body()).isEqualTo(none);
    assertThat(add(ARRAY, " [ ] ").body()).isEqualTo(none);
    assertThat(add(LINES, "\n").body()).isEqualTo(none);
    assertThat(fixture.send("POST", "/library/books:add", "").body()).isEqualTo(none);
  }

  @Test
  void saysWhichElementIsWrongAndWhereAndCallsItOff() throws Exception {
    String wrong = "{\"book\":{\"titl\":\"y\"}}";

    HttpResponse<String> answer = add(LINES, book("x") + "\n" + wrong + "\n" + book("z"));
    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(answer.body())
        .contains("\"pointer\":\"/1/book/titl\"", "element 1: ", "did you mean title?");

    int calls = LIBRARY.calls.get();
    assertThat(add(ARRAY, "[" + wrong + "]").body()).contains("\"pointer\":\"/0/book/titl\"");
    assertThat(LIBRARY.calls.get()).as("nobody was called").isEqualTo(calls);

    int givenUp = LIBRARY.givenUp.get();
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(head("/library/books:add", LINES) + chunk(book("x") + "\n"));
      await().until(() -> LIBRARY.calls.get() > calls);
      client.send(chunk(wrong + "\n"));
      assertThat(client.answer()).startsWith("HTTP/1.1 400 ").contains("element 1: ");
    }
    await().until(() -> LIBRARY.givenUp.get() > givenUp);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "1",
        "x[]",
        "\ufeff[]",
        "[",
        "[{}",
        "[{},]",
        "[,{}]",
        "[{},,{}]",
        "[{}] x",
        "[{}][{}]",
        "[{]}",
        "[}]",
        "[{} {}]",
        "[\"",
        "[\"\\\"]",
        "[{\"book\":{\"title\":\"x\"}]",
        "[[{}]]"
      })
  void refusesWhatIsNoArray(String body) throws Exception {
    HttpResponse<String> answer = add(ARRAY, body);

    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(answer.body()).containsAnyOf("MALFORMED_JSON", "INVALID_FIELD", "has a title");
  }

  @Test
  void keepsNoElementThatIsLongerThanAMessageMayBe() throws Exception {
    String long1 = book("x".repeat(70_000));
    for (String type : List.of(LINES, ARRAY)) {
      String body = type.equals(LINES) ? book("x") + "\n" + long1 : "[" + book("x") + "," + long1;
      HttpResponse<String> answer = add(type, body);
      assertThat(answer.statusCode()).isEqualTo(413);
      assertThat(answer.body()).contains("MESSAGE_TOO_LARGE", "element 1: ");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "text/plain",
        "application/x-ndjson; charset=utf-16",
        "application/jsonx",
        "application/x-www-form-urlencoded"
      })
  void refusesOtherTypes(String contentType) throws Exception {
    assertThat(add(contentType, "{}").statusCode()).isEqualTo(415);
    assertThat(
            fixture
                .send(
                    "POST",
                    "/library/books:add",
                    "{}",
                    "Content-Type",
                    LINES,
                    "Content-Encoding",
                    "gzip")
                .statusCode())
        .isEqualTo(415);
  }

  @Test
  void takesABodyOfAnyLengthAMessageAtATime() throws Exception {
    String line = book("t" + "x".repeat(8_000)) + "\n";
    HttpRequest request =
        HttpRequest.newBuilder(fixture.uri("/library/books:add"))
            .timeout(Duration.ofSeconds(30))
            .header("Content-Type", LINES)
            .POST(
                HttpRequest.BodyPublishers.ofInputStream(
                    () ->
                        new SequenceInputStream(
                            Collections.enumeration(
                                IntStream.range(0, 3_000)
                                    .<InputStream>mapToObj(
                                        _ -> new ByteArrayInputStream(line.getBytes(US_ASCII)))
                                    .toList()))))
            .build();
    assertThat(fixture.client.send(request, HttpResponse.BodyHandlers.ofString()).body())
        .startsWith("{\"count\":3000,");
  }

  @Test
  void readsNoMoreThanTheServiceTakes() throws Exception {
    try (SocketChannel client =
        SocketChannel.open(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), fixture.edge.port()))) {
      String head = head("/library/talk/deaf", LINES, "Content-Length: 90000000");
      client.write(ByteBuffer.wrap(head.getBytes(US_ASCII)));
      byte[] line = ("{\"text\":\"" + "x".repeat(30_000) + "\"}\n").getBytes(US_ASCII);
      assertThat(EdgeFixture.fill(client, line)).isBetween(1L, 30_000_000L);
    }
  }

  @Test
  void answersEachMessageOfATalkBeforeTheNext() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(head("/library/talk/t", LINES));
      for (String text : List.of("a", "b", "bye")) {
        String line = "{\"text\":\"" + text + "\"}\n";
        client.send(chunk(line));
        if (text.equals("a")) {
          assertThat(client.head()).startsWith("HTTP/1.1 200 ").contains(LINES);
        }
        assertThat(client.chunk()).isEqualTo("{\"topic\":\"t\",\"text\":\"" + text + "\"}\n");
      }
      assertThat(client.chunk()).as("the service has ended it").isEmpty();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "application/json  | [{\"topic\":\"t\",\"text\":\"a\"},{\"topic\":\"t\",\"text\":\"b\"}]",
        "text/event-stream | data: {\"topic\":\"t\",\"text\":\"a\"}"
      })
  void answersATalkInTheFormTheClientAccepts(String accept, String begin) throws Exception {
    HttpResponse<String> answer =
        fixture.post("/library/talk/t", "[{\"text\":\"a\"},{\"text\":\"b\"}]", "Accept", accept);

    assertThat(answer.headers().firstValue("content-type")).contains(accept);
    assertThat(answer.body().replace(":\n\n", "")).as("but for heartbeats").startsWith(begin);
  }

  @Test
  void endsATalkWithARecordWhenAMessageIsWrong() throws Exception {
    HttpResponse<String> answer =
        fixture.send(
            "POST",
            "/library/talk/t",
            "{\"text\":\"a\"}\n{\"topic\":\"u\"}\n",
            "Content-Type",
            LINES);

    // Whether the first reply was quicker than the second message, nobody knows.
    assertThat(answer.body()).contains("/1/topic", "differs from the value in the path");
  }

  @Test
  void waitsForNoClientThatSendsNothingMore() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(head("/library/books:add", ARRAY) + chunk("["));
      assertThat(client.answer()).startsWith("HTTP/1.1 408");
    }
  }

  @Test
  void waitsForNoClientThatSendsOneMessageForEver() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(head("/library/books:add", LINES));
      await()
          .pollInterval(Duration.ofMillis(100))
          .until(
              () -> {
                client.send(chunk(" "));
                return client.answered();
              });
      assertThat(client.answer()).startsWith("HTTP/1.1 408");
    }
  }

  private static String chunk(String latin1) {
    return Integer.toHexString(latin1.length()) + "\r\n" + latin1 + "\r\n";
  }

  private static String head(String path, String contentType) {
    return head(path, contentType, "Transfer-Encoding: chunked");
  }

  private static String head(String path, String contentType, String length) {
    return String.join(
        "\r\n",
        "POST " + path + " HTTP/1.1",
        "Host: a",
        "Content-Type: " + contentType,
        length,
        "",
        "");
  }
}
