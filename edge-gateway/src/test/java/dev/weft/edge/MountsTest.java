package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MountsTest {
  @Test
  void isForUsersAndTakesThePrefixAwayUnlessItSaysOtherwise() {
    Mount mount = mounts("{\"/legacy\": {\"service\": \"legacy-svc\"}}").all().getFirst();

    assertThat(mount.service()).isEqualTo("legacy-svc");
    assertThat(mount.to()).isEmpty();
    assertThat(mount.access()).isEqualTo(new Access.Authenticated(Set.of()));
    assertThat(mount.timeout()).isEqualTo(Duration.ofSeconds(30));
    assertThat(mount.bodyBytesMax()).isEqualTo(10 * 1024 * 1024);
    assertThat(mounts("{\"/a\": {\"service\": \"a\", \"access\": \"public\"}}").all().getFirst())
        .extracting(Mount::access)
        .isEqualTo(new Access.Public());
  }

  @ParameterizedTest
  @CsvSource({
    "/legacy, '', /legacy, /",
    "/legacy, '', /legacy/, /",
    "/legacy, '', /legacy/a/b, /a/b",
    "/legacy, '', /legacy/a%2Fb/%C3%A4, /a%2Fb/%C3%A4",
    "/legacy, '', /leg%61cy/a, /a",
    "/legacy, /api, /legacy, /api",
    "/legacy, /api, /legacy/, /api/",
    "/legacy, /api/v2, /legacy/a;b=1/, /api/v2/a;b=1/",
    "/a/b, /a/b, /a/b/c, /a/b/c",
    "/, '', /a/b, /a/b",
    "/, '', /, /",
    "/, /web, /a, /web/a"
  })
  void putsOnePrefixInThePlaceOfTheOther(String prefix, String to, String path, String inside) {
    Mounts mounts = mounts("{\"%s\": {\"service\": \"a\", \"to\": \"%s\"}}".formatted(prefix, to));
    RequestTarget target = RequestTarget.parse(path + "?x=1");

    Mount mount = mounts.at(target).orElseThrow();

    assertThat(mount.inside(target)).isEqualTo(inside);
    assertThat(target.at(mount.inside(target)).query()).isEqualTo(target.query());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"/", "/legacyX", "/legac", "/Legacy", "/x/legacy", "/legacy%2Fa", "/legacy//a"})
  void coversNothingElse(String path) {
    assertThat(mounts("{\"/legacy\": {\"service\": \"a\"}}").at(RequestTarget.parse(path)))
        .isEmpty();
  }

  @Test
  void theLongestPrefixHasAPath() {
    Mounts mounts =
        mounts(
            "{\"/\": {\"service\": \"web\"}, \"/a/b\": {\"service\": \"long\"},"
                + " \"/a\": {\"service\": \"short\"}}");

    assertThat(mounts.at(RequestTarget.parse("/a/b/c")).orElseThrow().service()).isEqualTo("long");
    assertThat(mounts.at(RequestTarget.parse("/a/bc")).orElseThrow().service()).isEqualTo("short");
    assertThat(mounts.at(RequestTarget.parse("/c")).orElseThrow().service()).isEqualTo("web");
  }

  @ParameterizedTest
  @CsvSource({
    "/legacy, /api, /api/a?b=1, /legacy/a?b=1",
    "/legacy, /api, /api, /legacy",
    "/legacy, /api, /apis, ",
    "/legacy, /api, /other, ",
    "/legacy, '', /a#b, /legacy/a#b",
    "/legacy, '', //evil.example/a, ",
    "/legacy, '', https://shop.example/a, ",
    "/, /web, /web, /",
    "/, /web, /web/a, /a"
  })
  void knowsWhereClientsSeeAPlaceOfTheService(
      String prefix, String to, String path, String outside) {
    Mount mount =
        mounts("{\"%s\": {\"service\": \"a\", \"to\": \"%s\"}}".formatted(prefix, to))
            .all()
            .getFirst();

    assertThat(mount.outside(path)).isEqualTo(Optional.ofNullable(outside));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "{} {}",
        "{\"/a\": \"a\"}",
        "{\"/a\": {}}",
        "{\"/a\": {\"service\": \"\"}}",
        "{\"/a\": {\"service\": 1}}",
        "{\"\": {\"service\": \"a\"}}",
        "{\"a\": {\"service\": \"a\"}}",
        "{\"/a/\": {\"service\": \"a\"}}",
        "{\"/a/../b\": {\"service\": \"a\"}}",
        "{\"/a%20b\": {\"service\": \"a\"}}",
        "{\"/a\": {\"service\": \"a\"}, \"/a\": {\"service\": \"b\"}}",
        "{\"/a\": {\"service\": \"a\", \"to\": \"api\"}}",
        "{\"/a\": {\"service\": \"a\", \"to\": \"/api/\"}}",
        "{\"/a\": {\"service\": \"a\", \"to\": \"/\"}}",
        "{\"/a\": {\"service\": \"a\", \"access\": \"everybody\"}}",
        "{\"/a\": {\"service\": \"a\", \"access\": \"public\", \"roles\": [\"admin\"]}}",
        "{\"/a\": {\"service\": \"a\", \"timeout\": \"10\"}}",
        "{\"/a\": {\"service\": \"a\", \"timeout\": \"PT0S\"}}",
        "{\"/a\": {\"service\": \"a\", \"max_body_bytes\": -1}}",
        "{\"/a\": {\"service\": \"a\", \"max_body_bytes\": 99999999999999999999}}",
        "{\"/a\": {\"service\": \"a\", \"request_headers\": {\"Host\": \"b\"}}}",
        "{\"/a\": {\"service\": \"a\", \"answer_headers\": {\"Content-Length\": \"1\"}}}",
        "{\"/a\": {\"service\": \"a\", \"answer_headers\": {\"X-A\": \"b\\r\\nc: d\"}}}",
        "{\"/a\": {\"service\": \"a\", \"acces\": \"public\"}}"
      })
  void saysWhatIsWrongWithWhatOperatorsSay(String json) {
    assertThatThrownBy(() -> mounts(json))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("expected: ");
  }

  private static Mounts mounts(String json) {
    return Mounts.of(Optional.of(json));
  }
}
