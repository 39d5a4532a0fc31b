package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.Locale;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class UuidTextTest {
  private static final String TEXT = "0199f8e2-0000-7abc-8def-0123456789ab";

  @Test
  void isOneIdInEitherCase() {
    assertThat(UuidText.parse("order_id", TEXT)).isEqualTo(UUID.fromString(TEXT));
    assertThat(UuidText.parse("order_id", TEXT.toUpperCase(Locale.ROOT)))
        .isEqualTo(UUID.fromString(TEXT));
    assertThat(UuidText.parseIfSet("order_id", TEXT)).contains(UUID.fromString(TEXT));
    assertThat(UuidText.parseIfSet("order_id", "")).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "1-1-1-1-1", "0199f8e200007abc8def0123456789ab", "../" + TEXT})
  void refusesEveryOtherFormByTheNameOfItsField(String text) {
    assertThatExceptionOfType(Rejection.class)
        .isThrownBy(() -> UuidText.parse("order_id", text))
        .withMessageContaining("order_id: must be a UUID");
  }
}
