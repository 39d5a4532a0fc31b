package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PageTokenTest {
  @Test
  void givesBackTheKeyItWasMadeOf() {
    String token = PageToken.after("2026-11-21T00:00:00Z/ü", "user-1", "PENDING");

    assertThat(token).matches("[A-Za-z0-9_-]+");
    assertThat(PageToken.lastKey(token, "user-1", "PENDING")).contains("2026-11-21T00:00:00Z/ü");
  }

  @Test
  void meansTheFirstPageWhenItIsEmpty() {
    assertThat(PageToken.lastKey("", "user-1")).isEmpty();
  }

  @Test
  void isRefusedByAListWithOtherArguments() {
    String token = PageToken.after("key", "ab", "c");

    assertThatIllegalArgumentException().isThrownBy(() -> PageToken.lastKey(token, "a", "bc"));
    assertThatIllegalArgumentException().isThrownBy(() -> PageToken.lastKey(token, "ab"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "not base64!", "AAAAAAAAAAA", "AAAAAAAAAAAA", "'; DROP TABLE x --"})
  void isRefusedWhenItIsNoToken(String token) {
    assertThatIllegalArgumentException().isThrownBy(() -> PageToken.lastKey(token));
  }
}
