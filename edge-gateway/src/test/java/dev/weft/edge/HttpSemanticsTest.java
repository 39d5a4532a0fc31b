package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.http.HttpResponse;
import java.time.Duration;
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
    fixture = new EdgeFixture();
    fixture.add("library", LIBRARY);
    await()
        .atMost(Duration.ofSeconds(10))
        .pollInterval(Duration.ofMillis(10))
        .until(() -> fixture.status("/library/books/b1") == 200);
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
    String one = header(fixture.get("/library/shelves/s"), "etag");
    String other = header(fixture.get("/library/shelves/s"), "etag");

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
