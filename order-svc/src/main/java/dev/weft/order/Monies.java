package dev.weft.order;

import com.google.type.Money;
import java.util.Currency;

/** {@code google.type.Money} and amounts in minor units. Pure. */
final class Monies {
  private static final int NANO_DIGITS = 9;

  private Monies() {}

  /**
   * A positive amount.
   *
   * @throws IllegalArgumentException if it is none, or finer than the currency's minor unit
   */
  static Amount amount(Money money) {
    int digits = digits(money.getCurrencyCode());
    int nanosPerMinor = Math.powExact(10, NANO_DIGITS - digits);
    if (money.getUnits() < 0
        || money.getNanos() < 0
        || money.getNanos() > 999_999_999
        || money.getNanos() % nanosPerMinor != 0) {
      throw new IllegalArgumentException("not an amount of " + money.getCurrencyCode());
    }
    long minor =
        Math.addExact(
            Math.multiplyExact(money.getUnits(), (long) Math.powExact(10, digits)),
            money.getNanos() / nanosPerMinor);
    return new Amount(minor, money.getCurrencyCode());
  }

  /** An amount of a ledger, which may be below zero; units and nanos have the same sign. */
  static long signedMinor(Money money) {
    boolean negative = money.getUnits() < 0 || money.getNanos() < 0;
    if (!negative) {
      return amount(money).minor();
    }
    return -amount(
            money.toBuilder().setUnits(-money.getUnits()).setNanos(-money.getNanos()).build())
        .minor();
  }

  static Money money(long minor, String currency) {
    int digits = digits(currency);
    long minorPerUnit = Math.powExact(10, digits);
    return Money.newBuilder()
        .setCurrencyCode(currency)
        .setUnits(minor / minorPerUnit)
        .setNanos((int) (minor % minorPerUnit * Math.powExact(10, NANO_DIGITS - digits)))
        .build();
  }

  static Money money(Amount amount) {
    return money(amount.minor(), amount.currency());
  }

  private static int digits(String currency) {
    int digits = Currency.getInstance(currency).getDefaultFractionDigits();
    if (digits < 0) {
      throw new IllegalArgumentException(currency + " has no minor unit");
    }
    return digits;
  }
}
