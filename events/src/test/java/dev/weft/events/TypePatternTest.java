package dev.weft.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TypePatternTest {
  @ParameterizedTest
  @CsvSource({
    "shop.order.confirmed, shop.order.confirmed, true",
    "shop.order.confirmed, shop.order.cancelled, false",
    "shop.order.*, shop.order.confirmed, true",
    "shop.order.*, shop.order.line.added, false",
    "shop.order.*, shop.order, false",
    "shop.*.confirmed, shop.order.confirmed, true",
    "shop.#, shop.order.line.added, true",
    "shop.#, shop, true",
    "shop.#, shopping.order.added, false",
    "#, shop.order.confirmed, true",
  })
  void matches(String pattern, String type, boolean matches) {
    assertThat(new TypePattern(pattern).matches(type)).isEqualTo(matches);
  }

  @ParameterizedTest
  @CsvSource({
    "shop.order.*, shop.order.confirmed, true",
    "shop.order.*, shop.order.*, true",
    "shop.order.confirmed, shop.order.*, false",
    "shop.order.*, shop.order.#, false",
    "shop.order.*, shop.#, false",
    "shop.#, shop.order.*, true",
    "#, #, true",
    "shop.#, #, false",
    "shop.order.#, *.order.confirmed, false",
  })
  void coversWhatIsAskedForAndNothingMore(String granted, String asked, boolean covers) {
    assertThat(new TypePattern(granted).covers(new TypePattern(asked))).isEqualTo(covers);
  }

  @Test
  void knowsWhetherItCoversAllOfAnAggregate() {
    assertThat(new TypePattern("shop.order.*").coversAggregate("shop.order")).isTrue();
    assertThat(new TypePattern("shop.order.confirmed").coversAggregate("shop.order")).isFalse();
    assertThat(new TypePattern("shop.*.confirmed").coversAggregate("shop.order")).isFalse();
    assertThat(new TypePattern("#").coversAggregate("shop.order")).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", ".", "shop..order", "shop.#.order", "Shop.order", "shop.or*", "shop."})
  void refusesWhatIsNoPattern(String pattern) {
    assertThatIllegalArgumentException().isThrownBy(() -> new TypePattern(pattern));
  }
}
