package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdInputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Bodies that are coded on their way, honest ones and others, through a whole edge. */
class CompressionTest {
  private static final String PAGE = "/library/books?pageSize=50";
  private static final LibraryService LIBRARY = new LibraryService();
  private static EdgeFixture fixture;
  private static Held before;

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
  void stillServes() {
    assertThat(fixture.status("/library/books/b1")).isEqualTo(200);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "-",
      value = {
        "gzip                            | gzip",
        "x-gzip                          | gzip",
        "gzip, deflate, br, zstd         | zstd",
        "zstd;q=0.5, gzip                | gzip",
        "GZIP;Q=0.2, zstd;q=0.1          | gzip",
        "*                               | zstd",
        "zstd;q=0, *;q=0.1               | gzip",
        "br, deflate                     | -",
        "identity, gzip;q=0.5            | -",
        "gzip;q=0                        | -",
        "gzip;q=nonsense                 | -",
        "*;q=0                           | -",
        ",,;                             | -",
      })
  void codesAnAnswerAsTheClientLikesItBest(String accepted, String coding) throws Exception {
    String plain = new String(get(PAGE).body(), UTF_8);
    HttpResponse<byte[]> answer = get(PAGE, "Accept-Encoding", accepted);

    assertThat(answer.headers().firstValue("content-encoding").orElse(null)).isEqualTo(coding);
    assertThat(new String(decoded(answer), UTF_8)).isEqualTo(plain);
    assertThat(answer.headers().firstValue("vary").orElseThrow()).contains("Accept-Encoding");
    if (coding != null) {
      assertThat(answer.body().length).isLessThan(plain.length() / 5);
    }
  }

  @Test
  void codesNothingThatIsSmall() throws Exception {
    HttpResponse<byte[]> answer = get("/library/books/b1", "Accept-Encoding", "gzip");

    assertThat(answer.headers().firstValue("content-encoding")).isEmpty();
  }

  @Test
  void tellsTheCodedAnswerFromThePlainOneAndKnowsBothAgain() throws Exception {
    String plain = tag(get(PAGE));
    String coded = tag(get(PAGE, "Accept-Encoding", "gzip"));

    assertThat(coded).isEqualTo(plain.substring(0, plain.length() - 1) + "~gzip\"");
    for (String tag : List.of(plain, coded)) {
      HttpResponse<byte[]> same = get(PAGE, "Accept-Encoding", "gzip", "If-None-Match", tag);
      assertThat(same.statusCode()).isEqualTo(304);
      assertThat(tag(same)).isEqualTo(tag);
      assertThat(same.headers().firstValue("content-encoding")).isEmpty();
    }
  }

  @Test
  void answersHeadWithTheLengthOfWhatGetAnswers() throws Exception {
    int length = get(PAGE, "Accept-Encoding", "gzip").body().length;
    HttpResponse<String> head = fixture.send("HEAD", PAGE, "", "Accept-Encoding", "gzip");

    assertThat(head.headers().firstValue("content-length")).contains(Integer.toString(length));
    assertThat(head.headers().firstValue("content-encoding")).contains("gzip");
  }

  @Test
  void codesALargeAnswerToo() throws Exception {
    String page = "/library/books?pageSize=3000";

    HttpResponse<byte[]> answer = get(page, "Accept-Encoding", "zstd");

    assertThat(answer.body().length).isLessThan(Gateway.INLINE_BYTES_MAX);
    assertThat(decoded(answer)).isEqualTo(get(page).body()).hasSizeGreaterThan(400_000);
  }

  @ParameterizedTest
  @EnumSource(ContentCoding.class)
  void sendsEachMessageOfAStreamWhenItComes(ContentCoding coding) throws Exception {
    HttpResponse<InputStream> answer =
        fixture.client.send(
            request("/library/books/b:watch?count=3&failWith=-1")
                .header("Accept-Encoding", coding.token())
                .build(),
            HttpResponse.BodyHandlers.ofInputStream());
    assertThat(answer.headers().firstValue("content-encoding")).contains(coding.token());

    // The stream has no end: what is read must have been sent on its own.
    try (InputStream coded = answer.body();
        InputStream plain =
            coding == ContentCoding.GZIP
                ? new GZIPInputStream(coded)
                : new ZstdInputStream(coded).setContinuous(true)) {
      for (int i = 0; i < 3; i++) {
        StringBuilder line = new StringBuilder();
        for (int c = plain.read(); c != '\n'; c = plain.read()) {
          assertThat(c).isNotNegative();
          line.append((char) c);
        }
        assertThat(line).contains("\"pageCount\":" + i);
      }
    }
    await().until(() -> LIBRARY.givenUp.get() > 0);
  }

  @ParameterizedTest
  @EnumSource(ContentCoding.class)
  void readsACodedBody(ContentCoding coding) throws Exception {
    HttpResponse<String> answer = echo(coding.token(), coding.encode(json("x".repeat(2_000))));

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.body()).contains("x".repeat(2_000));
  }

  @ParameterizedTest
  @EnumSource(ContentCoding.class)
  void refusesABombBeforeItHasExpanded(ContentCoding coding) throws Exception {
    byte[] megabytes = json("x".repeat(50_000_000));

    HttpResponse<String> tooLong = echo(coding.token(), coding.encode(megabytes));
    assertThat(tooLong.statusCode()).isEqualTo(413);
    assertThat(tooLong.body()).containsAnyOf("BODY_TOO_LARGE", "BODY_EXPANDS");
    assertThat(refusal(coding, coding.encode(megabytes), 100_000_000)).isEqualTo("BODY_EXPANDS");
    assertThat(refusal(coding, coding.encode(new byte[70_000]), 65_536))
        .isEqualTo("BODY_TOO_LARGE");
    assertThat(fixture.status("/library/books/b1")).isEqualTo(200);
  }

  @ParameterizedTest
  @EnumSource(ContentCoding.class)
  void refusesWhatIsNotCodedAsItSays(ContentCoding coding) throws Exception {
    byte[] good = coding.encode(json("x".repeat(500)));
    byte[] changed = coding.encode(json("y".repeat(500)));
    changed[0] ^= 0x55;

    for (byte[] bad :
        List.of(
            json("x"),
            new byte[] {1},
            Arrays.copyOf(good, good.length - 1),
            Arrays.copyOf(good, good.length / 2),
            concat(good, new byte[] {0}),
            concat(good, "garbage that is long enough".getBytes(UTF_8)),
            changed)) {
      HttpResponse<String> answer = echo(coding.token(), bad);
      assertThat(answer.statusCode()).as(Arrays.toString(bad)).isEqualTo(400);
    }
  }

  @Test
  void refusesAZstdFrameThatNeedsMoreMemoryThanAnyMay() {
    // A frame header with a window of 2^31 bytes, and an empty last block.
    byte[] wide = {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd, 0x00, (byte) (21 << 3), 0x01, 0x00, 0x00};

    assertThat(refusal(ContentCoding.ZSTD, wide, 65_536)).isEqualTo("MALFORMED_BODY");
  }

  @ParameterizedTest
  @ValueSource(strings = {"br", "deflate", "gzip, gzip", "zstd,gzip", "", "gzip;q=1"})
  void saysWhatItTakesToWhoSendsAnotherCoding(String coding) throws Exception {
    HttpResponse<String> answer = echo(coding, gzip(json("x")));

    assertThat(answer.statusCode()).isEqualTo(415);
    assertThat(answer.headers().firstValue("accept-encoding")).contains("gzip, zstd");
  }

  @Test
  void holdsOnlySoManyEncodersAndGivesThemBack() {
    List<Encoder> open = new ArrayList<>();
    for (var next = Encoder.open(ContentCoding.GZIP);
        next.isPresent();
        next = Encoder.open(ContentCoding.GZIP)) {
      open.add(next.get());
    }
    assertThat(open).hasSizeBetween(1, 64);
    open.forEach(Encoder::close);
    open.forEach(Encoder::close);
    Encoder one = Encoder.open(ContentCoding.ZSTD).orElseThrow();
    byte[] part = one.part("a".getBytes(UTF_8));
    assertThat(Zstd.decompress(concat(part, one.end()), 1)).containsExactly('a');
  }

  private static String refusal(ContentCoding coding, byte[] coded, int bytesMax) {
    try {
      coding.decode(coded, bytesMax);
      return "";
    } catch (Refused e) {
      return e.problem().reason();
    }
  }

  private static byte[] json(String string) {
    return ("{\"string\":\"" + string + "\"}").getBytes(UTF_8);
  }

  private static HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(fixture.uri(path)).timeout(Duration.ofSeconds(20));
  }

  private static HttpResponse<byte[]> get(String path, String... headers)
      throws IOException, InterruptedException {
    HttpRequest.Builder request = request(path);
    if (headers.length > 0) {
      request.headers(headers);
    }
    return fixture.client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
  }

  private static HttpResponse<String> echo(String coding, byte[] body)
      throws IOException, InterruptedException {
    return fixture.client.send(
        request("/library/echo")
            .header("Content-Type", "application/json")
            .header("Content-Encoding", coding)
            .POST(HttpRequest.BodyPublishers.ofByteArray(body))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  private static String tag(HttpResponse<?> answer) {
    return answer.headers().firstValue("etag").orElseThrow();
  }

  private static byte[] decoded(HttpResponse<byte[]> answer) throws IOException {
    InputStream coded = new ByteArrayInputStream(answer.body());
    try (InputStream plain =
        switch (answer.headers().firstValue("content-encoding").orElse("")) {
          case "gzip" -> new GZIPInputStream(coded);
          case "zstd" -> new ZstdInputStream(coded);
          default -> coded;
        }) {
      return plain.readAllBytes();
    }
  }

  private static byte[] gzip(byte[] plain) throws IOException {
    ByteArrayOutputStream coded = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(coded)) {
      out.write(plain);
    }
    return coded.toByteArray();
  }

  private static byte[] concat(byte[] one, byte[] other) {
    byte[] both = Arrays.copyOf(one, one.length + other.length);
    System.arraycopy(other, 0, both, one.length, other.length);
    return both;
  }
}
