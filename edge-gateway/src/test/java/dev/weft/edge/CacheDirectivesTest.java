package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.handler.codec.http.DefaultHttpHeaders;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CacheDirectivesTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "''                      | true  | true  | true",
        "no-store                | false | false | false",
        "foo, No-Cache=\"set\"   | true  | false | false",
        "max-age=3               | true  | true  | false",
        "max-age=2               | true  | false | false",
        "max-age=\"3\"           | true  | true  | false",
        "max-age=0, max-age=9    | true  | false | false",
        "max-age=-1              | true  | false | false",
        "max-age                 | true  | false | false",
        "max-age=99999999999999  | true  | true  | false",
        "min-fresh=2             | true  | true  | false",
        "min-fresh=3             | true  | false | false",
        "min-fresh=x             | true  | false | false",
        "max-stale=60, foo=1,,   | true  | true  | true",
      })
  void saysWhichAnswersWillDo(String value, boolean store, boolean takes, boolean takesStale) {
    CacheDirectives said = CacheDirectives.of(new DefaultHttpHeaders().add("Cache-Control", value));

    assertThat(said.store()).isEqualTo(store);
    assertThat(said.takes(3, 5)).isEqualTo(takes);
    assertThat(said.takesStale()).isEqualTo(takesStale);
    assertThat(said.call()).isTrue();
  }

  @Test
  void hearsAnOldClientWhoKnowsNoCacheControl() {
    assertThat(CacheDirectives.of(new DefaultHttpHeaders().add("Pragma", "no-cache")).reuse())
        .isFalse();
    assertThat(
            CacheDirectives.of(
                    new DefaultHttpHeaders()
                        .add("Pragma", "no-cache")
                        .add("Cache-Control", "max-age=5"))
                .reuse())
        .isTrue();
    assertThat(
            CacheDirectives.of(new DefaultHttpHeaders().add("Cache-Control", "only-if-cached"))
                .call())
        .isFalse();
  }
}
