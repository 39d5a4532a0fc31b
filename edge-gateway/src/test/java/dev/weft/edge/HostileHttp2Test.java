package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.FieldSource;

/**
 * Frames that are no requests beyond doubt, or too many of them, or too slow. None may reach a
 * service, and after each the edge serves others as before.
 */
class HostileHttp2Test {
  private static final int PROTOCOL_ERROR = 1;
  private static final int NO_ERROR = 0;
  private static final int FLOW_CONTROL_ERROR = 3;
  private static final int REFUSED_STREAM = 7;
  private static final int ENHANCE_YOUR_CALM = 11;
  private static final byte[] EIGHT = new byte[8];
  private static final byte[] ONE = {0, 0, 0, 1};
  private static final byte[] MOST = {0x7f, -1, -1, -1};

  private static final LibraryService LIBRARY = new LibraryService();
  private static EdgeFixture fixture;
  private static Held before;

  @BeforeAll
  static void open() throws Exception {
    Http2Limits few =
        new Http2Limits(
            100, 64 * 1024, 1024 * 1024, 300_000, 10_000_000, 200, Duration.ofMinutes(5));
    fixture = EdgeFixture.with(LIBRARY, EdgeFixture.QUICK.with(few));
    before = Held.now();
  }

  @AfterAll
  static void close() throws Exception {
    fixture.close(before);
  }

  @AfterEach
  void stillServes() throws Exception {
    try (RawHttp2 client = connect()) {
      assertServed(client, 1);
    }
  }

  private static RawHttp2 connect() throws Exception {
    return new RawHttp2(fixture.edge.port());
  }

  private static void assertServed(RawHttp2 client, int stream) throws IOException {
    client.get(stream, "/library/books/b1");
    assertThat(client.answer(stream).status()).isEqualTo(200);
  }

  static final List<Arguments> MALFORMED =
      List.of(
          fields("no method", ":scheme", "http", ":authority", "a", ":path", "/library/books/b"),
          fields("no path", ":method", "GET", ":scheme", "http", ":authority", "a"),
          fields("an empty path", ":method", "GET", ":scheme", "http", ":path", ""),
          fields("no scheme", ":method", "GET", ":authority", "a", ":path", "/library/books/b"),
          more("two paths", ":path", "/library/books/c"),
          more("two methods", ":method", "GET"),
          more("an unknown pseudo-header", ":color", "red"),
          more("one of answers", ":status", "200"),
          more("a pseudo-header behind others", "x", "y", ":scheme", "http"),
          more("a large letter", "X-Color", "red"),
          more("a connection header", "connection", "close"),
          more("a coding of HTTP/1", "transfer-encoding", "chunked"),
          more("an upgrade", "upgrade", "websocket"),
          more("a proxy's", "proxy-connection", "keep-alive"),
          more("other trailers", "te", "gzip"),
          more("another host", "host", "b"),
          more("a NUL", "x", "a\0b"),
          more("a line end", "x", "a\nb: c"),
          more("a return", "x", "a\rb"),
          more("a name with a space", "x y", "z"),
          more("no name", "", "z"),
          more("a length that is no number", "content-length", "+5"),
          more("two lengths", "content-length", "0", "content-length", "1"),
          more("a length without a body", "content-length", "5"));

  private static Arguments fields(String name, String... fields) {
    return Arguments.of(name, fields);
  }

  private static Arguments more(String name, String... more) {
    String[] good = {
      ":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/library/books/b"
    };
    String[] all = new String[good.length + more.length];
    System.arraycopy(good, 0, all, 0, good.length);
    System.arraycopy(more, 0, all, good.length, more.length);
    return Arguments.of(name, all);
  }

  @ParameterizedTest(name = "{0}")
  @FieldSource("MALFORMED")
  void callsOffWhatIsNoRequest(String name, String[] fields) throws Exception {
    int calls = LIBRARY.calls.get();
    try (RawHttp2 client = connect()) {
      client.headers(1, RawHttp2.END_STREAM, fields);

      assertThat(client.next(RawHttp2.RST_STREAM))
          .returns(1, RawHttp2.Frame::stream)
          .returns(PROTOCOL_ERROR, RawHttp2.Frame::error);
      assertThat(LIBRARY.calls.get()).isEqualTo(calls);
      assertServed(client, 3);
    }
  }

  /** What the length says, and the body. Netty counts, and nothing here does it again. */
  static final List<Arguments> OTHER_LENGTHS =
      List.of(Arguments.of("5", "{}"), Arguments.of("1", "{}"), Arguments.of("0", "{}"));

  @ParameterizedTest
  @FieldSource("OTHER_LENGTHS")
  void callsOffABodyThatIsNotAsLongAsItWasToBe(String length, String body) throws Exception {
    int calls = LIBRARY.calls.get();
    try (RawHttp2 client = connect()) {
      String[] more = {"content-type", "application/json", "content-length", length};
      client.request(1, 0, "POST", "/library/echo", more);
      client.data(1, RawHttp2.END_STREAM, body);

      assertThat(client.next(RawHttp2.RST_STREAM))
          .returns(1, RawHttp2.Frame::stream)
          .returns(PROTOCOL_ERROR, RawHttp2.Frame::error);
      assertThat(LIBRARY.calls.get()).isEqualTo(calls);
      assertServed(client, 3);
    }
  }

  /**
   * Paths that another server might take for that of an RPC, and RPCs that are not for strangers.
   */
  static final List<Arguments> NO_RPCS =
      List.of(
          Arguments.of("library.v1.Library/GetBook", 400),
          Arguments.of("//library.v1.Library/GetBook", 404),
          Arguments.of("/library.v1.Library/GetBook/", 404),
          Arguments.of("/library.v1.Library//GetBook", 404),
          Arguments.of("/library.v1.Library%2FGetBook", 404),
          Arguments.of("/library.v1.Library/Get%42ook", 404),
          Arguments.of("/library.v1.library/GetBook", 404),
          Arguments.of("/library.v1.Library/getBook", 404),
          Arguments.of("/library.v1.Library", 404),
          Arguments.of("/library.v1.Library/Internal", 404),
          Arguments.of("/library.v1.Library/Hidden", 404),
          Arguments.of("/no.Such/Method", 404),
          Arguments.of("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", 404),
          Arguments.of("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", 404),
          Arguments.of("/grpc.health.v1.Health/Check", 404),
          Arguments.of("/grpc.channelz.v1.Channelz/GetTopChannels", 404),
          Arguments.of("/weft.admin.v1.EventAdminService/ListDeadLetters", 404),
          Arguments.of("/weft.identity.v1.IdentityService/ListKeys", 404));

  @ParameterizedTest(name = "{0}")
  @FieldSource("NO_RPCS")
  void offersNoRpcByAnotherName(String path, int status) throws Exception {
    int calls = LIBRARY.calls.get();
    try (RawHttp2 client = connect()) {
      client.request(1, 0, "POST", path, GRPC);
      client.data(1, RawHttp2.END_STREAM, "\0\0\0\0\0");

      RawHttp2.Answer answer = client.answer(1);
      if (answer.status() == 200) {
        assertThat(answer.head().getOrDefault("grpc-status", "")).isEqualTo("12");
      } else {
        assertThat(answer.status()).isEqualTo(status);
      }
      assertServed(client, 3);
    }
    assertThat(LIBRARY.calls.get()).isEqualTo(calls + 1);
  }

  private static final String[] GRPC = {"content-type", "application/grpc", "te", "trailers"};

  /** Name, body with the five bytes before each message, encoding, status of gRPC. */
  static final List<Arguments> FRAMES =
      List.of(
          Arguments.of("nothing", "", "identity", 12),
          Arguments.of("half a prefix", "000000", "identity", 3),
          Arguments.of("half a message", "000000000a0a0161", "identity", 3),
          Arguments.of("longer than a message may be", "0000400001", "identity", 8),
          Arguments.of("longer than an int", "00ffffffff", "identity", 8),
          Arguments.of("a flag of nothing", "0200000000", "identity", 3),
          Arguments.of("the flag of trailers", "8000000000", "identity", 3),
          Arguments.of("compressed with nothing", "0100000000", "identity", 3),
          Arguments.of("compressed and it is not", "01000000020a00", "gzip", 3),
          Arguments.of("an unknown encoding", "0000000000", "lzma", 12),
          Arguments.of("two encodings", "0000000000", "gzip,identity", 12),
          Arguments.of("two messages for one", "00000000000000000000", "identity", 12),
          Arguments.of("a bomb", bomb(), "gzip", 3));

  /** A message of two mebibytes in two kilobytes. */
  private static String bomb() {
    HexFormat hex = HexFormat.of();
    byte[] small = ContentCoding.GZIP.encode(new byte[2 << 20]);
    return "01" + hex.toHexDigits(small.length) + hex.formatHex(small);
  }

  @ParameterizedTest(name = "{0}")
  @FieldSource("FRAMES")
  void takesNoFrameOfGrpcThatIsNone(String name, String hex, String encoding, int status)
      throws Exception {
    assertRefused(HexFormat.of().parseHex(hex), status, "grpc-encoding", encoding);
  }

  static final List<Arguments> METADATA =
      List.of(
          Arguments.of("grpc-timeout", "0n", 4),
          Arguments.of("grpc-timeout", "-1S", 3),
          Arguments.of("grpc-timeout", "999999999S", 3),
          Arguments.of("grpc-timeout", "1", 3),
          Arguments.of("grpc-timeout", "S", 3),
          Arguments.of("grpc-timeout", "1s", 3),
          Arguments.of("grpc-metadata-x-new-bin", "***", 3),
          Arguments.of("grpc-metadata-a!", "b", 3));

  @ParameterizedTest(name = "{0}: {1}")
  @FieldSource("METADATA")
  void takesNoMetadataOfGrpcThatIsNone(String name, String value, int status) throws Exception {
    assertRefused(new byte[5], status, name, value);
  }

  private static void assertRefused(byte[] body, int status, String name, String value)
      throws Exception {
    int calls = LIBRARY.calls.get();
    try (RawHttp2 client = connect()) {
      String[] more = {GRPC[0], GRPC[1], GRPC[2], GRPC[3], name, value};
      client.request(1, 0, "POST", "/library.v1.Library/GetBook", more);
      client.frame(RawHttp2.DATA, RawHttp2.END_STREAM, 1, body);

      RawHttp2.Answer answer = client.answer(1);
      assertThat(answer.status()).isEqualTo(200);
      Map<String, String> end = answer.trailers().isEmpty() ? answer.head() : answer.trailers();
      assertThat(end).containsEntry("grpc-status", "" + status);
      assertThat(end.toString()).doesNotContain("netty", "Exception", "java.");
      assertServed(client, 3);
    }
    assertThat(LIBRARY.calls.get()).isEqualTo(calls + 1);
  }

  static final List<Arguments> REFUSED =
      List.of(
          Arguments.of("GET", "*", 400),
          Arguments.of("OPTIONS", "*", 400),
          Arguments.of("GET", "library/books/b1", 400),
          Arguments.of("GET", "http://a/library/books/b1", 400),
          Arguments.of("GET", "/library/../x", 400),
          Arguments.of("GET", "/library/books/b1#x", 400),
          Arguments.of("GET", "/" + "a".repeat(5_000), 414),
          Arguments.of("TRACE", "/library/books/b1", 501),
          Arguments.of("get", "/library/books/b1", 405));

  @ParameterizedTest(name = "{0} {1}")
  @FieldSource("REFUSED")
  void refusesAsOverHttp1(String method, String path, int status) throws Exception {
    try (RawHttp2 client = connect()) {
      client.request(1, RawHttp2.END_STREAM, method, path);
      RawHttp2.Answer answer = client.answer(1);
      assertThat(answer.status()).isEqualTo(status);
      assertThat(answer.body()).contains("\"requestId\":").doesNotContain("netty", "Exception");
      assertServed(client, 3);
    }
  }

  @Test
  void refusesAHeaderThatIsTooLong() throws Exception {
    try (RawHttp2 client = connect()) {
      client.get(1, "/library/books/b1", "x", "y".repeat(9_000));
      assertThat(client.answer(1).status()).isEqualTo(431);
      String[] many = new String[202];
      for (int i = 0; i < many.length; i += 2) {
        many[i] = "x";
        many[i + 1] = "";
      }
      client.get(3, "/library/books/b1", many);
      assertThat(client.answer(3).status()).isEqualTo(431);
      assertServed(client, 5);
      client.get(7, "/library/books/b1", "x", "y".repeat(12_000));
      assertThat(client.farewell()).as("much too long").isPositive();
    }
  }

  @Test
  void endsAConnectionThatAsksAndCallsOff() throws Exception {
    int calls = LIBRARY.calls.get();
    try (RawHttp2 client = connect()) {
      ByteArrayOutputStream many = new ByteArrayOutputStream();
      byte[] head =
          RawHttp2.hpack(
              ":method", "GET", ":scheme", "http", ":authority", "a", ":path", "/library/books/b");
      for (int i = 1; i < 20_000; i += 2) {
        many.writeBytes(
            RawHttp2.bytes(RawHttp2.HEADERS, RawHttp2.END_STREAM | RawHttp2.END_HEADERS, i, head));
        many.writeBytes(
            RawHttp2.bytes(RawHttp2.RST_STREAM, 0, i, (byte) 0, (byte) 0, (byte) 0, (byte) 8));
      }
      flood(client, many.toByteArray());
      assertThat(client.farewell()).isEqualTo(ENHANCE_YOUR_CALM);
    }
    assertThat(LIBRARY.calls.get() - calls).isLessThan(1_000);
  }

  private static final byte[] BEGUN =
      RawHttp2.hpack(
          ":method",
          "POST",
          ":scheme",
          "http",
          ":authority",
          "a",
          ":path",
          "/library/echo",
          "content-type",
          "application/json",
          "content-length",
          "1");

  /** What follows on the beginning of a request, so that the edge calls it off. */
  static final List<Arguments> PROVOKED =
      List.of(
          Arguments.of("no room at all", RawHttp2.WINDOW_UPDATE, new byte[4]),
          Arguments.of("room beyond any", RawHttp2.WINDOW_UPDATE, MOST),
          Arguments.of("more than was said", RawHttp2.DATA, new byte[2]),
          Arguments.of("a body that waits for itself", RawHttp2.PRIORITY, null),
          Arguments.of("a second beginning", RawHttp2.HEADERS, RawHttp2.hpack("x", "y")));

  @ParameterizedTest(name = "{0}")
  @FieldSource("PROVOKED")
  void endsAConnectionThatMakesTheEdgeCallOff(String name, int type, byte[] payload)
      throws Exception {
    int calls = LIBRARY.calls.get();
    try (RawHttp2 client = connect()) {
      ByteArrayOutputStream many = new ByteArrayOutputStream();
      for (int i = 1; i < 2_000; i += 2) {
        many.writeBytes(RawHttp2.bytes(RawHttp2.HEADERS, RawHttp2.END_HEADERS, i, BEGUN));
        byte[] own = payload == null ? ByteBuffer.allocate(5).putInt(i).array() : payload;
        many.writeBytes(RawHttp2.bytes(type, RawHttp2.END_HEADERS, i, own));
      }
      flood(client, many.toByteArray());
      assertThat(client.farewell()).isEqualTo(ENHANCE_YOUR_CALM);
    }
    assertThat(LIBRARY.calls.get()).isEqualTo(calls);
  }

  static final List<Arguments> FLOODS =
      List.of(
          Arguments.of("PING", RawHttp2.bytes(RawHttp2.PING, 0, 0, EIGHT)),
          Arguments.of("answers to no PING", RawHttp2.bytes(RawHttp2.PING, 1, 0, EIGHT)),
          Arguments.of("SETTINGS", RawHttp2.bytes(RawHttp2.SETTINGS, 0, 0)),
          Arguments.of("GOAWAY", RawHttp2.bytes(RawHttp2.GOAWAY, 0, 0, EIGHT)),
          Arguments.of("PRIORITY", RawHttp2.bytes(RawHttp2.PRIORITY, 0, 1, new byte[5])),
          Arguments.of("a type nobody knows", RawHttp2.bytes(99, 0, 0, EIGHT)));

  @ParameterizedTest(name = "{0}")
  @FieldSource("FLOODS")
  void endsAConnectionThatIsBusyWithNothing(String name, byte[] frame) throws Exception {
    try (RawHttp2 client = connect()) {
      ByteArrayOutputStream many = new ByteArrayOutputStream();
      for (int i = 0; i < 10_000; i++) {
        many.writeBytes(frame);
      }
      flood(client, many.toByteArray());
      assertThat(client.farewell()).isEqualTo(ENHANCE_YOUR_CALM);
    }
  }

  @Test
  void endsAConnectionThatSendsEmptyPartsOfABody() throws Exception {
    try (RawHttp2 client = connect()) {
      client.request(1, 0, "POST", "/library/echo", "content-type", "application/json");
      ByteArrayOutputStream many = new ByteArrayOutputStream();
      for (int i = 0; i < 1_000; i++) {
        many.writeBytes(RawHttp2.bytes(RawHttp2.DATA, 0, 1));
      }
      flood(client, many.toByteArray());
      assertThat(client.farewell()).isEqualTo(ENHANCE_YOUR_CALM);
    }
  }

  @Test
  void endsAConnectionWhoseHeaderDoesNotEnd() throws Exception {
    try (RawHttp2 client = connect()) {
      ByteArrayOutputStream many = new ByteArrayOutputStream();
      many.writeBytes(RawHttp2.bytes(RawHttp2.HEADERS, 0, 1, RawHttp2.hpack(":method", "GET")));
      byte[] more = RawHttp2.hpack("x", "y".repeat(10_000));
      for (int i = 0; i < 10_000; i++) {
        many.writeBytes(
            i < 9_990
                ? RawHttp2.bytes(RawHttp2.CONTINUATION, 0, 1, (byte) 0)
                : RawHttp2.bytes(RawHttp2.CONTINUATION, 0, 1, more));
      }
      flood(client, many.toByteArray());
      assertThat(client.farewell()).isPositive();
    }
  }

  /** Whatever the edge takes of it. */
  private static void flood(RawHttp2 client, byte[] bytes) {
    try {
      client.send(bytes);
    } catch (IOException e) {
      // It has had enough.
    }
  }

  @Test
  void refusesOneRequestTooManyAtOnce() throws Exception {
    try (RawHttp2 client = connect()) {
      client.next(RawHttp2.SETTINGS);
      for (int i = 1; i <= 201; i += 2) {
        client.request(i, 0, "POST", "/library/echo", "content-type", "application/json");
      }
      assertThat(client.next(RawHttp2.RST_STREAM))
          .returns(201, RawHttp2.Frame::stream)
          .returns(REFUSED_STREAM, RawHttp2.Frame::error);
      client.data(1, RawHttp2.END_STREAM, "{}");
      assertThat(client.answer(1).status()).isEqualTo(200);
    }
  }

  @Test
  void keepsNoMoreOfBodiesThanAConnectionMayHold() throws Exception {
    try (RawHttp2 client = connect()) {
      String part = "x".repeat(16_000);
      for (int i = 1; i <= 9; i += 2) {
        client.request(i, 0, "POST", "/library/fail", "content-type", "application/json");
        for (int j = 0; j < 4; j++) {
          client.data(i, 0, part);
        }
      }
      assertThat(client.answer(9).status()).isEqualTo(503);
    }
  }

  /**
   * Streams of a connection and connections of an address, each with an answer that nobody reads,
   * are more than an edge has.
   */
  @Test
  void callsOffAnswersThatNobodyReadsWhenThereIsNoRoomForMore() throws Exception {
    int room = 300_000;
    Http2Limits little =
        new Http2Limits(
            100, 64 * 1024, 1024 * 1024, 16 * 1024 * 1024, room, 200, Duration.ofMinutes(5));
    try (EdgeFixture other =
        EdgeFixture.with(new LibraryService(), HttpLimits.DEFAULT.with(little))) {
      String page = "/library/books?page_size=100";
      int length = other.get(page).body().length();
      int kept = room / length;
      assertThat(kept).as("pages of %s bytes", length).isBetween(1, 90);
      for (int i = 0; i < 2; i++) {
        try (RawHttp2 client = RawHttp2.withWindow(other.edge.port(), 0)) {
          for (int stream = 1; stream < 200; stream += 2) {
            client.get(stream, page);
          }
          for (int off = kept; off < 100; off++) {
            assertThat(client.next(RawHttp2.RST_STREAM).error()).isEqualTo(ENHANCE_YOUR_CALM);
          }
          try (RawHttp2 reading = new RawHttp2(other.edge.port())) {
            reading.get(1, page);
            assertThat(reading.answer(1).body()).as("who holds nothing").hasSize(length);
          }
        }
        // And then there is room again.
        await().until(() -> other.edge.connections() <= 1);
      }
    }
  }

  /** Nor has it room for bodies that never end, however many connections they come by. */
  @Test
  void refusesBodiesWhenAllConnectionsTogetherHoldTooMuch() throws Exception {
    Http2Limits little =
        new Http2Limits(
            100, 64 * 1024, 1024 * 1024, 16 * 1024 * 1024, 100_000, 200, Duration.ofMinutes(5));
    try (EdgeFixture other =
            EdgeFixture.with(new LibraryService(), HttpLimits.DEFAULT.with(little));
        RawHttp2 one = new RawHttp2(other.edge.port());
        RawHttp2 two = new RawHttp2(other.edge.port())) {
      begin(one, 1);
      begin(one, 3);
      begin(one, 5);
      assertThat(one.answer(5).status()).isEqualTo(503);

      begin(two, 1);
      two.data(1, RawHttp2.END_STREAM, "{}");
      assertThat(two.answer(1).status()).as("who holds little").isEqualTo(200);
    }
  }

  /** Begins a body of 48,000 bytes. */
  private static void begin(RawHttp2 client, int stream) throws IOException {
    client.request(stream, 0, "POST", "/library/echo", "content-type", "application/json");
    for (int i = 0; i < 3; i++) {
      client.data(stream, 0, " ".repeat(16_000));
    }
  }

  /** How much the edge may remember for it is the edge's to say, however much the client allows. */
  @Test
  void keepsItsTableSmallWhateverTheClientAllows() throws Exception {
    try (RawHttp2 client = connect()) {
      client.frame(RawHttp2.SETTINGS, 0, 0, HexFormat.of().parseHex("0001ffffffff"));
      Set<String> own = new HashSet<>();
      int kept = 0;
      for (int i = 1; i < 200; i += 2) {
        client.get(i, "/library/books/b1");
        RawHttp2.Frame head = client.next(RawHttp2.HEADERS);
        kept += RawHttp2.kept(head);
        Map<String, String> fields = client.decode(head);
        assertThat(head.stream()).isEqualTo(i);
        assertThat(fields).containsEntry(":status", "200");
        own.add(fields.get("x-request-id"));
      }
      assertThat(own).as("what each answer has of its own").hasSize(100);
      assertThat(kept).as("what the edge remembers of all of them").isLessThan(20);
    }
  }

  /**
   * Four kilobytes that stand for megabytes, and three for hundreds of kilobytes in fewer fields
   * than are refused for their number. That the bound is the edge's, and not one that Netty has for
   * whoever says none, is in {@link Http2Test}.
   */
  @Test
  void refusesAHeaderThatExpands() throws Exception {
    try (RawHttp2 client = connect()) {
      assertThat(client.answerToRepeated(1, 1_400)).as("4 MB").isEqualTo(431);
      assertThat(client.answerToRepeated(3, 80)).as("240 kB").isEqualTo(431);
      assertServed(client, 5);
    }
  }

  static final List<Arguments> WINDOWS =
      List.of(
          Arguments.of("a window beyond any", 0, Integer.MAX_VALUE, FLOW_CONTROL_ERROR),
          Arguments.of("no room", 0, 0, PROTOCOL_ERROR));

  @ParameterizedTest(name = "{0}")
  @FieldSource("WINDOWS")
  void endsAConnectionThatCannotCount(String name, int stream, int bytes, int error)
      throws Exception {
    try (RawHttp2 client = connect()) {
      client.window(stream, bytes);
      assertThat(client.farewell()).isEqualTo(error);
    }
  }

  @Test
  void callsOffAStreamWhoseWindowIsBeyondAny() throws Exception {
    try (RawHttp2 client = connect()) {
      client.request(1, 0, "POST", "/library/echo", "content-type", "application/json");
      client.window(1, Integer.MAX_VALUE);
      assertThat(client.next(RawHttp2.RST_STREAM))
          .returns(1, RawHttp2.Frame::stream)
          .returns(FLOW_CONTROL_ERROR, RawHttp2.Frame::error);
      assertServed(client, 3);
    }
  }

  /** Sends a little, now and then, until a frame of this type comes; it. */
  private static RawHttp2.Frame dripUntil(int type, RawHttp2 client, Drip drip) {
    AtomicReference<RawHttp2.Frame> found = new AtomicReference<>();
    await()
        .pollInterval(Duration.ofMillis(100))
        .until(
            () -> {
              drip.send();
              for (RawHttp2.Frame come = client.come(); come != null; come = client.come()) {
                if (come.type() == type) {
                  found.set(come);
                  return true;
                }
              }
              return false;
            });
    return Objects.requireNonNull(found.get());
  }

  private interface Drip {
    void send() throws IOException;
  }

  /** Bytes that are the beginning of something, or much of what asks for nothing. */
  static final List<Arguments> DRIPS =
      List.of(
          Arguments.of(
              "a header",
              RawHttp2.bytes(RawHttp2.HEADERS, RawHttp2.END_HEADERS, 1, new byte[1_000])),
          Arguments.of("settings", RawHttp2.bytes(RawHttp2.SETTINGS, 0, 0, new byte[996])),
          Arguments.of("room", many(RawHttp2.bytes(RawHttp2.WINDOW_UPDATE, 0, 0, ONE))),
          Arguments.of("questions", many(RawHttp2.bytes(RawHttp2.PING, 0, 0, EIGHT))));

  private static byte[] many(byte[] frame) {
    ByteArrayOutputStream many = new ByteArrayOutputStream();
    for (int i = 0; i < 100; i++) {
      many.writeBytes(frame);
    }
    return many.toByteArray();
  }

  /** A byte now and then buys no time. */
  @ParameterizedTest(name = "{0}")
  @FieldSource("DRIPS")
  void endsAConnectionThatComesByteByByteAndAsksForNothing(String name, byte[] bytes)
      throws Exception {
    AtomicInteger sent = new AtomicInteger();
    try (RawHttp2 client = connect()) {
      // Which are acknowledged, and that must not stand amid a frame.
      client.next(RawHttp2.SETTINGS);
      RawHttp2.Frame farewell =
          dripUntil(
              RawHttp2.GOAWAY,
              client,
              () -> client.send(new byte[] {bytes[sent.getAndIncrement()]}));

      assertThat(farewell.error()).isZero();
      var _ = client.farewell();
      assertThat(sent.get()).isLessThan(bytes.length);
    }
  }

  @Test
  void givesUpOnABodyThatComesByteByByte() throws Exception {
    int calls = LIBRARY.calls.get();
    try (RawHttp2 client = connect()) {
      client.request(1, 0, "POST", "/library/echo", "content-type", "application/json");
      RawHttp2.Frame head = dripUntil(RawHttp2.HEADERS, client, () -> client.data(1, 0, "x"));

      assertThat(client.decode(head)).containsEntry(":status", "408");
      assertThat(client.next(RawHttp2.RST_STREAM).error()).isZero();
      assertThat(LIBRARY.calls.get()).isEqualTo(calls);
      assertServed(client, 3);
    }
  }

  /** What is read byte by byte is not read in time. */
  @Test
  void callsOffWhatIsReadByteByByte() throws Exception {
    try (RawHttp2 client = RawHttp2.withWindow(fixture.edge.port(), 0)) {
      client.get(1, "/library/books/b1");
      RawHttp2.Frame end = dripUntil(RawHttp2.RST_STREAM, client, () -> client.window(1, 1));

      assertThat(end.stream()).isEqualTo(1);
    }
  }

  @Test
  void callsOffABodyThatThereIsNoRoomFor() throws Exception {
    try (RawHttp2 client = connect()) {
      client.request(1, 0, "POST", "/library/echo", "content-type", "application/json");
      for (int i = 0; i < 5; i++) {
        client.data(1, 0, "x".repeat(16_000));
      }
      // Or, if the edge was quick and had begun to read it, it is too long and was answered 413.
      assertThat(client.next(RawHttp2.RST_STREAM).error()).isIn(FLOW_CONTROL_ERROR, NO_ERROR);
      assertServed(client, 3);
    }
  }

  @Test
  void callsOffWhatIsNotReadInTime() throws Exception {
    try (RawHttp2 client = RawHttp2.withWindow(fixture.edge.port(), 0)) {
      client.get(1, "/library/books/b1");
      assertThat(client.next(RawHttp2.RST_STREAM)).returns(1, RawHttp2.Frame::stream);
    }
  }

  @Test
  void givesUpOnABodyThatDoesNotEnd() throws Exception {
    try (RawHttp2 client = connect()) {
      client.request(1, 0, "POST", "/library/echo", "content-type", "application/json");
      client.data(1, 0, "{");
      assertThat(client.answer(1).status()).isEqualTo(408);
      assertThat(client.next(RawHttp2.RST_STREAM).error()).isZero();
      assertServed(client, 3);
    }
  }

  @Test
  void readsAPrefaceThatComesInPiecesAndForgetsHalfOfOne() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      for (char c : "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0".toCharArray()) {
        client.send(String.valueOf(c));
      }
      assertThat(client.all()).as("settings").startsWith("\0\0");
    }
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send("PRI * HTTP/2.0\r\n\r\nS");
      assertThat(client.all()).startsWith("HTTP/1.1 505 ");
    }
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send("P");
      client.send("OST /library/echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n");
      client.send("Content-Type: application/json\r\n\r\n{}");
      assertThat(client.answer()).startsWith("HTTP/1.1 200 ");
    }
  }
}
