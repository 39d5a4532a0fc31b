package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import dev.weft.edge.weather.WeatherGrpc;
import java.io.ByteArrayInputStream;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a whole edge tells of itself, over a socket. */
class ApiPagesTest {
  private static final Pattern FILES = Pattern.compile("(?:src|href)=\"(docs/[^\"]+)\"");

  private static EdgeFixture fixture;

  @BeforeAll
  static void open() throws Exception {
    fixture = EdgeFixture.with(new LibraryService());
  }

  @AfterAll
  static void close() throws Exception {
    fixture.close();
  }

  @Test
  void describesWhatIsServedAndToWhoHasItNothing() throws Exception {
    HttpResponse<String> document = fixture.get("/openapi.json");
    String tag = document.headers().firstValue("etag").orElseThrow();
    HttpResponse<String> again = fixture.get("/openapi.json?x=y", "If-None-Match", tag);
    HttpResponse<String> head = fixture.send("HEAD", "/openapi.json", "");

    assertThat(document.statusCode()).isEqualTo(200);
    assertThat(document.headers().firstValue("content-type")).contains("application/json");
    assertThat(document.headers().firstValue("cache-control")).contains("no-cache");
    assertThat(Described.of(document.body()).operation("get", "/library/books").path("tags"))
        .hasToString("[\"library\"]");
    assertThat(again.statusCode()).isEqualTo(304);
    assertThat(again.body()).isEmpty();
    assertThat(head.statusCode()).isEqualTo(200);
    assertThat(head.headers().firstValue("etag")).contains(tag);
  }

  @Test
  void sendsItPackedToWhoTakesItSo() throws Exception {
    String plain = fixture.get("/openapi.json").body();
    HttpResponse<byte[]> packed =
        fixture.client.send(
            HttpRequest.newBuilder(fixture.uri("/openapi.json"))
                .header("Accept-Encoding", "zstd, gzip")
                .build(),
            HttpResponse.BodyHandlers.ofByteArray());
    HttpResponse<String> refused =
        fixture.get("/openapi.json", "Accept-Encoding", "gzip;q=0, *;q=0");

    assertThat(packed.headers().firstValue("content-encoding")).contains("gzip");
    assertThat(packed.headers().firstValue("vary").orElseThrow()).contains("Accept-Encoding");
    assertThat(packed.headers().firstValue("etag").orElseThrow()).endsWith("~gzip\"");
    try (var in = new GZIPInputStream(new ByteArrayInputStream(packed.body()))) {
      assertThat(new String(in.readAllBytes(), StandardCharsets.UTF_8)).isEqualTo(plain);
    }
    assertThat(refused.headers().firstValue("content-encoding")).isEmpty();
    assertThat(refused.body()).isEqualTo(plain);
  }

  @Test
  void followsTheServicesThatCome() throws Exception {
    String before = fixture.get("/openapi.json").headers().firstValue("etag").orElseThrow();

    try (TestBackend weather =
        TestBackend.start(fixture.consul, "weather", new WeatherGrpc.WeatherImplBase() {})) {
      await()
          .atMost(Duration.ofSeconds(10))
          .until(() -> fixture.get("/openapi.json").body().contains("weather.v1.Weather"));
      assertThat(weather.port()).isPositive();
    }

    assertThat(fixture.get("/openapi.json").headers().firstValue("etag").orElseThrow())
        .isNotEqualTo(before);
  }

  @Test
  void describesItsOwnAnswers() throws Exception {
    Described document = Described.of(fixture.get("/openapi.json").body());
    JsonNode responses = document.operation("get", "/library/books/{book_id}").path("responses");
    HttpResponse<String> book = fixture.get("/library/books/b1");
    HttpResponse<String> wrong = fixture.get("/library/books/b1?nothing=1");
    JsonNode schema = responses.at("/200/content/application~1json/schema");
    JsonNode problem =
        document.resolved(responses.path("400")).at("/content/application~1problem+json/schema");

    assertThat(document.wrong(schema, Described.node(book.body()))).isEmpty();
    assertThat(wrong.statusCode()).isEqualTo(400);
    assertThat(document.wrong(problem, Described.node(wrong.body()))).isEmpty();
    assertThat(document.wrong(problem, Described.node(book.body()))).isNotEmpty();
  }

  @Test
  void showsAPageWhoseScriptsAreAllFilesOfThisEdge() throws Exception {
    HttpResponse<String> page = fixture.get("/docs");
    List<String> files =
        FILES.matcher(page.body()).results().map((MatchResult found) -> found.group(1)).toList();

    assertThat(page.statusCode()).isEqualTo(200);
    assertThat(page.headers().firstValue("content-type")).contains("text/html; charset=utf-8");
    assertThat(page.headers().firstValue("content-security-policy").orElseThrow())
        .contains("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'")
        .doesNotContain("unsafe");
    assertThat(page.body()).doesNotContainPattern("<script(?! src=)").doesNotContain("style=");
    assertThat(files).hasSize(4);
    for (String file : files) {
      HttpResponse<String> got = fixture.get("/" + file);
      assertThat(got.statusCode()).as(file).isEqualTo(200);
      assertThat(got.body()).as(file).isNotEmpty();
      assertThat(got.headers().firstValue("content-type").orElseThrow())
          .isEqualTo(
              file.endsWith(".js") ? "text/javascript; charset=utf-8" : "text/css; charset=utf-8");
    }
    assertThat(fixture.get("/docs/swagger-ui-bundle.js").body()).contains("SwaggerUIBundle");
  }

  @Test
  void isReadOnlyAndHasNothingElse() throws Exception {
    HttpResponse<String> posted = fixture.post("/openapi.json", "{}");

    assertThat(posted.statusCode()).isEqualTo(405);
    assertThat(posted.headers().firstValue("allow")).contains("GET, HEAD");
    assertThat(fixture.send("DELETE", "/docs", "").statusCode()).isEqualTo(405);
    for (String path :
        List.of("/docs/", "/docs/page.java", "/docs/../docs", "/docsx", "/docs/a/b")) {
      assertThat(fixture.get(path).statusCode()).as(path).isIn(400, 404);
    }
  }

  @Test
  void isNotThereWhereItIsTurnedOff(@TempDir Path folder) throws Exception {
    try (EdgeServer silent = fixture.silent(folder)) {
      assertThat(fixture.status(silent, "/openapi.json")).isEqualTo(404);
      assertThat(fixture.status(silent, "/docs")).isEqualTo(404);
    }
  }
}
