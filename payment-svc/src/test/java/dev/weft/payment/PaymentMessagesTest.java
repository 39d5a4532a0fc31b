package dev.weft.payment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.type.Money;
import dev.weft.mesh.Rejection;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class PaymentMessagesTest {
  @ParameterizedTest
  @CsvSource({
    "EUR, 19, 990000000, 1999",
    "EUR, 0, 10000000, 1",
    "EUR, 12345678901, 0, 1234567890100",
    "JPY, 500, 0, 500",
    "KWD, 1, 234000000, 1234",
  })
  void keepsAmountsToTheMinorUnitBothWays(String currency, long units, int nanos, long minor) {
    Money money = money(currency, units, nanos);

    assertThat(PaymentMessages.amount("amount", money)).isEqualTo(new Amount(minor, currency));
    assertThat(PaymentMessages.money(new Amount(minor, currency))).isEqualTo(money);
  }

  @ParameterizedTest
  @CsvSource({
    "EUR, 19, 995000000, amount.nanos",
    "EUR, 0, 1, amount.nanos",
    "JPY, 1, 500000000, amount.nanos",
    "EUR, 1, -10000000, amount.nanos",
    "EUR, 1, 1000000000, amount.nanos",
    "EUR, 0, 0, amount",
    "EUR, -5, 0, amount",
    "EUR, 9223372036854775807, 0, amount.units",
    "XAU, 1, 0, amount.currency_code",
    "eur, 1, 0, amount.currency_code",
    "'', 1, 0, amount.currency_code",
  })
  void refusesWhatIsNoAmountAndNamesTheField(String currency, long units, int nanos, String field) {
    assertThatThrownBy(() -> PaymentMessages.amount("amount", money(currency, units, nanos)))
        .isInstanceOfSatisfying(
            Rejection.Invalid.class,
            e -> assertThat(e.violations().getFirst().field()).isEqualTo(field));
  }

  @Test
  void takesPageSizesAsTheContractSays() {
    assertThat(PaymentMessages.pageSize(0, 50, 200)).isEqualTo(50);
    assertThat(PaymentMessages.pageSize(7, 50, 200)).isEqualTo(7);
    assertThat(PaymentMessages.pageSize(201, 50, 200)).isEqualTo(200);
    assertThatThrownBy(() -> PaymentMessages.pageSize(-1, 50, 200))
        .isInstanceOf(Rejection.Invalid.class);
  }

  private static Money money(String currency, long units, int nanos) {
    return Money.newBuilder().setCurrencyCode(currency).setUnits(units).setNanos(nanos).build();
  }
}
