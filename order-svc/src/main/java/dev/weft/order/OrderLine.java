package dev.weft.order;

import java.util.UUID;

/**
 * One line of an order, at the price it was accepted with.
 *
 * @param unitMinor price of one, in minor units of the order's currency
 */
record OrderLine(UUID productId, String title, int quantity, long unitMinor) {
  OrderLine {
    if (quantity < 1 || unitMinor < 1) {
      throw new IllegalArgumentException(
          "line of " + productId + ": " + quantity + " at " + unitMinor + " (expected: > 0)");
    }
  }

  long totalMinor() {
    return Math.multiplyExact(unitMinor, quantity);
  }

  Item item() {
    return new Item(productId, quantity);
  }
}
