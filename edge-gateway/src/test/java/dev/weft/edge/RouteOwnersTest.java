package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RouteOwnersTest {
  private final RouteOwners owners =
      RouteOwners.of("user-svc")
          .with(
              Optional.of(
                  "{\"/v1\": \"a\", \"/v1/orders\": \"b\", \"/v1/auth\": \"evil\","
                      + " \"/v1/users/1\": \"evil\", \"/v1/me\": \"evil\"}"));

  @ParameterizedTest
  @CsvSource({
    "v1/auth:login,user-svc",
    "v1/auth/more,user-svc",
    "v1/auth;a=b,user-svc",
    "v1/users,user-svc",
    "v1/users/1:setRoles,user-svc",
    "v1/me,user-svc",
    "v1/me:changePassword,user-svc",
    "v1/menu,a",
    ".well-known/jwks.json,user-svc",
    "v1/authors,a",
    "v1/orders/1,b",
    "v1,a"
  })
  void knowsWhoseAPathIs(String path, String owner) {
    assertThat(owners.owner(List.of(path.split("/")))).contains(owner);
  }

  @Test
  void knowsNoOwnerOfWhatNobodyNamed() {
    assertThat(owners.owner(List.of("v2", "orders"))).isEmpty();
    assertThat(owners.with(Optional.empty()).owner(List.of("v1", "orders"))).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "{",
        "{\"a\":\"b\"}",
        "{\"/\":\"b\"}",
        "{\"/a/\":\"b\"}",
        "{\"/a\":\" \"}",
        "{\"/a\":1}",
        "{} {}"
      })
  void refusesWhatItCannotRead(String json) {
    assertThatThrownBy(() -> owners.with(Optional.of(json)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("JSON object");
  }
}
