package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What HTTP says beside a body, through a whole edge: places, versions, conditions. */
class HttpSemanticsTest {
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
  void saysWhereACreatedResourceIsAndItsVersionAlsoFromElsewhere() throws Exception {
    HttpResponse<String> answer = fixture.post("/library/desk:donate", "{\"title\":\"T\"}");

    assertThat(answer.statusCode()).isEqualTo(201);
    assertThat(header(answer, "location")).isEqualTo("/library/books/gift");
    assertThat(header(answer, "etag")).isEqualTo("\"1\"");
  }

  @Test
  void answersNothingWhereTheContractSaysSo() throws Exception {
    HttpResponse<String> answer = delete("b1", "If-Match", "\"7\"");

    assertThat(answer.statusCode()).isEqualTo(204);
    assertThat(answer.body()).isEmpty();
    assertThat(header(answer, "content-length") + header(answer, "content-type")).isEmpty();
  }

  @Test
  void changesOnlyTheVersionThatTheClientMeans() throws Exception {
    HttpResponse<String> changed = patch("{\"title\":\"T\"}", "If-Match", "\"7\"");
    assertThat(changed.statusCode()).isEqualTo(200);
    assertThat(header(changed, "etag")).isEqualTo("\"8\"");

    for (String condition : new String[] {"*", "\"7\", \"7\"", "\"7~gzip\""}) {
      assertThat(patch("{\"title\":\"T\"}", "If-Match", condition).statusCode())
          .as(condition)
          .isEqualTo(200);
    }
    HttpResponse<String> late = patch("{\"title\":\"T\"}", "If-Match", "\"6\"");
    assertThat(late.statusCode()).isEqualTo(412);
    assertThat(late.body()).contains("\"reason\":\"ETAG_MISMATCH\"");
    assertThat(delete("b1", "If-Match", "\"6\"").statusCode()).isEqualTo(412);
  }

  @Test
  void takesTheVersionFromTheBodyTooButNotTwoOfThem() throws Exception {
    String body = "{\"title\":\"T\",\"etag\":\"\\\"7\\\"\"}";

    assertThat(patch(body).statusCode()).isEqualTo(200);
    assertThat(patch(body, "If-Match", "\"7\"").statusCode()).isEqualTo(200);
    HttpResponse<String> torn = patch(body, "If-Match", "\"6\"");
    assertThat(torn.statusCode()).isEqualTo(400);
    assertThat(torn.body()).contains("\"pointer\":\"/etag\"", "differs from the header If-Match");
  }

  @Test
  void asksForTheVersionWhereTheContractRequiresIt() throws Exception {
    int before = LIBRARY.calls.get();

    for (String[] condition : new String[][] {{}, {"If-Match", "*"}}) {
      HttpResponse<String> answer = delete("b1", condition);
      assertThat(answer.statusCode()).isEqualTo(428);
      assertThat(answer.body()).contains("\"reason\":\"ETAG_REQUIRED\"");
    }
    assertThat(LIBRARY.calls.get()).isEqualTo(before);
    assertThat(fixture.send("DELETE", "/library/books/b1?etag=%227%22", "").statusCode())
        .isEqualTo(204);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "W/\"7\"                | 412 | ETAG_MISMATCH",
        "\"7\", \"8\"           | 400 | MALFORMED_HEADER",
        "7                      | 400 | MALFORMED_HEADER",
        "\"7                    | 400 | MALFORMED_HEADER",
        "\"7\"\", \"7\"         | 400 | MALFORMED_HEADER",
      })
  void callsNobodyForAConditionThatCannotHold(String condition, int status, String reason)
      throws Exception {
    int before = LIBRARY.calls.get();
    HttpResponse<String> answer = patch("{\"title\":\"T\"}", "If-Match", condition);

    assertThat(answer.statusCode()).isEqualTo(status);
    assertThat(answer.body()).contains("\"reason\":\"" + reason + "\"");
    assertThat(LIBRARY.calls.get()).isEqualTo(before);
  }

  @Test
  void refusesAConditionThatNobodyChecksAndDoesNothing() throws Exception {
    int before = LIBRARY.calls.get();

    HttpResponse<String> post = fixture.post("/library/echo", "{}", "If-Match", "\"7\"");
    HttpResponse<String> patch = patch("{\"title\":\"T\"}", "If-None-Match", "*");

    for (HttpResponse<String> answer : List.of(post, patch)) {
      assertThat(answer.statusCode()).isEqualTo(412);
      assertThat(answer.body()).contains("\"reason\":\"CONDITION_NOT_CHECKED\"");
    }
    assertThat(LIBRARY.calls.get()).isEqualTo(before);
  }

  @Test
  void readsOnlyTheVersionThatTheClientMeans() throws Exception {
    assertThat(fixture.get("/library/books/tagged", "If-Match", "\"6\", \"7\"").statusCode())
        .isEqualTo(200);
    assertThat(fixture.get("/library/books/tagged", "If-Match", "\"6\"").statusCode())
        .isEqualTo(412);
    assertThat(fixture.get("/library/books/tagged", "If-Match", "W/\"7\"").statusCode())
        .isEqualTo(412);
  }

  @Test
  void tellsTwoBodiesOfOneVersionApartAndTakesTheirTagsForThatVersion() throws Exception {
    String[] anew = {"Cache-Control", "no-cache"};
    String one = header(fixture.get("/library/shelves/s", anew), "etag");
    String other = header(fixture.get("/library/shelves/s", anew), "etag");

    assertThat(one).matches("\"7~[A-Za-z0-9_-]{16}\"").isNotEqualTo(other);
    assertThat(fixture.get("/library/shelves/s", "If-None-Match", one).statusCode()).isEqualTo(200);
    assertThat(
            fixture
                .send(
                    "PATCH",
                    "/library/shelves/s",
                    "{}",
                    "Content-Type",
                    "application/json",
                    "If-Match",
                    one)
                .statusCode())
        .isEqualTo(200);
  }

  @ParameterizedTest
  @ValueSource(strings = {"7~gzip", "7~abcdefghijklmnop", "7~abcdefghijklmnop~zstd"})
  void givesOutNoVersionThatItWouldTakeForAnother(String version) {
    assertThat(EntityTag.ofVersion('"' + version + '"')).isEmpty();
  }

  @Test
  void tellsInEveryAnswerThatAMethodComesToItsEnd() throws Exception {
    HttpResponse<String> answer =
        fixture.get("/library/shelves/s", "Grpc-Metadata-Answer-Link", "</up>; rel=\"up\"");
    HttpResponse<String> refused = fixture.get("/library/shelves/s?nope=1");

    for (HttpResponse<String> each : List.of(answer, refused)) {
      assertThat(header(each, "deprecation")).isEqualTo("@1767312000");
      assertThat(header(each, "sunset")).isEqualTo("Fri, 01 Jan 2027 00:00:00 GMT");
      assertThat(header(each, "link"))
          .startsWith("<https://library.example/shelves>; rel=\"sunset deprecation\"");
    }
    assertThat(header(answer, "link")).endsWith(", </up>; rel=\"up\"");
    assertThat(header(fixture.get("/library/books/b1"), "deprecation")).isEmpty();
  }

  @Test
  void leadsToTheNextPageOfAListByTheSameQuery() throws Exception {
    HttpResponse<String> page =
        fixture.get(
            "/library/books?pageSize=1&page_token=a%20b%26%3E&genres=GENRE_POETRY&genres=1"
                + "&access_token=secret&api%5Fkey=secret&$x=1");

    assertThat(header(page, "link"))
        .isEqualTo(
            "</library/books?pageSize=1&genres=GENRE_POETRY&genres=1&$x=1"
                + "&pageToken=a%20b%26%3E>; rel=\"next\"");
    String next = header(page, "link").replaceAll("^<|>.*$", "");
    assertThat(header(fixture.get(next), "link")).contains("pageToken=a%20b%26%3E>");
    assertThat(header(fixture.get("/library/books?pageSize=1"), "link"))
        .as("the last page")
        .isEmpty();
  }

  @Test
  void leavesOutTheBodyOfAChangeForWhoPrefersThat() throws Exception {
    HttpResponse<String> created =
        fixture.post("/library/desk:donate", "{}", "Prefer", "foo, Return=\"minimal\";x=y");
    assertThat(created.statusCode()).isEqualTo(201);
    assertThat(created.body()).isEmpty();
    assertThat(header(created, "content-length")).isEqualTo("0");
    assertThat(header(created, "location")).isEqualTo("/library/books/gift");
    assertThat(header(created, "preference-applied")).isEqualTo("return=minimal");

    HttpResponse<String> changed = patch("{\"title\":\"T\"}", "Prefer", "return=minimal");
    assertThat(changed.statusCode()).isEqualTo(204);
    assertThat(header(changed, "etag")).isEqualTo("\"8\"");

    for (String preference :
        new String[] {"return=representation, return=minimal", "return=\"", ",;=", "minimal"}) {
      HttpResponse<String> whole = patch("{\"title\":\"T\"}", "Prefer", preference);
      assertThat(whole.statusCode()).as(preference).isEqualTo(200);
      assertThat(header(whole, "preference-applied")).as(preference).isEmpty();
    }
    HttpResponse<String> read = fixture.get("/library/books/b1", "Prefer", "return=minimal");
    assertThat(read.body()).as("what is read is read whole").contains("\"bookId\":\"b1\"");
    HttpResponse<String> refused = patch("{", "Prefer", "return=minimal");
    assertThat(refused.body()).contains("\"status\":400");
  }

  @Test
  void saysHowLongThePartsTookToWhoAsks() throws Exception {
    String trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    HttpResponse<String> answer =
        fixture.get("/library/books/b1", "Prefer", "server-timing", "traceparent", trace);

    assertThat(header(answer, "server-timing"))
        .matches(
            "transcode;dur=[0-9.]+, call;dur=[0-9.]+, total;dur=[0-9.]+,"
                + " traceparent;desc=\"00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-0[01]\"");
    assertThat(header(fixture.get("/library/books/b1"), "server-timing")).isEmpty();
    assertThat(
            header(
                fixture.get("/library/books/b:watch?count=1", "Prefer", "server-timing"),
                "server-timing"))
        .contains("call;dur=");
  }

  @Test
  void answersTheFieldsThatAreAskedForAlsoOfStreams() throws Exception {
    assertThat(fixture.get("/library/books?pageSize=2&$fields=books.bookId,next_page_token").body())
        .isEqualTo(
            "{\"books\":[{\"bookId\":\"book-0\"},{\"bookId\":\"book-1\"}],\"nextPageToken\":\"\"}");
    assertThat(fixture.get("/library/books/b1?%24fields=book_id&$fields=genre").body())
        .isEqualTo("{\"bookId\":\"b1\",\"genre\":\"GENRE_UNSPECIFIED\"}");
    assertThat(fixture.get("/library/books/b:watch?count=2&$fields=pageCount").body())
        .isEqualTo("{\"pageCount\":0}\n{\"pageCount\":1}\n");
    HttpResponse<String> created =
        fixture.post("/library/desk:donate?$fields=title", "{\"title\":\"T\"}");
    assertThat(created.body()).isEqualTo("{\"title\":\"\"}");
    assertThat(header(created, "location")).isEqualTo("/library/books/gift");
  }

  @Test
  void callsNobodyForFieldsThatTheAnswerHasNot() throws Exception {
    int before = LIBRARY.calls.get();
    HttpResponse<String> answer =
        fixture.send(
            "PATCH", "/library/books/b1?$fields=titl", "{}", "Content-Type", "application/json");

    assertThat(answer.statusCode()).isEqualTo(400);
    assertThat(answer.body())
        .contains("\"pointer\":\"/$fields\"", "did you mean title?", "INVALID_PARAMETER");
    assertThat(LIBRARY.calls.get()).isEqualTo(before);
  }

  private static HttpResponse<String> patch(String json, String... headers) throws Exception {
    String[] all = Arrays.copyOf(headers, headers.length + 2);
    all[headers.length] = "Content-Type";
    all[headers.length + 1] = "application/json";
    return fixture.send("PATCH", "/library/books/b1", json, all);
  }

  private static HttpResponse<String> delete(String id, String... headers) throws Exception {
    return fixture.send("DELETE", "/library/books/" + id, "", headers);
  }

  private static String header(HttpResponse<String> answer, String name) {
    return answer.headers().firstValue(name).orElse("");
  }
}
