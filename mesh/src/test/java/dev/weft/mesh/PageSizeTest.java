package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class PageSizeTest {
  private final PageSize size = new PageSize(50, 200);

  @ParameterizedTest
  @CsvSource({"0, 50", "1, 1", "200, 200", "201, 200", "2147483647, 200"})
  void isWhatTheCallerAsksForWithinBounds(int asked, int given) {
    assertThat(size.of(asked)).isEqualTo(given);
  }

  @Test
  void isNeverNegative() {
    assertThatExceptionOfType(Rejection.class)
        .isThrownBy(() -> size.of(-1))
        .withMessageContaining("page_size: must not be negative");
  }

  @Test
  void refusesBoundsThatNoPageFits() {
    assertThatIllegalArgumentException().isThrownBy(() -> new PageSize(0, 10));
    assertThatIllegalArgumentException().isThrownBy(() -> new PageSize(11, 10));
  }
}
