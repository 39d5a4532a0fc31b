package dev.weft.user;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class Argon2Test {
  /** From the tests of the reference implementation. */
  private static final String REFERENCE =
      "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

  @Test
  void hashesAsTheReferenceDoes() {
    byte[] hash =
        new Argon2(256, 2, 1).hash("password".getBytes(UTF_8), "somesalt".getBytes(UTF_8), 32);

    assertThat(HexFormat.of().formatHex(hash))
        .isEqualTo("9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe");
    assertThat(new Argon2(256, 2, 1).phc("somesalt".getBytes(UTF_8), hash)).isEqualTo(REFERENCE);
  }

  @Test
  void matchesTheRightPasswordOnly() {
    assertThat(Argon2.matches("password".getBytes(UTF_8), REFERENCE)).isTrue();
    assertThat(Argon2.matches("Password".getBytes(UTF_8), REFERENCE)).isFalse();
    assertThat(Argon2.matches(new byte[0], REFERENCE)).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "password",
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$",
      })
  void matchesNothingThatIsNoHashOfItsKind(String phc) {
    assertThatIllegalStateException()
        .isThrownBy(() -> Argon2.matches("password".getBytes(UTF_8), phc));
  }
}
