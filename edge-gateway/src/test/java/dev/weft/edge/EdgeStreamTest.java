package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Server streams, in the form the client asks for. */
class EdgeStreamTest {
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

  @Test
  void writesOneMessageALineUnlessAskedForAnotherForm() throws Exception {
    HttpResponse<String> answer = fixture.get("/library/books/b:watch?count=2");

    assertThat(answer.headers().firstValue("content-type")).contains("application/x-ndjson");
    assertThat(answer.body().lines())
        .hasSize(2)
        .allMatch(line -> line.startsWith("{\"bookId\":\"b\""))
        .anyMatch(line -> line.contains("\"pageCount\":1"));
  }

  @Test
  void writesAnArrayToWhoAcceptsJson() throws Exception {
    assertThat(watch("2", "application/json").body()).matches("\\[\\{.*},\\{.*}]");
    assertThat(watch("0", "application/json").body()).isEqualTo("[]");
  }

  @Test
  void writesEventsToWhoAcceptsThem() throws Exception {
    HttpResponse<String> answer = watch("2", "text/event-stream");

    assertThat(answer.headers().firstValue("content-type")).contains("text/event-stream");
    assertThat(answer.body()).matches("(data: \\{.*}\n\n){2}");
  }

  @Test
  void saysThatAStreamOfEventsLivesThatSaysNothing() throws Exception {
    try (EdgeFixture quick = EdgeFixture.with(LIBRARY, EdgeFixture.QUICK);
        RawHttp client = new RawHttp(quick.edge.port())) {
      String path = "/library/books/b:watch?count=0&failWith=-1";
      client.send("GET " + path + " HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n");

      assertThat(client.head()).startsWith("HTTP/1.1 200").contains("text/event-stream");
      assertThat(List.of(client.chunk(), client.chunk())).containsOnly(":\n\n");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "application/json, text/plain, */*          | application/json",
        "text/html, */*;q=0.8                       | application/x-ndjson",
        "application/json;q=0.5, text/event-stream  | text/event-stream",
        "application/*                              | application/x-ndjson",
      })
  void choosesByWhatTheClientLikesBest(String accept, String contentType) throws Exception {
    assertThat(watch("1", accept).headers().firstValue("content-type")).contains(contentType);
  }

  @Test
  void refusesFormsItDoesNotKnow() throws Exception {
    assertThat(watch("1", "application/xml").statusCode()).isEqualTo(406);
  }

  @Test
  void answersAFailureBeforeTheFirstMessageWithItsStatus() throws Exception {
    HttpResponse<String> answer = fixture.get("/library/books/b:watch?count=0&failWith=5");

    assertThat(answer.statusCode()).isEqualTo(404);
    assertThat(answer.headers().firstValue("content-type")).contains("application/problem+json");
  }

  @Test
  void endsWithARecordAfterAFailureOnTheWay() throws Exception {
    assertThat(watch("1&failWith=9", "application/x-ndjson").body().lines().toList().get(1))
        .startsWith("{\"error\":{\"type\":\"urn:weft:problem:failed-precondition\"")
        .contains("\"status\":400", "\"message\":\"the book burned\"");
    assertThat(watch("1&failWith=9", "application/json").body())
        .matches("\\[\\{.*},\\{\"error\":\\{.*}}]");
    assertThat(watch("1&failWith=9", "text/event-stream").body())
        .contains("\n\nevent: error\ndata: {\"type\"");
  }

  @Test
  void answersHeadWithoutTheStream() throws Exception {
    HttpResponse<String> answer =
        fixture.send("HEAD", "/library/books/b:watch?count=3", "", "Accept", "text/event-stream");

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.headers().firstValue("content-type")).contains("text/event-stream");
  }

  @Test
  void writesToOldClientsUntilTheConnectionEnds() throws Exception {
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send("GET /library/books/b:watch?count=2 HTTP/1.0\r\n\r\n");

      assertThat(client.all())
          .startsWith("HTTP/1.1 200 OK")
          .containsIgnoringCase("connection: close")
          .doesNotContainIgnoringCase("transfer-encoding")
          .containsSubsequence("\"pageCount\":0", "\"pageCount\":1");
    }
  }

  @Test
  void sendsNoFasterThanTheClientReadsAndCancelsWhenItLeaves() throws Exception {
    int sent = LIBRARY.sent.get();
    int givenUp = LIBRARY.givenUp.get();
    try (RawHttp client = new RawHttp(fixture.edge.port())) {
      client.send("GET /library/books/b:watch?count=-1 HTTP/1.1\r\nHost: a\r\n\r\n");
      assertThat(client.head()).startsWith("HTTP/1.1 200 OK");
      // It reads no more: what fits into buffers on the way is sent, and then nothing.
      await().during(Duration.ofMillis(700)).atMost(Duration.ofSeconds(20)).until(new Unchanged());
      assertThat(LIBRARY.sent.get() - sent).isBetween(1, 50_000);
    }
    await().until(() -> LIBRARY.givenUp.get() > givenUp);
  }

  /** Whether as many messages were sent as the last time it was asked. */
  private static final class Unchanged implements Callable<Boolean> {
    private int last = -1;

    @Override
    public Boolean call() {
      int now = LIBRARY.sent.get();
      boolean same = now == last;
      last = now;
      return same;
    }
  }

  @Test
  void boundsTheStreamsOfOnePrincipal() throws Exception {
    RawHttp[] clients = new RawHttp[6];
    try {
      for (int i = 0; i < 5; i++) {
        clients[i] = new RawHttp(fixture.edge.port());
        clients[i].send(
            "GET /library/books/b:watch?count=1&failWith=-1 HTTP/1.1\r\nHost: a\r\n\r\n");
        assertThat(clients[i].head()).startsWith("HTTP/1.1 200 OK");
      }
      HttpResponse<String> sixth = fixture.get("/library/books/b:watch?count=1");
      assertThat(sixth.statusCode()).isEqualTo(429);
      assertThat(sixth.headers().firstValue("retry-after")).isPresent();
      assertThat(
              fixture
                  .get(
                      "/library/books/b:watch?count=1",
                      "Authorization",
                      "Bearer " + EdgeFixture.USER_TOKEN)
                  .statusCode())
          .isEqualTo(200);
    } finally {
      for (RawHttp client : clients) {
        if (client != null) {
          client.close();
        }
      }
    }
    await().until(() -> fixture.get("/library/books/b:watch?count=1").statusCode() == 200);
  }

  @Test
  void endsStreamsWithARecordWhenTheEdgeStops(@TempDir Path folder) throws Exception {
    EdgeServer stopping = fixture.another(folder);
    try (RawHttp client = new RawHttp(stopping.port())) {
      await().until(() -> fixture.status(stopping, "/library/books/b1") == 200);
      client.send("GET /library/books/b:watch?count=1&failWith=-1 HTTP/1.1\r\nHost: a\r\n\r\n");
      assertThat(client.head()).startsWith("HTTP/1.1 200 OK");
      assertThat(client.chunk()).contains("\"pageCount\":0");

      stopping.close();

      assertThat(client.chunk()).contains("{\"error\":", "\"reason\":\"EDGE_STOPS\"");
      assertThat(client.chunk()).isEmpty();
    }
  }

  private static HttpResponse<String> watch(String count, String accept) throws Exception {
    return fixture.get("/library/books/b:watch?count=" + count, "Accept", accept);
  }
}
