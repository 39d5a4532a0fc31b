package dev.weft.edge;

import static dev.weft.edge.RawHttp2.CONTINUATION;
import static dev.weft.edge.RawHttp2.DATA;
import static dev.weft.edge.RawHttp2.END_HEADERS;
import static dev.weft.edge.RawHttp2.END_STREAM;
import static dev.weft.edge.RawHttp2.GOAWAY;
import static dev.weft.edge.RawHttp2.HEADERS;
import static dev.weft.edge.RawHttp2.PING;
import static dev.weft.edge.RawHttp2.PRIORITY;
import static dev.weft.edge.RawHttp2.RST_STREAM;
import static dev.weft.edge.RawHttp2.SETTINGS;
import static dev.weft.edge.RawHttp2.WINDOW_UPDATE;
import static dev.weft.edge.RawHttp2.bytes;
import static dev.weft.edge.RawHttp2.hpack;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.FieldSource;

/** Frames that RFC 9113 forbids, one by one, and the error that it has for each. */
class Http2FramesTest {
  private static final int PROTOCOL_ERROR = 1;
  private static final int FLOW_CONTROL_ERROR = 3;
  private static final int STREAM_CLOSED = 5;
  private static final int FRAME_SIZE_ERROR = 6;
  private static final int COMPRESSION_ERROR = 9;

  private static final int PUSH_PROMISE = 5;
  private static final int PADDED = 8;

  private static final byte[] REQUEST =
      hpack(":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/library/books/b");
  private static final byte[] POST =
      hpack(
          ":method",
          "POST",
          ":scheme",
          "http",
          ":authority",
          "a",
          ":path",
          "/library/echo",
          "content-type",
          "application/json");

  private static EdgeFixture fixture;
  private static Held before;

  @BeforeAll
  static void open() throws Exception {
    fixture = EdgeFixture.with(new LibraryService());
    before = Held.now();
  }

  @AfterAll
  static void close() throws Exception {
    fixture.close(before);
  }

  private static Arguments frames(String name, int error, byte[]... frames) {
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    for (byte[] frame : frames) {
      all.writeBytes(frame);
    }
    return Arguments.of(name, error, all.toByteArray());
  }

  private static byte[] hex(String hex) {
    return HexFormat.of().parseHex(hex);
  }

  static final List<Arguments> OF_CONNECTIONS =
      List.of(
          frames("a body of no stream", PROTOCOL_ERROR, bytes(DATA, 0, 0, hex("00"))),
          frames("a body before its request", PROTOCOL_ERROR, bytes(DATA, 0, 1, hex("00"))),
          frames("a request of no stream", PROTOCOL_ERROR, bytes(HEADERS, END_HEADERS, 0, REQUEST)),
          frames(
              "a stream that is not the client's",
              PROTOCOL_ERROR,
              bytes(HEADERS, END_HEADERS, 2, REQUEST)),
          frames("a reset of nothing", PROTOCOL_ERROR, bytes(RST_STREAM, 0, 1, hex("00000008"))),
          frames("a reset of no stream", PROTOCOL_ERROR, bytes(RST_STREAM, 0, 0, hex("00000008"))),
          frames("room for nothing", PROTOCOL_ERROR, bytes(WINDOW_UPDATE, 0, 1, hex("00000008"))),
          frames("settings of a stream", PROTOCOL_ERROR, bytes(SETTINGS, 0, 1)),
          frames("half a setting", FRAME_SIZE_ERROR, bytes(SETTINGS, 0, 0, hex("000300"))),
          frames(
              "settings that are acknowledged and said",
              FRAME_SIZE_ERROR,
              bytes(SETTINGS, 1, 0, hex("000300000001"))),
          frames(
              "neither push nor none", PROTOCOL_ERROR, bytes(SETTINGS, 0, 0, hex("000200000002"))),
          frames(
              "a window beyond any",
              FLOW_CONTROL_ERROR,
              bytes(SETTINGS, 0, 0, hex("000480000000"))),
          frames("frames too small", PROTOCOL_ERROR, bytes(SETTINGS, 0, 0, hex("000500000001"))),
          frames("a ping of a stream", PROTOCOL_ERROR, bytes(PING, 0, 1, new byte[8])),
          frames("a short ping", FRAME_SIZE_ERROR, bytes(PING, 0, 0, new byte[7])),
          frames("an end of a stream", PROTOCOL_ERROR, bytes(GOAWAY, 0, 1, new byte[8])),
          frames("a short reset", FRAME_SIZE_ERROR, bytes(RST_STREAM, 0, 1, new byte[3])),
          frames("a short window", FRAME_SIZE_ERROR, bytes(WINDOW_UPDATE, 0, 0, new byte[3])),
          frames(
              "a longer frame than there may be",
              FRAME_SIZE_ERROR,
              bytes(HEADERS, END_HEADERS, 1, POST),
              bytes(DATA, 0, 1, new byte[16_385])),
          frames("more of nothing", PROTOCOL_ERROR, bytes(CONTINUATION, END_HEADERS, 1, REQUEST)),
          frames(
              "a frame within a header",
              PROTOCOL_ERROR,
              bytes(HEADERS, 0, 1, REQUEST),
              bytes(PING, 0, 0, new byte[8])),
          frames(
              "more of another header",
              PROTOCOL_ERROR,
              bytes(HEADERS, 0, 1, REQUEST),
              bytes(CONTINUATION, END_HEADERS, 3, new byte[0])),
          frames(
              "a field of no table",
              COMPRESSION_ERROR,
              bytes(HEADERS, END_HEADERS | END_STREAM, 1, hex("ff80ffff03"))),
          frames(
              "a table larger than agreed on",
              COMPRESSION_ERROR,
              bytes(HEADERS, END_HEADERS | END_STREAM, 1, hex("3fe1ffff03"))),
          frames("a promise", PROTOCOL_ERROR, bytes(PUSH_PROMISE, END_HEADERS, 1, hex("00000002"))),
          frames(
              "more padding than frame",
              PROTOCOL_ERROR,
              bytes(HEADERS, END_HEADERS | PADDED, 1, hex("ff00"))));

  @ParameterizedTest(name = "{0}")
  @FieldSource("OF_CONNECTIONS")
  void endsAConnection(String name, int error, byte[] frames) throws Exception {
    try (RawHttp2 client = new RawHttp2(fixture.edge.port())) {
      client.send(frames);
      assertThat(client.next(GOAWAY).error()).isEqualTo(error);
    }
    assertServed();
  }

  static final List<Arguments> OF_STREAMS =
      List.of(
          frames(
              "one that depends on itself",
              PROTOCOL_ERROR,
              bytes(HEADERS, END_HEADERS, 1, POST),
              bytes(PRIORITY, 0, 1, hex("0000000110"))),
          frames(
              "a second header that is not the last",
              PROTOCOL_ERROR,
              bytes(HEADERS, END_HEADERS, 1, POST),
              bytes(HEADERS, END_HEADERS, 1, hpack("x", "y"))),
          frames(
              "trailers with a path",
              PROTOCOL_ERROR,
              bytes(HEADERS, END_HEADERS, 1, POST),
              bytes(HEADERS, END_HEADERS | END_STREAM, 1, hpack(":path", "/"))),
          frames(
              "a body behind its end",
              STREAM_CLOSED,
              bytes(HEADERS, END_HEADERS, 1, POST),
              bytes(DATA, END_STREAM, 1, hex("7b7d")),
              bytes(DATA, END_STREAM, 1, hex("7b7d"))));

  @ParameterizedTest(name = "{0}")
  @FieldSource("OF_STREAMS")
  void callsOffAStream(String name, int error, byte[] frames) throws Exception {
    try (RawHttp2 client = new RawHttp2(fixture.edge.port())) {
      client.send(frames);
      assertThat(client.next(RST_STREAM))
          .returns(1, RawHttp2.Frame::stream)
          .returns(error, RawHttp2.Frame::error);
      client.get(3, "/library/books/b1");
      assertThat(client.answer(3).status()).isEqualTo(200);
    }
  }

  private static void assertServed() throws Exception {
    assertThat(fixture.get("/library/books/b1").statusCode()).isEqualTo(200);
  }
}
