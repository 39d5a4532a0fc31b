package dev.weft.edge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Message;
import dev.weft.edge.library.AddBooksRequest;
import dev.weft.edge.library.AddBooksResponse;
import dev.weft.edge.library.Book;
import dev.weft.edge.library.FailRequest;
import dev.weft.edge.library.GetBookRequest;
import dev.weft.edge.library.GetBookResponse;
import dev.weft.edge.library.PingRequest;
import dev.weft.edge.library.PingResponse;
import dev.weft.edge.library.WatchBookRequest;
import dev.weft.edge.library.WatchBookResponse;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** gRPC-Web and Connect over HTTP/1.1, byte for byte as their specifications have them. */
class CallsByNameTest {
  private static final String SERVICE = "/library.v1.Library/";
  private static final LibraryService LIBRARY = new LibraryService();
  private static EdgeFixture fixture;
  private static Held before;

  /** A frame of a body: its flags and what it holds. */
  private record Frame(int flags, String bytes) {}

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
    HttpResponse<byte[]> answer = post("GetBook", "application/proto", BOOK.toByteArray());
    assertThat(answer.statusCode()).isEqualTo(200);
  }

  private static HttpResponse<byte[]> post(
      String method, String contentType, byte[] body, String... headers) throws Exception {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(fixture.uri(SERVICE + method))
            .timeout(Duration.ofSeconds(20))
            .header("Content-Type", contentType)
            .POST(HttpRequest.BodyPublishers.ofByteArray(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return fixture.client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
  }

  private static HttpResponse<byte[]> get(String pathAndQuery) throws Exception {
    URI uri = fixture.uri(SERVICE + pathAndQuery);
    return fixture.client.send(
        HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.ofByteArray());
  }

  private static byte[] framed(byte[]... messages) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (byte[] message : messages) {
      out.writeBytes(ByteBuffer.allocate(5).put((byte) 0).putInt(message.length).array());
      out.writeBytes(message);
    }
    return out.toByteArray();
  }

  private static byte[] framed(Message... messages) {
    byte[][] bytes = new byte[messages.length][];
    for (int i = 0; i < messages.length; i++) {
      bytes[i] = messages[i].toByteArray();
    }
    return framed(bytes);
  }

  private static List<Frame> frames(byte[] body) throws IOException {
    List<Frame> frames = new ArrayList<>();
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(body));
    while (in.available() > 0) {
      int flags = in.readUnsignedByte();
      frames.add(new Frame(flags, new String(in.readNBytes(in.readInt()), ISO_8859_1)));
    }
    return frames;
  }

  private static byte[] latin1(String text) {
    return text.getBytes(ISO_8859_1);
  }

  private static String text(HttpResponse<byte[]> answer) {
    return new String(answer.body(), UTF_8);
  }

  private static final GetBookRequest BOOK = GetBookRequest.newBuilder().setBookId("b1").build();

  // gRPC-Web.

  @Test
  void answersGrpcWebWithTrailersInTheBody() throws Exception {
    HttpResponse<byte[]> answer =
        post("GetBook", "application/grpc-web+proto", framed(BOOK), "X-Grpc-Web", "1");

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.headers().firstValue("content-type")).contains("application/grpc-web+proto");
    List<Frame> frames = frames(answer.body());
    assertThat(GetBookResponse.parseFrom(latin1(frames.get(0).bytes())).getBook().getBookId())
        .isEqualTo("b1");
    assertThat(frames.get(1)).isEqualTo(new Frame(0x80, "grpc-status: 0\r\n"));
    assertThat(frames).hasSize(2);
  }

  @Test
  void answersGrpcWebInBase64ToWhoAsksInIt() throws Exception {
    byte[] body = Base64.getEncoder().encode(framed(BOOK));
    HttpResponse<byte[]> answer = post("GetBook", "application/grpc-web-text", body);

    assertThat(answer.headers().firstValue("content-type"))
        .contains("application/grpc-web-text+proto");
    ByteArrayOutputStream plain = new ByteArrayOutputStream();
    // Each frame is padded for itself.
    for (String piece : new String(answer.body(), US_ASCII).split("(?<==)(?!=)", -1)) {
      plain.writeBytes(Base64.getDecoder().decode(piece));
    }
    assertThat(frames(plain.toByteArray())).hasSize(2);
    assertThat(text(post("GetBook", "application/grpc-web-text", "%%%%".getBytes(US_ASCII))))
        .isNotEmpty();
  }

  @Test
  void streamsOverGrpcWebAndTellsAFailureInTheMiddle() throws Exception {
    WatchBookRequest request = WatchBookRequest.newBuilder().setCount(2).setFailWith(5).build();
    List<Frame> frames = frames(post("WatchBook", "application/grpc-web", framed(request)).body());

    assertThat(frames).hasSize(3);
    assertThat(WatchBookResponse.parseFrom(latin1(frames.get(1).bytes())).getBook().getPageCount())
        .isEqualTo(1);
    assertThat(frames.get(2).flags()).isEqualTo(0x80);
    assertThat(frames.get(2).bytes())
        .startsWith("grpc-status: 5\r\ngrpc-message: the book burned\r\ngrpc-status-details-bin: ");
  }

  @Test
  void letsPagesOfListedOriginsCallAndReadHowItEnded() throws Exception {
    HttpResponse<String> preflight =
        fixture.send(
            "OPTIONS",
            SERVICE + "GetBook",
            "",
            "Origin",
            "https://shop.example",
            "Access-Control-Request-Method",
            "POST");
    assertThat(preflight.statusCode()).isEqualTo(204);
    assertThat(preflight.headers().firstValue("access-control-allow-methods").orElseThrow())
        .contains("POST");
    assertThat(preflight.headers().firstValue("access-control-allow-headers").orElseThrow())
        .contains("x-grpc-web", "grpc-timeout", "connect-protocol-version", "authorization");

    HttpResponse<byte[]> refused =
        post("LendBook", "application/grpc-web", framed(BOOK), "Origin", "https://shop.example");
    assertThat(refused.headers().firstValue("access-control-expose-headers").orElseThrow())
        .contains("grpc-status");
    assertThat(frames(refused.body()).getFirst().bytes()).startsWith("grpc-status: 16\r\n");
  }

  // Connect.

  @Test
  void answersConnectInJsonAndInProto() throws Exception {
    HttpResponse<byte[]> json =
        post(
            "GetBook",
            "application/json",
            "{\"bookId\":\"b1\"}".getBytes(UTF_8),
            "Connect-Protocol-Version",
            "1");
    assertThat(json.statusCode()).isEqualTo(200);
    assertThat(json.headers().firstValue("content-type")).contains("application/json");
    assertThat(text(json)).startsWith("{\"book\":{\"bookId\":\"b1\"");

    HttpResponse<byte[]> proto = post("GetBook", "application/proto", BOOK.toByteArray());
    assertThat(proto.headers().firstValue("content-type")).contains("application/proto");
    assertThat(GetBookResponse.parseFrom(proto.body()).getBook().getBookId()).isEqualTo("b1");
    assertThat(post("GetBook", "application/proto", new byte[0]).statusCode()).isEqualTo(200);
  }

  @Test
  void answersConnectByGetWhereNothingIsChanged() throws Exception {
    String json = "Ping?connect=v1&encoding=json&message=%7B%22text%22%3A%22x%22%7D";
    assertThat(text(get(json))).isEqualTo("{\"text\":\"x\"}");

    byte[] message = PingRequest.newBuilder().setText("y").build().toByteArray();
    String base64 = Base64.getUrlEncoder().withoutPadding().encodeToString(message);
    HttpResponse<byte[]> proto = get("Ping?encoding=proto&base64=1&message=" + base64);
    assertThat(PingResponse.parseFrom(proto.body()).getText()).isEqualTo("y");

    assertThat(get("Ping?encoding=json").statusCode()).isEqualTo(400);
    assertThat(get("Ping?encoding=xml&message=x").statusCode()).isEqualTo(400);
    assertThat(get("Ping?encoding=json&message=%7B&message=%7D").statusCode()).isEqualTo(400);
    assertThat(get("Ping?connect=v2&encoding=json&message=%7B%7D").statusCode()).isEqualTo(400);
    assertThat(get("LendBook?encoding=json&message=%7B%7D").statusCode()).isEqualTo(405);
  }

  @Test
  void takesCompressedMessagesUpToALimit() throws Exception {
    assertThat(
            text(
                post(
                    "Ping",
                    "application/json",
                    gzip("{\"text\":\"x\"}"),
                    "Content-Encoding",
                    "gzip")))
        .isEqualTo("{\"text\":\"x\"}");
    HttpResponse<byte[]> bomb =
        post(
            "Ping",
            "application/json",
            gzip("{\"text\":\"" + "x".repeat(5_000_000) + "\"}"),
            "Content-Encoding",
            "gzip");
    assertThat(bomb.statusCode()).isGreaterThanOrEqualTo(400);
    assertThat(text(post("Ping", "application/json", new byte[2], "Content-Encoding", "br")))
        .contains("\"code\":\"unimplemented\"");
  }

  private static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      out.write(text.getBytes(UTF_8));
    }
    return bytes.toByteArray();
  }

  @Test
  void takesALargeMessageOfJson() throws Exception {
    String base64 = Base64.getEncoder().encodeToString(LibraryService.bytes(150_000));
    String json = "{\"cover\":{\"data\":\"" + base64 + "\"},\"title\":\"";

    assertThat(text(post("PutCover", "application/json", (json + "T\"}").getBytes(UTF_8))))
        .contains("\"length\":150000", "\"title\":\"T\"");
    HttpResponse<byte[]> torn = post("PutCover", "application/json", json.getBytes(UTF_8));
    assertThat(torn.statusCode()).isEqualTo(400);
    assertThat(text(torn)).contains("\"code\":\"invalid_argument\"");
  }

  @ParameterizedTest
  @CsvSource({
    "3,invalid_argument,400",
    "5,not_found,404",
    "9,failed_precondition,400",
    "10,aborted,409",
    "13,internal,500",
    "14,unavailable,503"
  })
  void tellsConnectOfFailuresInJson(int code, String name, int status) throws Exception {
    HttpResponse<byte[]> answer =
        post(
            "Fail",
            "application/json",
            ("{\"code\":" + code + ",\"reason\":\"WHY\"}").getBytes(UTF_8));

    assertThat(answer.statusCode()).isEqualTo(status);
    assertThat(answer.headers().firstValue("content-type")).contains("application/json");
    assertThat(text(answer))
        .startsWith("{\"code\":\"" + name + "\",\"message\":\"")
        .contains("{\"type\":\"google.rpc.ErrorInfo\",\"value\":\"");
    if (code == 14) {
      assertThat(answer.headers().firstValue("retry-after")).isPresent();
    }
  }

  @Test
  void streamsOverConnect() throws Exception {
    byte[] request = "{\"count\":2,\"failWith\":5}".getBytes(UTF_8);
    HttpResponse<byte[]> answer = post("WatchBook", "application/connect+json", framed(request));

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.headers().firstValue("content-type")).contains("application/connect+json");
    List<Frame> frames = frames(answer.body());
    assertThat(frames).hasSize(3);
    assertThat(frames.get(0).bytes()).startsWith("{\"book\":{");
    assertThat(frames.get(2).flags()).isEqualTo(2);
    assertThat(frames.get(2).bytes())
        .startsWith("{\"error\":{\"code\":\"not_found\",\"message\":\"the book burned\"");

    WatchBookRequest good = WatchBookRequest.newBuilder().setCount(1).build();
    assertThat(frames(post("WatchBook", "application/connect+proto", framed(good)).body()).get(1))
        .isEqualTo(new Frame(2, "{}"));
  }

  @Test
  void takesAStreamOverConnect() throws Exception {
    AddBooksRequest[] books = new AddBooksRequest[3];
    for (int i = 0; i < 3; i++) {
      Book book = Book.newBuilder().setTitle("abc".substring(i)).build();
      books[i] = AddBooksRequest.newBuilder().setBook(book).build();
    }
    List<Frame> frames =
        frames(post("AddBooks", "application/connect+proto", framed(books)).body());
    assertThat(AddBooksResponse.parseFrom(latin1(frames.get(0).bytes())).getTitles())
        .isEqualTo("abc");
    assertThat(frames.get(1)).isEqualTo(new Frame(2, "{}"));

    byte[] wrong =
        framed("{\"book\":{\"title\":\"x\"}}".getBytes(UTF_8), "{\"buk\":1}".getBytes(UTF_8));
    List<Frame> refused = frames(post("AddBooks", "application/connect+json", wrong).body());
    assertThat(refused.getLast().bytes()).contains("\"code\":\"invalid_argument\"", "buk");
  }

  @Test
  void givesUpWhenAConnectClientSays() throws Exception {
    byte[] slow = "{\"delay\":\"9s\"}".getBytes(UTF_8);
    HttpResponse<byte[]> answer =
        post("Fail", "application/json", slow, "Connect-Timeout-Ms", "50");
    assertThat(answer.statusCode()).isEqualTo(504);
    assertThat(text(answer)).contains("\"code\":\"deadline_exceeded\"");
    for (String wrong : new String[] {"-1", "x", "99999999999", ""}) {
      assertThat(post("Fail", "application/json", slow, "Connect-Timeout-Ms", wrong).statusCode())
          .as(wrong)
          .isEqualTo(400);
    }
  }

  // What is wrong.

  @ParameterizedTest
  @ValueSource(
      strings = {
        "text/plain",
        "application/xml",
        "application/grpc+json",
        "application/connect+json",
        "application/connect+proto",
        "application/x-www-form-urlencoded"
      })
  void refusesProtocolsThatThisRpcIsNotCalledIn(String contentType) throws Exception {
    HttpResponse<byte[]> answer = post("GetBook", contentType, new byte[0]);
    assertThat(text(answer)).contains("called in gRPC, gRPC-Web or Connect");
  }

  @Test
  void speaksGrpcOverHttp2Only() throws Exception {
    HttpResponse<byte[]> answer = post("GetBook", "application/grpc", framed(BOOK));
    assertThat(answer.statusCode()).isEqualTo(505);
    assertThat(text(answer)).contains("gRPC is spoken over HTTP/2");
  }

  @ParameterizedTest
  @CsvSource({
    "GetBook, 0000000000, 0",
    "GetBook, 00000000, 3",
    "GetBook, , 12",
    "GetBook, 00000000000000000000, 12",
    "GetBook, 010000000101, 3",
    "GetBook, 800000000101, 3",
    "GetBook, 00ffffffff, 8",
    "GetBook, 007fffffff, 8",
    "GetBook, 0000000005, 3",
    "GetBook, 00000000020a, 3",
    "Internal, 0000000000, 12",
    "Hidden, 0000000000, 12",
    "getBook, 0000000000, 12"
  })
  void refusesFramesThatAreNone(String method, String hex, int status) throws Exception {
    int calls = LIBRARY.calls.get();
    byte[] body = hex == null ? new byte[0] : HexFormat.of().parseHex(hex);
    HttpResponse<byte[]> answer = post(method, "application/grpc-web+proto", body);

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(frames(answer.body()).getLast().bytes())
        .startsWith("grpc-status: " + status + "\r\n")
        .doesNotContain("netty", "Exception");
    assertThat(LIBRARY.calls.get() - calls).isEqualTo(status == 0 ? 1 : 0);
  }

  @Test
  void tellsFailuresOfServicesAsTheyAre() throws Exception {
    FailRequest wrong = FailRequest.newBuilder().setCode(3).addWrongFields("book_id").build();
    assertThat(frames(post("Fail", "application/grpc-web", framed(wrong)).body()).get(0).bytes())
        .contains("grpc-message: book_id: bad (and more)\r\n");
  }
}
