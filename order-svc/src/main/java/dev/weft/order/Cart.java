package dev.weft.order;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * What a customer means to buy, as it was read.
 *
 * @param version grows with every change; 0 for one that never held anything
 * @param updateTime of the last change
 */
record Cart(List<Item> items, long version, Optional<Instant> updateTime) {
  static final Cart NEVER_USED = new Cart(List.of(), 0, Optional.empty());

  Cart {
    items = List.copyOf(items);
  }
}
