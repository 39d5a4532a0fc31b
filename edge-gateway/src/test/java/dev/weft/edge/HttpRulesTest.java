package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.api.HttpRule;
import dev.weft.edge.library.LibraryProto;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HttpRulesTest {
  private static final String GET_BOOK = "library.v1.Library.GetBook";

  @Test
  void saysNothingWithoutText() {
    assertThat(HttpRules.of(Optional.empty())).isEqualTo(HttpRules.NONE);
    assertThat(rules("")).isEqualTo(HttpRules.NONE);
  }

  /** As google/api/http.proto has it. */
  @Test
  void letsTheLastRuleOfASelectorCount() {
    HttpRules rules =
        rules(
            "{\"selector\": \"a.v1.A.Get\", \"get\": \"/one\"},"
                + "{\"selector\": \"a.v1.A.Get\", \"post\": \"/two\", \"body\": \"*\","
                + " \"responseBody\": \"b\", \"additional_bindings\": [{\"get\": \"/three\"}]}");

    assertThat(rules.rule("a.v1.A.Get"))
        .contains(
            HttpRule.newBuilder()
                .setSelector("a.v1.A.Get")
                .setPost("/two")
                .setBody("*")
                .setResponseBody("b")
                .addAdditionalBindings(HttpRule.newBuilder().setGet("/three"))
                .build());
    assertThat(rules.rule("a.v1.A.Put")).isEmpty();
    assertThat(rules.about(List.of("a.v1.B"))).isEqualTo(HttpRules.NONE);
    assertThat(rules.about(List.of("a.v1.A", "a.v1.B"))).isEqualTo(rules);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "[]",
        "{} {}",
        "{\"rule\": []}",
        "{\"rules\": {}}",
        "{\"rules\": [{\"selector\": \"a.A.G\", \"got\": \"/a\"}]}",
        "{\"rules\": [{\"selector\": \"a.A.G\", \"get\": \"/a\", \"post\": \"/b\"}]}",
        "{\"rules\": [{\"selector\": 1}]}",
        "{\"rules\": [], \"rules\": []}"
      })
  void saysWhatIsWrongWithWhatOperatorsSay(String json) {
    assertThatThrownBy(() -> HttpRules.of(Optional.of(json)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("expected: ");
  }

  @Test
  void takesSoManyAndNoMore() {
    assertThat(many(1_000).bySelector()).hasSize(1_000);
    assertThatThrownBy(() -> many(1_001)).hasMessageContaining("at most 1000");
  }

  private static HttpRules many(int count) {
    return rules(
        IntStream.range(0, count)
            .mapToObj(i -> "{\"selector\": \"a.A.G%d\", \"get\": \"/a%d\"}".formatted(i, i))
            .collect(Collectors.joining(",")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "*", "Get", "a.v1.A.*", "a..A", ".a.A", "a.A.", "a/A"})
  void ignoresARuleOfWhatIsNoRpcAndTakesTheOthers(String selector) {
    HttpRules rules =
        rules(
            "{\"selector\": \"%s\", \"get\": \"/one\"},".formatted(selector)
                + "{\"selector\": \"a.A.B\", \"get\": \"/two\","
                + " \"additional_bindings\": [{\"selector\": \"a.A.C\", \"get\": \"/b\"}]},"
                + "{\"selector\": \"a.v1.A.Get\", \"get\": \"/two\"}");

    assertThat(rules.ignored())
        .extracting(ServiceSchema.Skipped::rpc)
        .containsExactly(selector, "a.A.B");
    assertThat(rules.bySelector()).containsOnlyKeys("a.v1.A.Get");
  }

  @Test
  void standsInThePlaceOfAllThatTheContractSays() {
    ServiceSchema library = library(rule(GET_BOOK, "\"get\": \"/b/{book_id}\""));

    assertThat(paths(library, "GetBook")).containsExactly("GET /b/{book_id}");
    assertThat(paths(library, "ListBooks")).containsExactly("GET /library/books");
    assertThat(library.ignored()).isEmpty();
    assertThat(library.contracts()).isEqualTo(Contracts.library().contracts());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "\"get\": \"/b/{nothing}\" | nothing",
        "\"get\": \"b\"            | path template",
        "\"get\": \"/b\", \"body\": \"*\" | a body with GET",
        "\"body\": \"*\"           | no pattern",
        "\"post\": \"/b\", \"body\": \"nothing\" | nothing",
        "\"get\": \"/b\", \"response_body\": \"nothing\" | nothing",
        "\"custom\": {\"kind\": \"get it\", \"path\": \"/b\"} | custom kind"
      })
  void leavesTheContractsRuleWhereItCannotBeFollowed(String rule, String why) {
    ServiceSchema library = library(rule(GET_BOOK, rule));

    assertThat(paths(library, "GetBook")).isEqualTo(paths(Contracts.library(), "GetBook"));
    assertThat(library.ignored())
        .singleElement()
        .satisfies(
            ignored -> {
              assertThat(ignored.rpc()).isEqualTo(GET_BOOK);
              assertThat(ignored.why()).contains(why);
            });
  }

  @Test
  void doesNotServeWhatIsForServices() {
    ServiceSchema library =
        library(rule("library.v1.Library.Hidden", "\"post\": \"/hidden\", \"body\": \"*\""));

    assertThat(paths(library, "Hidden")).isEmpty();
    assertThat(library.named())
        .extracting(route -> route.rpc().name())
        .doesNotContain("library.v1.Library/Hidden");
  }

  @Test
  void decodesSlashesWhereItIsToldSo() {
    String rules =
        "{\"rules\": [{\"selector\": \"" + GET_BOOK + "\", \"get\": \"/b/{book_id=**}\"}]%s}";
    RouteTable kept = Contracts.table(library(rules.formatted("")));
    RouteTable decoded =
        Contracts.table(library(rules.formatted(", \"fullyDecodeReservedExpansion\": true")));

    assertThat(variables(kept)).containsExactly("x%2Fy/z a");
    assertThat(variables(decoded)).containsExactly("x/y/z a");
  }

  private static List<String> variables(RouteTable table) {
    return ((RouteTable.Found) table.match("GET", RequestTarget.parse("/b/x%2Fy/z%20a")))
        .variables();
  }

  private static List<String> paths(ServiceSchema schema, String method) {
    return schema.routes().stream()
        .filter(route -> route.rpc().name().endsWith("/" + method))
        .map(route -> route.httpMethod() + " " + route.template().text())
        .toList();
  }

  private static String rule(String selector, String rest) {
    return "{\"rules\": [{\"selector\": \"" + selector + "\", " + rest + "}]}";
  }

  private static ServiceSchema library(String json) {
    return ServiceSchema.of(
        "library",
        Contracts.reflected(LibraryProto.getDescriptor()),
        new Access.Public(),
        HttpRules.of(Optional.of(json)));
  }

  private static HttpRules rules(String rules) {
    return HttpRules.of(Optional.of("{\"rules\": [" + rules + "]}"));
  }
}
