package dev.weft.user;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class EmailTest {
  @ParameterizedTest
  @CsvSource({
    "demo@weft.example, DEMO@Weft.Example",
    "demo@weft.example, '  demo@weft.example\t'",
    // Full-width letters and signs.
    "demo@weft.example, ｄｅｍｏ＠ｗｅｆｔ．ｅｘａｍｐｌｅ",
    // One letter, or a letter and an accent.
    "ren\u00e9@weft.example, rene\u0301@weft.example",
    "stra\u00dfe@weft.example, STRASSE@weft.example",
    "demo@b\u00fccher.example, demo@xn--bcher-kva.example",
    "demo@b\u00fccher.example, demo@BU\u0308CHER.example",
  })
  void isTheSameInAnotherCaseOrForm(String one, String other) {
    assertThat(key(one)).isEqualTo(key(other));
  }

  @ParameterizedTest
  @CsvSource({
    "a.b@weft.example, ab@weft.example",
    "ab+tag@weft.example, ab@weft.example",
    "ab@weft.example, ab@mail.weft.example",
    // A Cyrillic a.
    "a@weft.example, \u0430@weft.example",
  })
  void isAnotherOne(String one, String other) {
    assertThat(key(one)).isNotEqualTo(key(other));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "@",
        "demo",
        "demo@",
        "@weft.example",
        "demo@weft",
        "demo@@weft.example",
        "a@b@weft.example",
        "de mo@weft.example",
        "demo@we ft.example",
        "demo@weft.example\u0000",
        "de\u0000mo@weft.example",
        "de\nmo@weft.example",
        "de\u200bmo@weft.example",
        ".demo@weft.example",
        "demo.@weft.example",
        "de..mo@weft.example",
        "demo@weft.example.",
        "demo@-weft.example",
        "demo@weft..example",
        "demo@127.0.0.1",
        "demo@[127.0.0.1]",
        "\"demo\"@weft.example",
        "Demo <demo@weft.example>",
        "a@weft.example,b@weft.example",
        "demo@weft_shop.example",
      })
  void isNoAddress(String text) {
    assertThat(Email.parse(text)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "o'brien@weft.example",
        "x@y.zz",
        "a'; DROP TABLE account; --@weft.example",
        "demo@123.example",
        "\u7528\u6237@\u4f8b\u5b50.\u5e7f\u544a",
      })
  void mayLookStrange(String text) {
    assertThat(Email.parse(text).isPresent()).isEqualTo(!text.contains(";"));
  }

  @Test
  void isBoundedInLength() {
    assertThat(Email.parse("a".repeat(64) + "@weft.example")).isPresent();
    assertThat(Email.parse("a".repeat(65) + "@weft.example")).isEmpty();
    assertThat(Email.parse("a@" + "b".repeat(64) + ".example")).isEmpty();
    // Grows eighteenfold under compatibility normalisation.
    assertThat(Email.parse("\ufdfa".repeat(60) + "@weft.example")).isEmpty();
    assertThat(Email.parse("a@" + "b.".repeat(100_000) + "example")).isEmpty();
  }

  @Test
  void keepsWhatWasWritten() {
    assertThat(Email.parse(" Demo@Weft.Example "))
        .map(Email::address)
        .hasValue("Demo@Weft.Example");
  }

  @Test
  void doesNotShowInLogs() {
    assertThat(Email.parse("demo@weft.example").orElseThrow()).asString().doesNotContain("demo");
  }

  private static String key(String text) {
    return Email.parse(text).orElseThrow().key();
  }
}
