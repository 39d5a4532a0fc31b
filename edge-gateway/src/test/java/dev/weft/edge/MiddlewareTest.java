package dev.weft.edge;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.netty.handler.codec.http.HttpHeaders;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** An edge with some steps more. */
class MiddlewareTest {
  private static EdgeFixture fixture;

  /** Writes down that a request came by and that its answer did. */
  private record Mark(String name) implements Middleware {
    @Override
    public void serve(Exchange exchange, Consumer<Exchange> next) {
      exchange.alsoAnswer("X-Came-By", name);
      exchange.onAnswer(headers -> headers.merge("X-Went-By", name, (a, b) -> a + ", " + b));
      next.accept(exchange);
    }
  }

  /** Does what a request asks for by a header. */
  private static final class Obeying implements Middleware {
    @Override
    public void serve(Exchange exchange, Consumer<Exchange> next) {
      HttpHeaders headers = exchange.request().headers();
      switch (headers.get("x-do", "")) {
        case "answer" ->
            exchange.answer(Answer.of(200, "text/plain", "early".getBytes(UTF_8), Map.of()));
        case "refuse" -> throw Refused.badRequest("STEP", "not like this");
        case "fail" -> throw new IllegalStateException("secret");
        case "change" -> {
          headers.set("authorization", "Bearer " + EdgeFixture.USER_TOKEN);
          headers.set("grpc-metadata-color", "blue");
          exchange.onAnswer(answer -> answer.remove("X-Content-Type-Options"));
          next.accept(exchange);
        }
        case "later" ->
            Thread.ofVirtual()
                .start(
                    () ->
                        exchange
                            .loop()
                            .execute(() -> Gateway.guarded(exchange, () -> next.accept(exchange))));
        default -> next.accept(exchange);
      }
    }
  }

  @BeforeAll
  static void start() throws Exception {
    fixture =
        new EdgeFixture(
            HttpLimits.DEFAULT,
            new Access.Authenticated(Set.of()),
            Optional.empty(),
            List.of(new Mark("first"), new Obeying(), new Mark("last")));
    fixture.add("library", new LibraryService());
    await().atMost(Duration.ofSeconds(10)).until(() -> fixture.status("/library/books/b1") == 200);
  }

  @AfterAll
  static void stop() throws IOException {
    fixture.close();
  }

  @Test
  void theStepsAreTakenInTheirOrder() throws Exception {
    HttpResponse<String> answer = fixture.get("/library/books/b1");

    assertThat(answer.headers().allValues("x-came-by")).containsExactly("first, last");
    assertThat(answer.headers().allValues("x-went-by")).containsExactly("first, last");
  }

  @Test
  void answersOfAnyKindGoByThem() throws Exception {
    HttpResponse<String> unknown = fixture.get("/nobodys");
    assertThat(unknown.statusCode()).isEqualTo(404);
    assertThat(unknown.headers().allValues("x-went-by")).containsExactly("first, last");

    HttpResponse<String> stream = fixture.get("/library/books/b1:watch");
    assertThat(stream.statusCode()).isEqualTo(200);
    assertThat(stream.headers().allValues("x-went-by")).containsExactly("first, last");
  }

  @Test
  void aStepThatAnswersOrRefusesIsTheLast() throws Exception {
    HttpResponse<String> early = fixture.get("/library/books/b1", "X-Do", "answer");
    assertThat(early.body()).isEqualTo("early");
    assertThat(early.headers().allValues("x-went-by")).containsExactly("first");

    HttpResponse<String> refused = fixture.get("/library/books/b1", "X-Do", "refuse");
    assertThat(refused.statusCode()).isEqualTo(400);
    assertThat(refused.body()).contains("\"reason\":\"STEP\"");
  }

  @Test
  void whatAStepThrowsIsInternal() throws Exception {
    HttpResponse<String> failed = fixture.get("/library/books/b1", "X-Do", "fail");

    assertThat(failed.statusCode()).isEqualTo(500);
    String requestId = failed.headers().firstValue("x-request-id").orElseThrow();
    assertThat(failed.body())
        .contains("\"reason\":\"INTERNAL\"", "\"requestId\":\"" + requestId + "\"")
        .doesNotContain("secret");
  }

  @Test
  void aStepChangesRequestAndAnswer() throws Exception {
    assertThat(fixture.post("/library/books/b1:lend", "{}").statusCode()).isEqualTo(401);

    HttpResponse<String> changed = fixture.post("/library/books/b1:lend", "{}", "X-Do", "change");

    assertThat(changed.statusCode()).isEqualTo(200);
    assertThat(changed.body()).contains("\"color\":\"blue\"");
    assertThat(changed.headers().firstValue("x-content-type-options")).isEmpty();
  }

  /** The check that the edge itself makes where {@code WEFT_HOSTS} says for whom it is there. */
  @Test
  void onlyRequestsForHostsThatAreServedGoOn() throws Exception {
    Middleware page =
        (exchange, _) -> exchange.answer(Answer.of(200, "text/plain", new byte[0], Map.of()));
    Set<String> hosts = Set.of("shop.example", "[2001:db8::1]");
    Map<String, Integer> statuses =
        Map.of(
            "1.1\r\nHost: shop.example", 200,
            "1.1\r\nHost: SHOP.example:8080", 200,
            "1.1\r\nHost: [2001:db8::1]:443", 200,
            "1.1\r\nHost: [2001:db8::1]", 200,
            "1.1\r\nHost: api.shop.example", 421,
            "1.1\r\nHost: shop.example.evil.example", 421,
            "1.1\r\nHost: 127.0.0.1", 421,
            "1.1\r\nHost: [2001:db8::2]", 421,
            "1.1", 400,
            "1.0", 421);
    try (EdgeFixture other =
        new EdgeFixture(
            HttpLimits.DEFAULT,
            new Access.Public(),
            Optional.empty(),
            List.of(new HttpChecks(HttpLimits.DEFAULT, hosts), page))) {
      for (Map.Entry<String, Integer> one : statuses.entrySet()) {
        try (RawHttp client = new RawHttp(other.edge.port())) {
          client.send("GET /x HTTP/" + one.getKey() + "\r\n\r\n");

          String answer = client.answer();
          assertThat(answer).as(one.getKey()).startsWith("HTTP/1.1 " + one.getValue() + " ");
          assertThat(answer.contains("\"reason\":\"MISDIRECTED_REQUEST\""))
              .isEqualTo(one.getValue() == 421);
        }
      }
    }
  }

  @Test
  void aStepMayTakeItsTime() throws Exception {
    HttpResponse<String> answer = fixture.get("/library/books/b1", "X-Do", "later");

    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.headers().allValues("x-came-by")).containsExactly("first, last");
    assertThat(fixture.get("/nobodys", "X-Do", "later").statusCode()).isEqualTo(404);
  }
}
