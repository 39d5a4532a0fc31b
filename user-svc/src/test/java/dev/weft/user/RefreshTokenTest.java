package dev.weft.user;

import static org.assertj.core.api.Assertions.assertThat;

import java.security.SecureRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RefreshTokenTest {
  private final SecureRandom random = new SecureRandom();

  @Test
  void isReadAsItWasWritten() {
    RefreshToken token = RefreshToken.first(random);
    RefreshToken read = RefreshToken.parse(token.text()).orElseThrow();

    assertThat(token.text()).matches("weft_rt_[A-Za-z0-9_-]{64}");
    assertThat(read.familyHash()).isEqualTo(token.familyHash()).hasSize(32);
    assertThat(read.secretHash()).isEqualTo(token.secretHash()).hasSize(32);
  }

  @Test
  void staysInItsFamilyAndWorksOnce() {
    RefreshToken token = RefreshToken.first(random);
    RefreshToken next = token.next(random);

    assertThat(next.familyHash()).isEqualTo(token.familyHash());
    assertThat(next.secretHash()).isNotEqualTo(token.secretHash());
    assertThat(RefreshToken.first(random).familyHash()).isNotEqualTo(token.familyHash());
  }

  @Test
  void doesNotShowInLogs() {
    RefreshToken token = RefreshToken.first(random);

    assertThat(token.toString()).doesNotContain(token.text().substring(8, 20));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "weft_rt_", "weft_rt_AAAA", "weft_rt_!", "AAAA", "weft_rt_ÄÖÜ"})
  void isRefusedWhenItIsNone(String text) {
    assertThat(RefreshToken.parse(text)).isEmpty();
  }
}
