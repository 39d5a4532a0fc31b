package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is said of a rule is what the table does with it. */
class RuleTrialTest {
  private static final RouteTable TABLE =
      Contracts.table(Contracts.library(), Contracts.notes(), Contracts.weather());

  private static final List<String> METHODS =
      List.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE");

  private static final List<String> PATHS =
      List.of(
          "/library/books",
          "/library/books/",
          "/library/books/b1",
          "/library/books/b1/cover",
          "/library/books/b1/cover/more",
          "/library/books/b1:watch",
          "/library/books/b1%3Awatch",
          "/library/books/b1:other",
          "/library/books/:watch",
          "/library/b%6foks/b1",
          "/library/desk:donate",
          "/library/desk",
          "/library/files/raw",
          "/library/files/a/b%2Fc/raw",
          "/library/files//raw",
          "/library/files/a",
          "/library/talk/sea",
          "//library/books",
          "/weather/oslo",
          "/weather/",
          "/",
          "/v1");

  @Test
  void agreesWithTheTable() {
    int met = 0;
    for (String method : METHODS) {
      for (String path : PATHS) {
        RequestTarget target = RequestTarget.parse(path);
        List<Route> matching =
            TABLE.routes().stream()
                .filter(route -> trial(route, method, target) == RuleTrial.Verdict.MATCHES)
                .toList();
        List<Route> ofOtherMethods =
            TABLE.routes().stream()
                .filter(route -> trial(route, method, target) == RuleTrial.Verdict.METHOD_DIFFERS)
                .toList();
        String as = method + " " + path;
        switch (TABLE.match(method, target)) {
          case RouteTable.Found found -> {
            assertThat(matching).as(as).contains(found.route());
            met++;
          }
          case RouteTable.WrongMethod(var allowed) -> {
            List<String> others = ofOtherMethods.stream().map(Route::httpMethod).toList();
            assertThat(others)
                .as(as)
                .containsAll(
                    allowed.stream()
                        .filter(one -> !one.equals("HEAD") && !one.equals("OPTIONS"))
                        .toList());
            if (path.indexOf(':') < 0) {
              // Rules with a verb hide those that have it in their last segment.
              assertThat(allowed).as(as).containsAll(others);
            }
          }
          case RouteTable.Unknown() -> {
            assertThat(matching).as(as).isEmpty();
            assertThat(ofOtherMethods).as(as).isEmpty();
          }
        }
      }
    }
    assertThat(met).as("requests that meet a rule").isGreaterThan(15);
  }

  private static RuleTrial.Verdict trial(Route route, String method, RequestTarget target) {
    return RuleTrial.of(route, method, target).verdict();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "GET | /library/book               | /library/books               | LITERAL_DIFFERS |"
            + " \"book\" is not \"books\"",
        "GET | /library                    | /library/books               | LENGTH_DIFFERS  | the"
            + " path ends before \"books\"",
        "GET | /library/books/b1/x         | /library/books/{book_id}     | LENGTH_DIFFERS  | the"
            + " path goes on with \"x\"",
        "GET | /library/books/             | /library/books/{book_id}     | LITERAL_DIFFERS | the"
            + " path has an empty segment",
        "GET | /library/files/a            | /library/files/{path=**}/raw | LITERAL_DIFFERS | \"a\""
            + " is not \"raw\"",
        "GET | /library/files              | /library/files/{path=**}/raw | LENGTH_DIFFERS  | the"
            + " path is too short for it",
        "GET | /library/books/b1:read      | /library/books/{book_id}:watch | VERB_DIFFERS  | the"
            + " verb is \":read\"",
        "GET | /library/books/b1           | /library/books/{book_id}:watch | VERB_DIFFERS  | the"
            + " path has no verb",
        "PUT | /library/books/b1           | /library/books/{book_id}     | METHOD_DIFFERS  | it"
            + " takes GET",
        "GET | /library/eyJhbGciOiJFUzI1N  | /library/books               | LITERAL_DIFFERS |"
            + " \"***\" is not \"books\"",
      })
  void saysWhyNot(
      String method, String path, String template, RuleTrial.Verdict verdict, String why) {
    Optional<Route> route =
        TABLE.routes().stream()
            .filter(one -> one.template().text().equals(template))
            .filter(one -> one.httpMethod().equals("GET") || one.httpMethod().equals("*"))
            .findFirst();

    RuleTrial trial = RuleTrial.of(route.orElseThrow(), method, RequestTarget.parse(path));

    assertThat(trial.verdict()).isEqualTo(verdict);
    assertThat(trial.why()).isEqualTo(why);
  }
}
