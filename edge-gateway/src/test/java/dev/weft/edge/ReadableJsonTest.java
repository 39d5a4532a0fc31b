package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ReadableJsonTest {
  @Test
  void putsIntoALineWhatFits() {
    Map<String, Object> tree =
        ApiSchemas.ordered(
            "short", List.of(1, true, "a\"b"),
            "rules",
                List.of(
                    ApiSchemas.ordered("rule", "GET /a", "why", "x".repeat(60)),
                    ApiSchemas.ordered("rule", "GET /b", "why", "y".repeat(90)),
                    Map.of()),
            "none", List.of());

    assertThat(ReadableJson.text(tree))
        .isEqualTo(
            """
            {
              "short": [1, true, "a\\"b"],
              "rules": [
                {"rule": "GET /a", "why": "%s"},
                {
                  "rule": "GET /b",
                  "why": "%s"
                },
                {}
              ],
              "none": []
            }
            """
                .formatted("x".repeat(60), "y".repeat(90)));
  }
}
