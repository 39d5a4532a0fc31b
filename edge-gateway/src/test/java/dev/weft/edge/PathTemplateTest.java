package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.edge.PathTemplate.Literal;
import dev.weft.edge.PathTemplate.One;
import dev.weft.edge.PathTemplate.Rest;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PathTemplateTest {
  @Test
  void readsLiteralsVariablesAndTheVerb() {
    PathTemplate template = PathTemplate.parse("/v1/orders/{order_id}:cancel");

    assertThat(template.segments())
        .containsExactly(new Literal("v1"), new Literal("orders"), new One());
    assertThat(template.verb()).contains("cancel");
    assertThat(template.variables()).singleElement().extracting("multi").isEqualTo(false);
    assertThat(template.literalPrefix()).containsExactly("v1", "orders");
    assertThat(template.shape()).isEqualTo("/v1/orders/*:cancel");
  }

  @Test
  void readsAVariableOfSeveralSegmentsInANestedField() {
    PathTemplate template = PathTemplate.parse("/v1/{book.name=shelves/*/books/*}/pages/{page}");

    assertThat(template.variables())
        .containsExactly(
            new PathTemplate.Variable(List.of("book", "name"), 1, 5, true),
            new PathTemplate.Variable(List.of("page"), 6, 7, false));
  }

  @Test
  void letsLiteralsFollowTheRest() {
    assertThat(PathTemplate.parse("/v1/{path=**}/raw").segments())
        .containsExactly(new Literal("v1"), new Rest(), new Literal("raw"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "v1/orders          | '/' is missing",
        "/v1/               | empty",
        "/v1//orders        | empty",
        "/                  | empty",
        "/v1/orders:        | empty",
        "/v1/{id            | '}' is missing",
        "/v1/{}             | a field name is missing",
        "/v1/{a.}           | a field name is missing",
        "/v1/{a=x/{b}}      | inside a variable",
        "/v1/{a}/{a}        | appears twice",
        "/v1/{a=**}/{b}     | a wildcard after **",
        "/v1/**/*           | a wildcard after **",
        "/v1/orders}        | unexpected '}'",
        "/v1/a=b            | unexpected '='",
        "/v1/a b            | in a literal",
        "/v1/%41            | in a literal",
      })
  void refusesWhatTheGrammarOrOurRulesForbid(String text, String why) {
    assertThatThrownBy(() -> PathTemplate.parse(text.strip()))
        .isInstanceOf(InvalidRule.class)
        .hasMessageContaining(why);
  }
}
