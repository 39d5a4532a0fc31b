package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.google.type.Money;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class MinorUnitsTest {
  @ParameterizedTest
  @CsvSource({
    "EUR, 19, 990000000, 1999",
    "EUR, 0, 10000000, 1",
    "JPY, 500, 0, 500",
    "KWD, 1, 234000000, 1234",
    "EUR, 92233720368547758, 70000000, 9223372036854775807",
  })
  void keepsAmountsBothWays(String currency, long units, int nanos, long minor) {
    Money money = money(currency, units, nanos);

    assertThat(MinorUnits.positive("price", money)).isEqualTo(minor);
    assertThat(MinorUnits.of(money)).isEqualTo(minor);
    assertThat(MinorUnits.money(minor, currency)).isEqualTo(money);
  }

  @ParameterizedTest
  @CsvSource({"EUR, -19, -990000000, -1999", "EUR, 0, -10000000, -1", "EUR, 0, 0, 0"})
  void keepsWhatALedgerHoldsThoughItIsNoPrice(String currency, long units, int nanos, long minor) {
    Money money = money(currency, units, nanos);

    assertThat(MinorUnits.of(money)).isEqualTo(minor);
    assertThat(MinorUnits.money(minor, currency)).isEqualTo(money);
    assertThatExceptionOfType(Rejection.class)
        .isThrownBy(() -> MinorUnits.positive("price", money))
        .withMessageContaining("price: must be positive");
  }

  @ParameterizedTest
  @CsvSource({
    "EUR, 1, 1, price.nanos: is finer than the minor unit of EUR",
    "JPY, 1, 500000000, price.nanos: is finer than the minor unit of JPY",
    "EUR, 1, -10000000, price.nanos: is no fraction of these units",
    "EUR, -1, 10000000, price.nanos: is no fraction of these units",
    "EUR, 1, 1000000000, price.nanos: is no fraction of these units",
    "EUR, 92233720368547758, 80000000, price.units: is too much",
    "EUR, 9223372036854775807, 0, price.units: is too much",
    "XAU, 1, 0, price.currency_code: must be a currency of ISO 4217",
    "eur, 1, 0, price.currency_code: must be a currency of ISO 4217",
    "EU, 1, 0, price.currency_code: must be a currency of ISO 4217",
    "'', 1, 0, price.currency_code: must be a currency of ISO 4217",
  })
  void refusesWhatIsNoAmountByTheNameOfItsField(
      String currency, long units, int nanos, String fault) {
    Money money = money(currency, units, nanos);

    assertThatExceptionOfType(Rejection.class)
        .isThrownBy(() -> MinorUnits.positive("price", money))
        .withMessageContaining(fault);
    assertThatIllegalArgumentException().isThrownBy(() -> MinorUnits.of(money));
  }

  private static Money money(String currency, long units, int nanos) {
    return Money.newBuilder().setCurrencyCode(currency).setUnits(units).setNanos(nanos).build();
  }
}
