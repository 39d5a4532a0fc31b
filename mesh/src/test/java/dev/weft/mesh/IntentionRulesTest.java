package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.consul.Intention;
import dev.weft.consul.Intention.Action;
import dev.weft.consul.Intention.HeaderMatch;
import dev.weft.consul.Intention.PathMatch;
import dev.weft.consul.Intention.Permission;
import dev.weft.consul.IntentionMatch;
import io.grpc.Metadata;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class IntentionRulesTest {
  private static final String PATH = "/shop.order.v1.OrderService/CreateOrder";
  private static final PathMatch ANY_PATH = new PathMatch(PathMatch.Kind.ANY, "");

  private final Metadata headers = new Metadata();

  private static Intention from(String source, Action action, Permission... permissions) {
    return intention("default", source, true, action, true, permissions);
  }

  private static Intention intention(
      String namespace,
      String source,
      boolean local,
      Action action,
      boolean understood,
      Permission... permissions) {
    return new Intention(
        "", namespace, source, local, "echo-svc", action, List.of(permissions), 9, understood, "");
  }

  private static Permission permission(Action action, PathMatch path, HeaderMatch... headers) {
    return new Permission(action, path, List.of(headers), List.of(), true);
  }

  private static IntentionRules rules(Action byDefault, Intention... intentions) {
    return new IntentionRules(
        new IntentionMatch("echo-svc", List.of(intentions), byDefault, false));
  }

  private boolean allows(IntentionRules rules, String source) {
    return rules.verdict(source, PATH, headers).allowed();
  }

  private boolean matches(PathMatch path, HeaderMatch... wanted) {
    boolean allowed =
        allows(
            rules(Action.DENY, from("web", Action.DENY, permission(Action.ALLOW, path, wanted))),
            "web");
    boolean denied =
        !allows(
            rules(Action.ALLOW, from("web", Action.DENY, permission(Action.DENY, path, wanted))),
            "web");
    assertThat(allowed).isEqualTo(denied);
    return allowed;
  }

  private void header(String name, String value) {
    headers.put(Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER), value);
  }

  @Test
  void theFirstIntentionAboutTheCallerDecides() {
    IntentionRules rules =
        rules(
            Action.ALLOW,
            from("web", Action.ALLOW),
            from("batch", Action.DENY),
            from("*", Action.DENY),
            from("late", Action.ALLOW));

    assertThat(allows(rules, "web")).isTrue();
    assertThat(allows(rules, "batch")).isFalse();
    assertThat(allows(rules, "late")).isFalse();
    assertThat(rules.verdict("batch", PATH, headers).because())
        .isEqualTo("the intention for batch");
  }

  @Test
  void whoIsNotMentionedIsTreatedByDefault() {
    for (Action action : Action.values()) {
      boolean allow = action == Action.ALLOW;
      assertThat(allows(rules(action), "web")).isEqualTo(allow);
      assertThat(
              allows(
                  rules(
                      action,
                      intention("other", "web", true, allow ? Action.DENY : Action.ALLOW, true),
                      intention("default", "web", false, allow ? Action.DENY : Action.ALLOW, true)),
                  "web"))
          .isEqualTo(allow);
    }
  }

  @Test
  void theFirstPermissionThatMatchesDecidesAndTheDefaultIfNoneDoes() {
    PathMatch here = new PathMatch(PathMatch.Kind.EXACT, PATH);
    PathMatch elsewhere = new PathMatch(PathMatch.Kind.EXACT, PATH + "s");
    Intention twice =
        from(
            "web",
            Action.DENY,
            permission(Action.DENY, elsewhere),
            permission(Action.ALLOW, here),
            permission(Action.DENY, ANY_PATH));

    assertThat(allows(rules(Action.DENY, twice), "web")).isTrue();
    for (Action action : Action.values()) {
      assertThat(
              allows(
                  rules(
                      action,
                      from("web", Action.DENY, permission(Action.DENY, elsewhere)),
                      from("*", action == Action.ALLOW ? Action.DENY : Action.ALLOW)),
                  "web"))
          .as("a less exact intention is not asked")
          .isEqualTo(action == Action.ALLOW);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "EXACT, /shop.order.v1.OrderService/CreateOrder, true",
    "EXACT, /shop.order.v1.OrderService/, false",
    "PREFIX, /shop.order.v1.OrderService/, true",
    "PREFIX, /shop.payment., false",
    "REGEX, /shop[.]order[.]v1[.][A-Za-z]+/Create.*, true",
    "REGEX, OrderService, false"
  })
  void pathsAreCompared(PathMatch.Kind kind, String value, boolean expected) {
    assertThat(matches(new PathMatch(kind, value))).isEqualTo(expected);
  }

  @ParameterizedTest
  @CsvSource({
    "PRESENT, '', false, false, true",
    "PRESENT, '', false, true, false",
    "EXACT, Red, false, false, true",
    "EXACT, red, false, false, false",
    "EXACT, red, true, false, true",
    "EXACT, Red, false, true, false",
    "EXACT, Blue, false, true, true",
    "PREFIX, Re, false, false, true",
    "SUFFIX, ed, false, false, true",
    "CONTAINS, E, false, false, false",
    "CONTAINS, E, true, false, true",
    "REGEX, R.d, false, false, true",
    "REGEX, R, false, false, false"
  })
  void headersAreCompared(
      HeaderMatch.Kind kind, String value, boolean ignoreCase, boolean invert, boolean expected) {
    header("x-color", "Red");

    assertThat(matches(ANY_PATH, new HeaderMatch("X-Color", kind, value, ignoreCase, invert)))
        .isEqualTo(expected);
  }

  @Test
  void aHeaderThatIsMissingMatchesItsAbsenceAlone() {
    for (HeaderMatch.Kind kind : HeaderMatch.Kind.values()) {
      boolean present = kind == HeaderMatch.Kind.PRESENT;
      assertThat(matches(ANY_PATH, new HeaderMatch("x-color", kind, "Red", false, true)))
          .isEqualTo(present);
      assertThat(matches(ANY_PATH, new HeaderMatch("x-color", kind, "Red", false, false)))
          .isFalse();
    }
  }

  @Test
  void severalValuesAreOneWithCommasAndEveryHeaderHasToMatch() {
    header("x-color", "Red");
    header("x-color", "Blue");
    header("x-size", "1");
    HeaderMatch both = new HeaderMatch("x-color", HeaderMatch.Kind.EXACT, "Red,Blue", false, false);

    assertThat(matches(ANY_PATH, both)).isTrue();
    assertThat(
            matches(
                ANY_PATH,
                both,
                new HeaderMatch("x-size", HeaderMatch.Kind.EXACT, "2", false, false)))
        .isFalse();
  }

  @Test
  void aCallIsAPost() {
    Permission post =
        new Permission(Action.ALLOW, ANY_PATH, List.of(), List.of("GET", "POST"), true);
    Permission get = new Permission(Action.ALLOW, ANY_PATH, List.of(), List.of("GET"), true);

    assertThat(allows(rules(Action.DENY, from("web", Action.DENY, post)), "web")).isTrue();
    assertThat(allows(rules(Action.DENY, from("web", Action.DENY, get)), "web")).isFalse();
  }

  @Test
  void whatIsNotUnderstoodDenies() {
    Permission odd = new Permission(Action.ALLOW, ANY_PATH, List.of(), List.of(), false);
    Permission all = permission(Action.ALLOW, ANY_PATH);
    Permission pseudo =
        permission(
            Action.ALLOW,
            ANY_PATH,
            new HeaderMatch(":authority", HeaderMatch.Kind.PRESENT, "", false, false));
    Permission binary =
        permission(
            Action.ALLOW,
            ANY_PATH,
            new HeaderMatch("x-bin", HeaderMatch.Kind.PRESENT, "", false, false));
    Permission pattern =
        permission(Action.ALLOW, new PathMatch(PathMatch.Kind.REGEX, "(?=lookahead)"));

    for (Permission first : List.of(odd, pseudo, binary, pattern)) {
      IntentionRules.Verdict verdict =
          rules(Action.ALLOW, from("web", Action.ALLOW, first, all)).verdict("web", PATH, headers);
      assertThat(verdict.allowed()).isFalse();
      assertThat(verdict.because())
          .isEqualTo(
              "permission 1 of the intention for web has something that is not understood here");
    }
    assertThat(
            allows(
                rules(Action.ALLOW, intention("default", "web", true, Action.ALLOW, false, all)),
                "web"))
        .isFalse();
    assertThat(allows(rules(Action.ALLOW, from("web", Action.ALLOW, all, odd)), "web")).isTrue();
  }
}
