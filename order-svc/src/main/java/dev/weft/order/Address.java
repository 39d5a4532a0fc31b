package dev.weft.order;

/**
 * Where the goods go.
 *
 * @param country ISO 3166-1 alpha-2
 */
record Address(
    String name, String line1, String line2, String city, String postalCode, String country) {}
