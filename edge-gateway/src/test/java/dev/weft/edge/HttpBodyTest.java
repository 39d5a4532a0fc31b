package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Bodies that are no JSON, to and fro, through a whole edge. */
class HttpBodyTest {
  private static final String COVER = "/library/books/b/cover?size=300";
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
  void stillServes() throws Exception {
    assertThat(get(COVER).body()).isEqualTo(LibraryService.bytes(300));
  }

  @Test
  void answersTheBytesAsTheyAreWithTheTypeTheyHave() throws Exception {
    HttpResponse<byte[]> answer = get(COVER, "Accept", "image/*");

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(header(answer, "content-type")).isEqualTo("image/png");
    assertThat(header(answer, "accept-ranges")).isEqualTo("bytes");
    assertThat(header(answer, "x-content-type-options")).isEqualTo("nosniff");
    assertThat(answer.body()).isEqualTo(LibraryService.bytes(300));
    assertThat(get("/library/books/b/cover").body()).isEmpty();
    assertThat(get("/library/books/b/cover?$fields=data").statusCode()).isEqualTo(400);
  }

  @Test
  void makesNoHeaderOfATypeThatIsNone() throws Exception {
    HttpResponse<byte[]> answer = get("/library/books/torn/cover?size=1");

    assertThat(header(answer, "content-type")).isEqualTo("application/octet-stream");
    assertThat(header(answer, "x")).isEmpty();
  }

  @Test
  void codesTextAndNoPictures() throws Exception {
    HttpResponse<byte[]> picture =
        get("/library/books/b/cover?size=3000", "Accept-Encoding", "gzip");
    HttpResponse<byte[]> text =
        get("/library/books/text/cover?size=3000", "Accept-Encoding", "gzip");

    assertThat(header(picture, "content-encoding")).isEmpty();
    assertThat(header(text, "content-encoding")).isEqualTo("gzip");
  }

  @ParameterizedTest
  @CsvSource({
    "bytes=0-0, 0, 0",
    "bytes=10-19, 10, 19",
    "bytes=290-, 290, 299",
    "bytes=299-100000, 299, 299",
    "Bytes=-10, 290, 299",
    "bytes=-1000, 0, 299"
  })
  void answersAPartOfIt(String range, int first, int last) throws Exception {
    HttpResponse<byte[]> answer = get(COVER, "Range", range, "Accept-Encoding", "gzip");

    assertThat(answer.statusCode()).isEqualTo(206);
    assertThat(header(answer, "content-range")).isEqualTo("bytes " + first + "-" + last + "/300");
    assertThat(header(answer, "content-type")).isEqualTo("image/png");
    assertThat(answer.body())
        .isEqualTo(Arrays.copyOfRange(LibraryService.bytes(300), first, last + 1));
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes=300-", "bytes=300-400", "bytes=-0", "bytes=999999999999999999-"})
  void saysHowLongItIsToWhoAsksForAPartThatItHasNot(String range) throws Exception {
    HttpResponse<byte[]> answer = get(COVER, "Range", range);

    assertThat(answer.statusCode()).isEqualTo(416);
    assertThat(header(answer, "content-range")).isEqualTo("bytes */300");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bytes=0-1,5-6",
        "bytes=5-1",
        "bytes=-",
        "bytes=",
        "bytes=a-b",
        "bytes=0-9999999999999999999999",
        "lines=1-2",
        "0-1"
      })
  void ignoresARangeThatIsNotOne(String range) throws Exception {
    HttpResponse<byte[]> answer = get(COVER, "Range", range);

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.body()).hasSize(300);
  }

  @Test
  void ignoresAThousandRanges() throws Exception {
    assertThat(get(COVER, "Range", "bytes=0-" + ",0-".repeat(1_000)).statusCode()).isEqualTo(200);
  }

  @Test
  void answersAPartOfTheVersionThatTheClientHasAndElseAll() throws Exception {
    String told = "Grpc-Metadata-Answer-ETag";

    HttpResponse<byte[]> same =
        get(COVER, told, "\"7\"", "Range", "bytes=0-9", "If-Range", "\"7\"");
    assertThat(same.statusCode()).isEqualTo(206);
    assertThat(header(same, "etag")).isEqualTo("\"7\"");
    for (String other : new String[] {"\"6\"", "W/\"7\"", "Fri, 01 Jan 2027 00:00:00 GMT", "7"}) {
      assertThat(get(COVER, told, "\"7\"", "Range", "bytes=0-9", "If-Range", other).statusCode())
          .as(other)
          .isEqualTo(200);
    }
    assertThat(
            get(COVER, told, "\"7\"", "If-None-Match", "\"7\"", "Range", "bytes=0-9").statusCode())
        .isEqualTo(304);
    assertThat(get(COVER, "Range", "bytes=0-9", "If-Range", "\"7\"").statusCode()).isEqualTo(200);
  }

  @Test
  void answersHeadWithTheWholeLength() throws Exception {
    HttpResponse<String> head = fixture.send("HEAD", COVER, "", "Range", "bytes=0-9");

    assertThat(head.statusCode()).isEqualTo(200);
    assertThat(head.headers().firstValue("content-length")).contains("300");
  }

  @Test
  void takesABodyOfAnyKind() throws Exception {
    byte[] picture = LibraryService.bytes(200_000);

    for (String type :
        new String[] {"image/png", "application/json", "text/plain; charset=latin1"}) {
      String answer = put(picture, "Content-Type", type).body();
      assertThat(answer)
          .contains(
              "\"contentType\":\"" + type + "\"",
              "\"length\":200000",
              "\"hash\":" + Arrays.hashCode(picture),
              "\"title\":\"T\"");
    }
    assertThat(put(new byte[0]).body()).contains("\"contentType\":\"\"", "\"length\":0");
    new Random(1).nextBytes(picture);
    byte[] coded = ContentCoding.ZSTD.encode(picture);
    assertThat(put(coded, "Content-Encoding", "zstd").body())
        .contains("\"hash\":" + Arrays.hashCode(picture));
  }

  @Test
  void refusesABodyOfTwoTypesOrTooLong() throws Exception {
    int before = LIBRARY.calls.get();

    for (String type : new String[] {"nonsense", "image/png, text/plain", "a b/c"}) {
      assertThat(put(new byte[1], "Content-Type", type).statusCode()).as(type).isEqualTo(415);
    }
    assertThat(put(new byte[1], "Content-Type", "a/b", "Content-Type", "c/d").statusCode())
        .isEqualTo(415);
    assertThat(put(new byte[300_001], "Content-Type", "a/b").statusCode()).isEqualTo(413);
    assertThat(LIBRARY.calls.get()).isEqualTo(before);
  }

  @Test
  void takesAFormWithOneFileForTheBodyAndItsFieldsForParameters() throws Exception {
    String form =
        String.join(
            "\r\n",
            "--b",
            "Content-Disposition: form-data; name=\"title\"",
            "",
            "Of the form",
            "--b",
            "Content-Disposition: form-data; name=\"cover\"; filename=\"a.png\"",
            "Content-Type: image/png",
            "",
            "abc",
            "--b--");

    HttpResponse<String> answer = form("/library/books/b/cover", form);
    assertThat(answer.body())
        .contains("\"contentType\":\"image/png\"", "\"length\":3", "\"title\":\"Of the form\"");
    HttpResponse<String> unknown = form("/library/books/b/cover", form.replace("title", "tilte"));
    assertThat(unknown.statusCode()).isEqualTo(400);
    assertThat(unknown.body()).contains("\"pointer\":\"/tilte\"");
    assertThat(form("/library/books/b/cover?title=x", form).statusCode()).isEqualTo(400);
    assertThat(form("/library/books/b/cover", form.substring(0, 100)).body())
        .contains("MALFORMED_FORM");
  }

  private static HttpResponse<String> form(String path, String form) throws Exception {
    return fixture.send("PUT", path, form, "Content-Type", "multipart/form-data; boundary=b");
  }

  @Test
  void downloadsInPartsWithNothingBetweenThem() throws Exception {
    HttpResponse<byte[]> answer = get("/library/books/b:download?parts=20", "Accept", "text/html");

    assertThat(header(answer, "content-type")).isEqualTo("application/zip");
    assertThat(answer.body()).hasSize(20 * LibraryService.PART);
    assertThat(Arrays.copyOf(answer.body(), LibraryService.PART))
        .isEqualTo(LibraryService.bytes(LibraryService.PART));
    assertThat(get("/library/books/b:download").body()).isEmpty();
    assertThat(get("/library/books/b:download?failWith=5").statusCode()).isEqualTo(404);
  }

  @Test
  void cutsADownloadOffThatFails() {
    assertThatThrownBy(() -> get("/library/books/b:download?parts=2&failWith=9"))
        .isInstanceOf(IOException.class);
  }

  @Test
  void holdsLittleOfADownloadThatIsNotRead() throws Exception {
    int givenUp = LIBRARY.givenUp.get();
    int sent = LIBRARY.sent.get();
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send("GET /library/books/b:download?parts=-1 HTTP/1.1\r\nHost: a\r\n\r\n");
      assertThat(client.head()).startsWith("HTTP/1.1 200 OK");
      AtomicInteger last = new AtomicInteger(-1);
      await()
          .during(Duration.ofMillis(700))
          .atMost(Duration.ofSeconds(20))
          .until(() -> last.getAndSet(LIBRARY.sent.get()) == LIBRARY.sent.get());
      // Buffers of sockets, and the windows of both sides.
      assertThat((LIBRARY.sent.get() - sent) * (long) LibraryService.PART)
          .isLessThan(32 * 1024 * 1024);
    }
    await().until(() -> LIBRARY.givenUp.get() > givenUp);
  }

  private static HttpResponse<byte[]> get(String path, String... headers)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(fixture.uri(path)).timeout(Duration.ofSeconds(20));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return fixture.client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
  }

  private static HttpResponse<String> put(byte[] body, String... headers)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(fixture.uri("/library/books/b/cover?title=T"))
            .timeout(Duration.ofSeconds(20))
            .PUT(HttpRequest.BodyPublishers.ofByteArray(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    return fixture.client.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  private static String header(HttpResponse<?> answer, String name) {
    return answer.headers().firstValue(name).orElse("");
  }
}
