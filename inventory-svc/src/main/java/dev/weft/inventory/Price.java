package dev.weft.inventory;

/**
 * An amount of money.
 *
 * @param minor in minor units of the currency: 1999 is 19.99 EUR
 * @param currency ISO 4217
 */
record Price(long minor, String currency) {
  Price withMinor(long other) {
    return new Price(other, currency);
  }
}
