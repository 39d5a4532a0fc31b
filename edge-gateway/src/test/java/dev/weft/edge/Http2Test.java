package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** REST over HTTP/2, begun without asking. */
class Http2Test {
  private static final String AUTHORIZATION = "Bearer " + EdgeFixture.USER_TOKEN;
  private static final LibraryService LIBRARY = new LibraryService();
  private static EdgeFixture fixture;

  @BeforeAll
  static void open() throws Exception {
    fixture = EdgeFixture.with(LIBRARY);
  }

  @AfterAll
  static void close() throws Exception {
    fixture.close();
  }

  private static RawHttp2 connect() throws Exception {
    return new RawHttp2(fixture.edge.port());
  }

  @Test
  void answersAsOverHttp1() throws Exception {
    HttpResponse<String> over1 = fixture.get("/library/shelves/s%2F1/books/b%201");
    try (RawHttp2 client = connect()) {
      client.get(1, "/library/shelves/s%2F1/books/b%201");
      RawHttp2.Answer over2 = client.answer(1);

      assertThat(over2.status()).isEqualTo(200);
      assertThat(over2.body()).isEqualTo(over1.body());
      assertThat(over2.head().keySet())
          .containsAll(
              over1.headers().map().keySet().stream()
                  .map(n -> n.toLowerCase(Locale.ROOT))
                  .toList());
      assertThat(over2.head()).containsEntry("content-length", "" + over1.body().length());
    }
  }

  @Test
  void talksBothWaysInOneRequest() throws Exception {
    try (RawHttp2 client = connect()) {
      client.request(
          1, 0, "POST", "/library/talk/t", "content-type", "application/x-ndjson; charset=utf-8");
      for (String text : new String[] {"a", "b"}) {
        client.data(1, 0, "{\"text\":\"" + text + "\"}\n");
        assertThat(client.next(RawHttp2.DATA).payload().toStringUtf8())
            .isEqualTo("{\"topic\":\"t\",\"text\":\"" + text + "\"}\n");
      }
      client.data(1, RawHttp2.END_STREAM, "");
      assertThat(client.next(RawHttp2.DATA).last()).isTrue();

      client.get(3, "/library/talk/t");
      RawHttp2.Answer asked = client.answer(3);
      assertThat(asked.status()).isEqualTo(426);
      assertThat(asked.head()).doesNotContainKeys("upgrade", "connection");
    }
  }

  @Test
  void answersManyRequestsOfOneConnectionAsTheyAreReady() throws Exception {
    try (RawHttp2 client = connect()) {
      client.request(1, 0, "POST", "/library/fail", "content-type", "application/json");
      client.data(1, RawHttp2.END_STREAM, "{\"delay\":\"9s\"}");
      for (int i = 3; i < 100; i += 2) {
        client.get(i, "/library/books/b" + i);
      }
      List<Integer> ended = new ArrayList<>();
      while (ended.size() < 50) {
        RawHttp2.Frame part = client.next(RawHttp2.DATA);
        if (part.last()) {
          ended.add(part.stream());
        }
      }
      assertThat(ended).doesNotHaveDuplicates().endsWith(1);
    }
  }

  @Test
  void takesBodiesWhoseLengthIsSaidOrNot() throws Exception {
    try (RawHttp2 client = connect()) {
      String[] json = {"content-type", "application/json"};
      client.request(1, 0, "POST", "/library/echo", json);
      client.data(1, 0, "{\"string\":");
      client.data(1, RawHttp2.END_STREAM, "\"x\"}");
      assertThat(client.answer(1).body()).contains("\"string\":\"x\"");

      client.request(
          3, 0, "POST", "/library/echo", json[0], json[1], "content-length", "2", "te", "trailers");
      client.data(3, RawHttp2.END_STREAM, "{}");
      assertThat(client.answer(3).status()).isEqualTo(200);

      client.request(5, RawHttp2.END_STREAM, "POST", "/library/echo");
      assertThat(client.answer(5).status()).isEqualTo(200);
    }
  }

  @Test
  void knowsWhoAsks() throws Exception {
    try (RawHttp2 client = connect()) {
      client.request(1, RawHttp2.END_STREAM, "POST", "/library/books/b1:lend");
      RawHttp2.Answer refused = client.answer(1);
      assertThat(refused.status()).isEqualTo(401);
      assertThat(refused.head()).containsKey("www-authenticate");

      client.request(
          3, RawHttp2.END_STREAM, "POST", "/library/books/b1:lend", "authorization", AUTHORIZATION);
      assertThat(client.answer(3).body()).contains("\"authorization\":\"" + AUTHORIZATION + "\"");
    }
  }

  @Test
  void answersHeadWithoutTheBody() throws Exception {
    try (RawHttp2 client = connect()) {
      client.request(1, RawHttp2.END_STREAM, "HEAD", "/library/books/b1");

      RawHttp2.Answer answer = client.answer(1);
      assertThat(answer.body()).isEmpty();
      assertThat(Integer.parseInt(answer.head().get("content-length"))).isPositive();
    }
  }

  @Test
  void refusesABodyThatIsTooLongAndGoesOn() throws Exception {
    try (RawHttp2 client = connect()) {
      client.request(1, 0, "POST", "/library/echo", "content-type", "application/json");
      for (int i = 0; i < 3; i++) {
        client.data(1, 0, "x".repeat(16_000));
      }
      while (client.next(RawHttp2.WINDOW_UPDATE).stream() != 1) {
        // That was room for all bodies together.
      }
      client.data(1, 0, "x".repeat(16_000));
      client.data(1, 0, "x".repeat(16_000));
      assertThat(client.answer(1).status()).isEqualTo(413);
      assertThat(client.next(RawHttp2.RST_STREAM).error()).isZero();

      client.get(3, "/library/books/b1");
      assertThat(client.answer(3).status()).isEqualTo(200);
    }
  }

  @Test
  void streamsNoFasterThanTheClientReadsAndStopsWhenItCallsOff() throws Exception {
    int sent = LIBRARY.sent.get();
    int givenUp = LIBRARY.givenUp.get();
    try (RawHttp2 client = connect()) {
      client.get(1, "/library/books/b:watch?count=-1");
      assertThat(client.next(RawHttp2.DATA).payload()).isNotEmpty();
      await()
          .during(Duration.ofMillis(700))
          .atMost(Duration.ofSeconds(20))
          .until(LIBRARY.sent::get, new Same()::as);
      assertThat(LIBRARY.sent.get() - sent).isBetween(1, 10_000);

      client.get(3, "/library/books/b1");
      client.window(0, 100_000);
      assertThat(client.answer(3).status()).as("others are not held up").isEqualTo(200);

      client.reset(1);
      await().until(() -> LIBRARY.givenUp.get() > givenUp);
      client.get(5, "/library/books/b1");
      assertThat(client.answer(5).status()).isEqualTo(200);
    }
  }

  /** Whether a number is what it was when it was looked at last. */
  private static final class Same {
    private int last = -1;

    boolean as(int now) {
      boolean same = now == last;
      last = now;
      return same;
    }
  }

  @Test
  void cancelsWhatAClientWaitedForThatLeft() throws Exception {
    int givenUp = LIBRARY.givenUp.get();
    try (RawHttp2 client = connect()) {
      client.get(1, "/library/books/b:watch?count=1&failWith=-1");
      assertThat(client.next(RawHttp2.DATA).payload()).isNotEmpty();
    }
    await().until(() -> LIBRARY.givenUp.get() > givenUp);
  }

  @Test
  void saysThatItEndsEndsStreamsWithARecordAndCloses(@TempDir Path folder) throws Exception {
    EdgeServer stopping = fixture.another(folder);
    await().until(() -> fixture.status(stopping, "/library/books/b1") == 200);
    try (RawHttp2 client = new RawHttp2(stopping.port())) {
      client.get(1, "/library/books/b:watch?count=1&failWith=-1");
      assertThat(client.next(RawHttp2.DATA).payload()).isNotEmpty();
      Thread stop = Thread.ofVirtual().start(stopping::close);

      assertThat(client.next(RawHttp2.GOAWAY).error()).isZero();
      RawHttp2.Frame record = client.next(RawHttp2.DATA);
      assertThat(record.payload().toStringUtf8()).contains("\"reason\":\"EDGE_STOPS\"");
      assertThat(client.farewell()).isZero();
      stop.join();
    }
  }

  /** 8 KiB are what Netty allows where nobody says how much, so it takes another number to tell. */
  @Test
  void aHeaderIsAsLongAsTheEdgeSaysItMayBe() throws Exception {
    HttpLimits wide = HttpLimits.DEFAULT.withHeaderBytes(32 * 1024);
    try (EdgeFixture other = new EdgeFixture(wide, new Access.Authenticated(Set.of()));
        RawHttp2 client = new RawHttp2(other.edge.port())) {
      // Thrice the same three kilobytes, which are sent once and then named by their place.
      assertThat(client.answerToRepeated(1, 3)).as("12 kB").isIn(404, 503);
      assertThat(client.answerToRepeated(3, 11)).as("36 kB").isEqualTo(431);
    }
  }

  @Test
  void endsAConnectionThatIsIdleOrOldAndSaysSo() throws Exception {
    HttpLimits idle =
        HttpLimits.DEFAULT.withDeadlines(
            Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ofSeconds(1));
    Http2Limits d = Http2Limits.DEFAULT;
    HttpLimits old =
        HttpLimits.DEFAULT.with(
            new Http2Limits(
                d.streams(),
                d.streamWindowBytes(),
                d.connectionWindowBytes(),
                d.heldBytes(),
                d.sharedBytes(),
                d.resets(),
                Duration.ofSeconds(1)));
    for (HttpLimits limits : List.of(idle, old)) {
      try (EdgeFixture other = new EdgeFixture(limits, new Access.Authenticated(Set.of()));
          RawHttp2 client = new RawHttp2(other.edge.port())) {
        client.get(1, "/");
        assertThat(client.answer(1).status()).isIn(404, 503);

        assertThat(client.farewell()).isZero();
      }
    }
  }
}
