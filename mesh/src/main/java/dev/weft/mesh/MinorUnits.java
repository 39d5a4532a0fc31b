package dev.weft.mesh;

import com.google.type.Money;
import java.util.Currency;
import java.util.function.BiFunction;

/**
 * {@code google.type.Money} as whole minor units of its currency, in which amounts are computed and
 * kept, and back: 19.99 EUR is 1999, 500 JPY is 500. Nothing is ever rounded: an amount finer than
 * the minor unit is refused. Pure.
 */
public final class MinorUnits {
  private static final int NANO_DIGITS = 9;

  private MinorUnits() {}

  /**
   * A positive amount that a caller sent.
   *
   * @param field where it stands in the request
   * @throws Rejection that names the field, if it is no positive amount in minor units
   */
  public static long positive(String field, Money money) {
    long minor = minor(money, (part, fault) -> Rejection.invalid(field + part, fault));
    if (minor <= 0) {
      throw Rejection.invalid(field, "must be positive");
    }
    return minor;
  }

  /**
   * An amount that another service answered; it may be below zero.
   *
   * @throws IllegalArgumentException if it is no amount in minor units
   */
  public static long of(Money money) {
    return minor(
        money, (part, fault) -> new IllegalArgumentException("an amount" + part + " " + fault));
  }

  /**
   * The amount as it is sent.
   *
   * @throws IllegalArgumentException if the currency has no minor unit
   */
  public static Money money(long minor, String currency) {
    int digits = digits(currency);
    long minorPerUnit = Math.powExact(10, digits);
    return Money.newBuilder()
        .setCurrencyCode(currency)
        .setUnits(minor / minorPerUnit)
        .setNanos((int) (minor % minorPerUnit * Math.powExact(10, NANO_DIGITS - digits)))
        .build();
  }

  private static long minor(
      Money money, BiFunction<String, String, ? extends RuntimeException> refusal) {
    String currency = money.getCurrencyCode();
    int digits;
    try {
      digits = digits(currency);
    } catch (IllegalArgumentException e) {
      throw refusal.apply(".currency_code", "must be a currency of ISO 4217");
    }
    int nanosPerMinor = Math.powExact(10, NANO_DIGITS - digits);
    boolean signsDiffer = Long.signum(money.getUnits()) * Integer.signum(money.getNanos()) < 0;
    if (signsDiffer || Math.abs((long) money.getNanos()) > 999_999_999) {
      throw refusal.apply(".nanos", "is no fraction of these units");
    }
    if (money.getNanos() % nanosPerMinor != 0) {
      throw refusal.apply(".nanos", "is finer than the minor unit of " + currency);
    }
    try {
      return Math.addExact(
          Math.multiplyExact(money.getUnits(), (long) Math.powExact(10, digits)),
          money.getNanos() / nanosPerMinor);
    } catch (ArithmeticException e) {
      throw refusal.apply(".units", "is too much");
    }
  }

  // Gold and a few others are in ISO 4217 but have no minor unit.
  private static int digits(String currency) {
    int digits = Currency.getInstance(currency).getDefaultFractionDigits();
    if (digits < 0) {
      throw new IllegalArgumentException(currency + " has no minor unit");
    }
    return digits;
  }
}
