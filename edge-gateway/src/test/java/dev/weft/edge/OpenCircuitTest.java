package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A method that fails often, seen from outside. */
@Timeout(120)
class OpenCircuitTest {
  /** Many more than open a circuit: twenty within ten seconds. */
  private static final int CALLS_MAX = 500;

  private final LibraryService library = new LibraryService();
  private EdgeFixture fixture;

  @BeforeEach
  void start() throws Exception {
    fixture = EdgeFixture.with(library);
  }

  @AfterEach
  void stop() throws Exception {
    fixture.close();
  }

  @Test
  void isAnswered503WithRetryAfterAndNotCalledWhileTheOthersOfItsServiceAreServed()
      throws Exception {
    int calls = 0;
    HttpResponse<String> answer;
    do {
      calls = library.calls.get();
      answer = fixture.post("/library/fail", "{\"code\": 14}");
    } while (library.calls.get() > calls && calls < CALLS_MAX);

    assertThat(calls).as("calls until one was not made").isBetween(20, CALLS_MAX - 1);
    assertThat(answer.statusCode()).isEqualTo(503);
    assertThat(answer.headers().firstValue("content-type")).hasValue("application/problem+json");
    assertThat(answer.headers().firstValue("retry-after").orElseThrow()).matches("[1-6]");
    assertThat(answer.body()).contains("\"CIRCUIT_OPEN\"");
    assertThat(fixture.status("/library/books/b1")).isEqualTo(200);
  }
}
