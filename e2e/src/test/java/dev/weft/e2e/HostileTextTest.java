package dev.weft.e2e;

import static org.assertj.core.api.SoftAssertions.assertSoftly;

import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Text that another program would run, read or look up, where every route of the shop takes an id.
 */
@ExtendWith(SharedWeft.class)
final class HostileTextTest {
  private final Visitor customer;
  private final Visitor admin;

  HostileTextTest(Weft weft) {
    this.customer = Visitor.demo(weft);
    this.admin = Visitor.admin(weft);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "' OR 1=1--",
        "'; DROP TABLE orders; --",
        "{\"$ne\":1}",
        "${jndi:ldap://x/a}",
        "{{7*7}}",
        "<script>alert(1)</script>",
        "%s%n",
        "-1",
        "1e9",
        "0198C0DE-0000-7000-8000-00000000000G",
        "0198c0de-0000-7000-8000-000000000000 ",
        "00000000-0000-0000-0000-000000000000",
        "\u202e\u200b\u0661"
      })
  void findsNothing(String id) {
    String encoded = URLEncoder.encode(id, StandardCharsets.UTF_8).replace("+", "%20");
    assertSoftly(
        softly -> {
          for (Way way : Way.all()) {
            if (way.reads() && !way.variables().isEmpty()) {
              Map<String, String> ids =
                  way.variables().stream().collect(Collectors.toMap(name -> name, _ -> encoded));
              for (Visitor who : List.of(customer, admin)) {
                Answer answer = who.send(way.method(), way.path(ids));
                softly
                    .assertThat(answer.status())
                    .as("%s: %s", way.template(), answer)
                    .isIn(400, 403, 404);
                softly
                    .assertThat(answer.body())
                    .doesNotContain("SQL", "Exception", "org.", "java.");
              }
            }
          }
        });
  }
}
