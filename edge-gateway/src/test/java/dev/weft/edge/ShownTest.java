package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.edge.library.ListBooksRequest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ShownTest {
  @ParameterizedTest
  @CsvSource({
    "password, true",
    "new_password, true",
    "refreshToken, true",
    "client_secret, true",
    "apiKey, true",
    "page_token, false",
    "pageToken, false",
    "title, false"
  })
  void knowsWhatSoundsSecret(String name, boolean secret) {
    assertThat(Shown.isSecret(name)).isEqualTo(secret);
  }

  @Test
  void showsTheBeginningOfATextAndNoTokenInIt() {
    assertThat(Shown.text("a/eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1MSJ9.c2ln/b")).isEqualTo("a/***/b");
    assertThat(Shown.text("x".repeat(81))).isEqualTo("x".repeat(80) + "…");
    assertThat(Shown.text("x".repeat(80))).hasSize(80);
    assertThat(Shown.isSecret(ListBooksRequest.getDescriptor().findFieldByName("page_token")))
        .isFalse();
  }
}
