package dev.weft.user;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.weft.mesh.ServiceKeys;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeySealTest {
  @TempDir Path directory;

  @Test
  void opensWhatItSealed() {
    KeySeal seal = seal("user-svc");
    String sealed = seal.seal("kid", "secret");

    assertThat(sealed).doesNotContain("secret").isNotEqualTo(seal.seal("kid", "secret"));
    assertThat(seal.open("kid", sealed)).hasValue("secret");
  }

  @Test
  void opensNothingElse() {
    KeySeal seal = seal("user-svc");
    String sealed = seal.seal("kid", "secret");

    assertThat(seal.open("another", sealed)).isEmpty();
    assertThat(seal.open("kid", "")).isEmpty();
    assertThat(seal.open("kid", "not base64!")).isEmpty();
    assertThat(seal("order-svc").open("kid", sealed)).isEmpty();
    char flipped = sealed.charAt(30) == 'A' ? 'B' : 'A';
    assertThat(seal.open("kid", sealed.substring(0, 30) + flipped + sealed.substring(31)))
        .isEmpty();
  }

  @Test
  void isNotMadeOfSomethingElse() {
    assertThatIllegalArgumentException().isThrownBy(() -> KeySeal.of("no key"));
    assertThatIllegalArgumentException().isThrownBy(() -> KeySeal.of(""));
  }

  private KeySeal seal(String service) {
    try {
      ServiceKeys.generate(directory, List.of(service));
      return KeySeal.of(Files.readString(ServiceKeys.keyFile(directory, service)));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }
}
