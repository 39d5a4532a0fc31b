package dev.weft.edge;

import static dev.weft.edge.RawWebSocket.BINARY;
import static dev.weft.edge.RawWebSocket.CLOSE;
import static dev.weft.edge.RawWebSocket.CONTINUATION;
import static dev.weft.edge.RawWebSocket.FIN;
import static dev.weft.edge.RawWebSocket.PING;
import static dev.weft.edge.RawWebSocket.PONG;
import static dev.weft.edge.RawWebSocket.TEXT;
import static dev.weft.edge.RawWebSocket.frame;
import static dev.weft.edge.RawWebSocket.handshake;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.FieldSource;

/**
 * Handshakes and frames that are not as RFC 6455 has them, or too many or too slow. Each ends its
 * own connection with the code for it and its call, and the edge serves others as before.
 */
class HostileWebSocketTest {
  private static final String TALK = "/library/talk/t";
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
    assertThat(fixture.get("/library/books/b1").statusCode()).isEqualTo(200);
    try (RawWebSocket client = talk()) {
      client.say("{\"text\":\"bye\"}");
      assertThat(client.next().text()).contains("bye");
      assertThat(client.next().code()).isEqualTo(1000);
    }
  }

  private static RawWebSocket talk() throws IOException {
    return RawWebSocket.open(fixture.edge.port(), TALK);
  }

  private static Arguments frames(String name, int code, byte[]... frames) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] frame : frames) {
      all.writeBytes(frame);
    }
    return Arguments.of(name, code, all.toByteArray());
  }

  private static byte[] hex(String hex) {
    return HexFormat.of().parseHex(hex);
  }

  static final List<Arguments> VIOLATIONS =
      List.of(
          frames("a frame without a mask", 1002, hex("81027b7d")),
          frames("the first reserved bit", 1002, frame(FIN | 0x40 | TEXT, "{}")),
          frames("the second reserved bit", 1002, frame(FIN | 0x20 | TEXT, "{}")),
          frames("the third reserved bit", 1002, frame(FIN | 0x10 | TEXT, "{}")),
          frames("a reserved kind of data", 1002, frame(FIN | 3, "{}")),
          frames("a reserved kind of control", 1002, frame(FIN | 11, "{}")),
          frames("a ping in parts", 1002, frame(PING, "")),
          frames("a close in parts", 1002, frame(CLOSE, hex("03e8"))),
          frames("a ping that is too long", 1002, frame(FIN | PING, "x".repeat(126))),
          frames("a part of nothing", 1002, frame(FIN | CONTINUATION, "{}")),
          frames("a message in a message", 1002, frame(TEXT, "{"), frame(FIN | TEXT, "}")),
          frames("a length in too many bytes", 1002, hex("81fe0002123456786949")),
          frames("a length that is negative", 1002, hex("81ffffffffffffffffff12345678")),
          frames("a close with half a code", 1002, frame(FIN | CLOSE, hex("03"))),
          frames("a close with a code nobody sends", 1002, frame(FIN | CLOSE, hex("03ed"))),
          frames("a close for a reason that is no text", 1007, frame(FIN | CLOSE, hex("03e8ff"))),
          frames("bytes that are no text", 1007, frame(FIN | TEXT, hex("22c32822"))),
          frames("half a surrogate", 1007, frame(FIN | TEXT, hex("22eda08022"))),
          frames(
              "a part that is no text",
              1007,
              frame(TEXT, "\""),
              frame(CONTINUATION, hex("c3")),
              frame(FIN | CONTINUATION, hex("28"))),
          frames("text that ends too early", 1007, frame(FIN | TEXT, hex("22c3"))),
          frames("bytes", 1003, frame(FIN | BINARY, hex("0a0178"))),
          frames("bytes in parts", 1003, frame(BINARY, "a"), frame(FIN | CONTINUATION, "b")),
          frames("a message that is too long", 1009, frame(FIN | TEXT, "x".repeat(65_537))),
          frames("one that will be", 1009, hex("81ff000000007fffffff12345678")),
          frames(
              "parts that are too long together",
              1009,
              frame(TEXT, "x".repeat(40_000)),
              frame(FIN | CONTINUATION, "x".repeat(40_000))));

  @ParameterizedTest(name = "{0}")
  @FieldSource("VIOLATIONS")
  void endsWhatIsNoWebSocketAnyMore(String name, int code, byte[] frames) throws Exception {
    int givenUp = LIBRARY.givenUp.get();
    try (RawWebSocket client = talk()) {
      client.say("{\"text\":\"before\"}");
      assertThat(client.next().text()).contains("before");
      client.send(frames);

      assertThat(client.next(CLOSE).code()).isEqualTo(code);
      assertThat(client.ends()).isTrue();
    }
    await().until(() -> LIBRARY.givenUp.get() > givenUp);
  }

  static final List<Arguments> WRONG =
      List.of(
          Arguments.of("no JSON", "{", "MALFORMED_JSON"),
          Arguments.of("no object", "[]", "/1"),
          Arguments.of("an unknown field", "{\"txt\":1}", "/1/txt"),
          Arguments.of("a field twice", "{\"text\":\"a\",\"text\":\"b\"}", "/1/text"),
          Arguments.of("what the path says otherwise", "{\"topic\":\"u\"}", "/1/topic"),
          Arguments.of("too deep", "[".repeat(60_000), "/1"));

  @ParameterizedTest(name = "{0}")
  @FieldSource("WRONG")
  void saysWhatIsWrongWithAMessageAndWithWhich(String name, String json, String told)
      throws Exception {
    try (RawWebSocket client = talk()) {
      client.say("{\"text\":\"good\"}");
      assertThat(client.next().text()).contains("good");
      client.say(json);

      assertThat(client.next().text())
          .startsWith("{\"error\":{\"type\":")
          .contains(told, "element 1: ");
      assertThat(client.next().code()).isEqualTo(4003);
    }
  }

  static final List<Arguments> HANDSHAKES =
      List.of(
          Arguments.of("an old version", changed("Version: 13", "Version: 8"), 426),
          Arguments.of("two versions", handshake(TALK, "Sec-WebSocket-Version: 13"), 426),
          Arguments.of("no key", changed("Sec-WebSocket-Key", "X-Key"), 400),
          Arguments.of("a short key", changed("dGhlIHNhbXBsZSBub25jZQ==", "dGhl"), 400),
          Arguments.of("a key that is none", changed("dGhlIHNhbXBs", "%%%%%%%%%%%%"), 400),
          Arguments.of("two keys", handshake(TALK, "Sec-WebSocket-Key: x"), 400),
          Arguments.of("a body", handshake(TALK, "Content-Length: 2") + "{}", 400),
          Arguments.of("a frame before the answer", handshake(TALK) + "\u0081\u0082abcd{}", 400),
          Arguments.of("another request before it", handshake(TALK) + handshake(TALK), 400),
          Arguments.of("another origin", handshake(TALK, "Origin: https://evil.example"), 403),
          Arguments.of("no origin", handshake(TALK, "Origin: null"), 403),
          Arguments.of("a longer origin", handshake(TALK, "Origin: https://a.evil.example"), 403),
          Arguments.of("another port", handshake(TALK, "Origin: http://a:81"), 403),
          Arguments.of(
              "two origins", handshake(TALK, "Origin: http://a", "Origin: http://b"), 403));

  private static String changed(String from, String to) {
    return handshake(TALK).replace(from, to);
  }

  @ParameterizedTest(name = "{0}")
  @FieldSource("HANDSHAKES")
  void answersAHandshakeThatIsNoneAsARequest(String name, String head, int status)
      throws Exception {
    int calls = LIBRARY.calls.get();
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(head);

      String answer = client.answer();
      assertThat(answer).startsWith("HTTP/1.1 " + status + " ").contains("\"requestId\":");
      if (status == 426) {
        assertThat(answer).containsIgnoringCase("sec-websocket-version: 13");
      }
      assertThat(LIBRARY.calls.get()).isEqualTo(calls);
    }
  }

  static final List<Arguments> ORIGINS =
      List.of(
          Arguments.of("its own", "Origin: http://a"),
          Arguments.of("its own, where a proxy ends TLS", "Origin: https://A"),
          Arguments.of("a listed one", "Origin: https://shop.example"));

  @ParameterizedTest(name = "{0}")
  @FieldSource("ORIGINS")
  void letsPagesInThatMay(String name, String origin) throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(handshake(TALK, origin));
      assertThat(client.head())
          .startsWith("HTTP/1.1 101 ")
          .containsIgnoringCase("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
          .doesNotContainIgnoringCase("sec-websocket-extensions");
    }
  }

  @Test
  void offersNoExtension() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(handshake(TALK, "Sec-WebSocket-Extensions: permessage-deflate"));
      assertThat(client.head())
          .startsWith("HTTP/1.1 101 ")
          .doesNotContainIgnoringCase("sec-websocket-extensions");
    }
  }

  @Test
  void answersAnUpgradeThatIsOfNoUseAsIfItWereNone() throws Exception {
    for (String path : List.of("/library/books/b1", "/library/books/b:download?parts=0")) {
      try (RawHttp client = new RawHttp(fixture.edge.port())) {
        client.send(handshake(path));
        assertThat(client.answer()).as(path).startsWith("HTTP/1.1 200 ");
      }
    }
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(handshake("/library/nothing"));
      assertThat(client.answer()).startsWith("HTTP/1.1 404 ");
    }
  }

  @Test
  void looksAfterAClientThatIsQuietAndLeavesOneThatDoesNotAnswer() throws Exception {
    try (RawWebSocket client = talk()) {
      for (int i = 0; i < 2; i++) {
        assertThat(client.next().opcode()).isEqualTo(PING);
        client.send(frame(FIN | PONG, ""));
      }
      int givenUp = LIBRARY.givenUp.get();
      assertThat(client.next().opcode()).isEqualTo(PING);
      assertThatThrownBy(client::next).isInstanceOf(EOFException.class);
      await().until(() -> LIBRARY.givenUp.get() > givenUp);
    }
  }

  @Test
  void answersPingsAlsoWithinAMessage() throws Exception {
    try (RawWebSocket client = talk()) {
      client.send(frame(TEXT, "{\"text\":"));
      client.send(frame(FIN | PING, "here?"));
      assertThat(client.next()).returns(PONG, RawWebSocket.Frame::opcode);
      client.send(frame(FIN | CONTINUATION, "\"x\"}"));
      assertThat(client.next().text()).isEqualTo("{\"topic\":\"t\",\"text\":\"x\"}");
    }
  }

  @Test
  void endsOneThatAsksAndDoesNotRead() throws Exception {
    int givenUp = LIBRARY.givenUp.get();
    try (RawWebSocket client = talk()) {
      byte[] ping = frame(FIN | PING, "x".repeat(125));
      ByteArrayOutputStream many = new ByteArrayOutputStream();
      for (int i = 0; i < 1_000; i++) {
        many.writeBytes(ping);
      }
      Thread sender =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      while (true) {
                        client.send(many.toByteArray());
                      }
                    } catch (IOException e) {
                      // It has had enough.
                    }
                  });
      assertThat(sender.join(Duration.ofSeconds(20))).isTrue();
    }
    await().until(() -> LIBRARY.givenUp.get() > givenUp);
  }

  @Test
  void waitsForNoFirstMessageThatDoesNotCome() throws Exception {
    String watch = "/library.v1.Library/WatchBook";
    try (RawWebSocket client = RawWebSocket.open(fixture.edge.port(), watch)) {
      assertThat(client.next(TEXT).text()).contains("REQUEST_TIMEOUT");
      assertThat(client.next().code()).isEqualTo(4004);
    }
  }
}
