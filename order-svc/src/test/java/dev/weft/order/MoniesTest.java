package dev.weft.order;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.type.Money;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class MoniesTest {
  @ParameterizedTest
  @CsvSource({
    "EUR, 19, 990000000, 1999",
    "EUR, 0, 10000000, 1",
    "JPY, 500, 0, 500",
    "KWD, 1, 234000000, 1234",
  })
  void keepsAmountsToTheMinorUnitBothWays(String currency, long units, int nanos, long minor) {
    Money money = money(currency, units, nanos);

    assertThat(Monies.amount(money)).isEqualTo(new Amount(minor, currency));
    assertThat(Monies.money(new Amount(minor, currency))).isEqualTo(money);
  }

  @ParameterizedTest
  @CsvSource({
    "EUR, 1, 1",
    "JPY, 1, 500000000",
    "EUR, -1, 0",
    "EUR, 1, -1",
    "XXX, 1, 0",
    "EU, 1, 0"
  })
  void refusesWhatIsNoAmount(String currency, long units, int nanos) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> Monies.amount(money(currency, units, nanos)));
  }

  @Test
  void believesNoQuoteWhoseTotalIsNotTheSumOfItsLines() {
    OrderLine line = new OrderLine(UUID.randomUUID(), "Shirt", 2, 1999);

    assertThat(new Quote(List.of(line), new Amount(3998, "EUR")).lines()).containsExactly(line);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new Quote(List.of(line), new Amount(1999, "EUR")));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new OrderLine(UUID.randomUUID(), "Gift", 1, 0));
  }

  private static Money money(String currency, long units, int nanos) {
    return Money.newBuilder().setCurrencyCode(currency).setUnits(units).setNanos(nanos).build();
  }
}
