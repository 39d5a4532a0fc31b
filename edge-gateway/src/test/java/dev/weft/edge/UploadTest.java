package dev.weft.edge;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Arrays;
import java.util.Random;
import java.util.zip.CRC32;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Bodies that are passed on to a client stream as they come, through a whole edge. */
class UploadTest {
  private static final LibraryService LIBRARY = new LibraryService();
  private static EdgeFixture fixture;
  private static Held before;

  @BeforeAll
  static void open() throws Exception {
    fixture =
        EdgeFixture.with(
            LIBRARY,
            HttpLimits.DEFAULT.withDeadlines(
                Duration.ofSeconds(10), Duration.ofSeconds(1), Duration.ofSeconds(30)));
    before = Held.now();
  }

  @AfterAll
  static void close() throws Exception {
    fixture.close(before);
  }

  @AfterEach
  void stillServes() throws Exception {
    assertThat(upload("/library/books/b:upload", new byte[1], true, "a/b").body())
        .contains("\"length\":1,");
  }

  @Test
  void passesABodyOnInPartsOfWhichTheFirstSaysWhatItIs() throws Exception {
    byte[] body = new byte[5_000_000];
    new Random(1).nextBytes(body);

    for (boolean known : new boolean[] {true, false}) {
      String answer = upload("/library/books/b:upload?title=T", body, known, "video/mp4").body();
      assertThat(answer)
          .contains(
              "\"bookId\":\"b\",\"title\":\"T\",\"contentType\":\"video/mp4\",\"length\":5000000",
              "\"crc\":\"" + crc(body) + "\"")
          .doesNotContain("\"messages\":1,");
    }
  }

  @Test
  void passesAnEmptyBodyOnAsOneMessage() throws Exception {
    assertThat(upload("/library/books/b:upload", new byte[0], true, "a/b").body())
        .contains("\"contentType\":\"a/b\",\"length\":0,\"messages\":1");
  }

  @Test
  void passesTheFileOfAFormOn() throws Exception {
    byte[] file = new byte[3_000_000];
    new Random(2).nextBytes(file);
    byte[] head =
        String.join(
                "\r\n",
                "--b",
                "Content-Disposition: form-data; name=title",
                "",
                "T",
                "--b",
                "Content-Disposition: form-data; name=f; filename=g",
                "Content-Type: video/mp4",
                "",
                "")
            .getBytes(ISO_8859_1);
    byte[] tail = "\r\n--b--".getBytes(ISO_8859_1);
    byte[] form =
        ByteBuffer.allocate(head.length + file.length + tail.length)
            .put(head)
            .put(file)
            .put(tail)
            .array();

    assertThat(
            upload("/library/books/b:upload", form, true, "multipart/form-data; boundary=b").body())
        .contains("\"title\":\"T\",\"contentType\":\"video/mp4\",\"length\":3000000", crc(file));
    int givenUp = LIBRARY.givenUp.get();
    byte[] torn = Arrays.copyOf(form, form.length - 2);
    assertThat(
            upload("/library/books/b:upload", torn, true, "multipart/form-data; boundary=b").body())
        .contains("MALFORMED_FORM");
    await().until(() -> LIBRARY.givenUp.get() > givenUp);
  }

  @Test
  void readsNoMoreThanTheServiceTakes() throws Exception {
    try (SocketChannel client =
        SocketChannel.open(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), fixture.edge.port()))) {
      client.write(ascii(head("shut", "Content-Length: 79000000")));
      assertThat(EdgeFixture.fill(client, new byte[64 * 1024])).isBetween(1L, 30_000_000L);
    }
  }

  @Test
  void noticesThatAClientHasLeftOfWhichNothingIsRead() throws Exception {
    int givenUp = LIBRARY.givenUp.get();
    try (SocketChannel client =
        SocketChannel.open(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), fixture.edge.port()))) {
      client.write(ascii(head("shut", "Content-Length: 79000000")));
      assertThat(EdgeFixture.fill(client, new byte[64 * 1024])).isPositive();
    }
    await().until(() -> LIBRARY.givenUp.get() > givenUp);
  }

  @Test
  void waitsForNoRestOfABodyThatIsAnswered() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(head("refused", "Content-Length: 80") + "begin");
      assertThat(client.answer()).startsWith("HTTP/1.1 429");
      assertThat(client.all()).isEmpty();
    }
  }

  @Test
  void refusesWhatIsLongerThanTheContractAllows() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(head("b", "Content-Length: 80000001"));
      assertThat(client.answer()).startsWith("HTTP/1.1 413");
    }
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(head("b", "Content-Encoding: gzip", "Content-Length: 8"));
      assertThat(client.answer()).startsWith("HTTP/1.1 415");
    }
  }

  @Test
  void waitsForNoClientThatSendsNothingMore() throws Exception {
    int givenUp = LIBRARY.givenUp.get();
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send(head("b", "Content-Length: 80") + "begin");
      assertThat(client.answer()).startsWith("HTTP/1.1 408");
    }
    await().until(() -> LIBRARY.givenUp.get() > givenUp);
  }

  @Test
  void answersBeforeTheEndWhatTheServiceRefuses() throws Exception {
    HttpResponse<String> answer =
        upload("/library/books/refused:upload", new byte[20_000], true, "a/b");

    assertThat(answer.statusCode()).isEqualTo(429);
  }

  private static String head(String book, String... headers) {
    String first = "POST /library/books/" + book + ":upload HTTP/1.1";
    return String.join("\r\n", first, "Host: a", String.join("\r\n", headers), "", "");
  }

  private static ByteBuffer ascii(String text) {
    return ByteBuffer.wrap(text.getBytes(ISO_8859_1));
  }

  private static String crc(byte[] bytes) {
    CRC32 crc = new CRC32();
    crc.update(bytes);
    return Long.toString(crc.getValue());
  }

  private static HttpResponse<String> upload(
      String path, byte[] body, boolean lengthKnown, String contentType)
      throws IOException, InterruptedException {
    return fixture.client.send(
        HttpRequest.newBuilder(fixture.uri(path))
            .timeout(Duration.ofSeconds(30))
            .header("Content-Type", contentType)
            .POST(
                lengthKnown
                    ? HttpRequest.BodyPublishers.ofByteArray(body)
                    : HttpRequest.BodyPublishers.ofInputStream(
                        () -> new ByteArrayInputStream(body)))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }
}
