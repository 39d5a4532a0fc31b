package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.edge.RequestTarget.Parameter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RequestTargetTest {
  @Test
  void splitsThePathAndDecodesTheQueryAsAForm() {
    RequestTarget target = RequestTarget.parse("/v1/a%2Fb/c?x=1+2%2B3&y&z=%E2%82%AC&&x=");

    assertThat(target.path()).isEqualTo("/v1/a%2Fb/c");
    assertThat(target.segments()).containsExactly("v1", "a%2Fb", "c");
    assertThat(target.query())
        .containsExactly(
            new Parameter("x", "1 2+3"),
            new Parameter("y", ""),
            new Parameter("z", "€"),
            new Parameter("x", ""));
  }

  @Test
  void decodesOnceAndOnlyOnce() {
    assertThat(RequestTarget.decode("a%252Fb+c%3A")).isEqualTo("a%2Fb+c:");
    assertThat(RequestTarget.decodeKeepingSlashes("a%2fb%2Fc%20d")).isEqualTo("a%2fb%2Fc d");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "*",
        "v1/orders",
        "http://host/v1",
        "host:443",
        "/a/../b",
        "/a/./b",
        "/..",
        "/a/%2e%2e/b",
        "/a/%2E./b",
        "/a/..%2fb",
        "/a/x%2f..%2fb",
        "/a/%252e%252e/b",
        "/a/..%5cb",
        "/a/..;/b",
        "/a/..;x=y/b",
        "/a\\b",
        "/a b",
        "/a#b",
        "/a{b}",
        "/é",
        "/%zz",
        "/%",
        "/%4",
        "/%00",
        "/%0d%0aX:%20y",
        "/%c0%af",
        "/%ff",
        "/%ed%a0%80",
        "/a?x=%",
        "/a?x=%0a",
        "/a?x=%c3",
        "/a?x=<b>",
      })
  void refusesWhatCouldMeanAnotherThingElsewhere(String target) {
    assertThatThrownBy(() -> RequestTarget.parse(target))
        .isInstanceOfSatisfying(
            Refused.class, e -> assertThat(e.problem().status()).isEqualTo(400));
  }

  @Test
  void refusesMoreParametersThanAnyMethodTakes() {
    assertThatThrownBy(() -> RequestTarget.parse("/a?" + "x=1&".repeat(101)))
        .hasMessageContaining("100");
  }

  @Test
  void leavesDotsInNamesAlone() {
    assertThat(RequestTarget.parse("/.well-known/jwks.json").segments())
        .containsExactly(".well-known", "jwks.json");
    assertThat(RequestTarget.parse("/a/...").segments()).containsExactly("a", "...");
  }
}
