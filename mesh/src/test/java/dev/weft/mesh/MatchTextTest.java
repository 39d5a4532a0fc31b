package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.consul.DiscoveryChain.Match;
import dev.weft.consul.Intention.HeaderMatch;
import dev.weft.consul.Intention.PathMatch;
import java.util.List;
import org.junit.jupiter.api.Test;

class MatchTextTest {
  private static HeaderMatch header(String name, HeaderMatch.Kind kind, boolean invert) {
    return new HeaderMatch(name, kind, "some", false, invert);
  }

  @Test
  void allThatARouteAsksIsInOneLine() {
    Match match =
        new Match(
            new PathMatch(PathMatch.Kind.PREFIX, "/shop."),
            true,
            List.of(
                header("x-user", HeaderMatch.Kind.SUFFIX, false),
                header("x-old", HeaderMatch.Kind.PRESENT, true)),
            List.of("GET", "POST"),
            true);

    assertThat(MatchText.of(match))
        .isEqualTo(
            "path /shop.…, in any case and header x-user = …some and no header x-old"
                + " and method GET or POST and parameters of the URL");
  }

  @Test
  void whatProvesSomethingIsNotShown() {
    for (String name : List.of("Authorization", "x-canary-token", "cookie", "x-api-key")) {
      for (HeaderMatch.Kind kind : HeaderMatch.Kind.values()) {
        assertThat(MatchText.header(header(name, kind, false)))
            .contains(name)
            .doesNotContain("some");
      }
    }
  }
}
