package dev.weft.order;

/**
 * An amount of money.
 *
 * @param minor in minor units of the currency: 1999 is 19.99 EUR
 * @param currency ISO 4217
 */
record Amount(long minor, String currency) {}
