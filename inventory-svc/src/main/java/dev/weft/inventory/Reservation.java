package dev.weft.inventory;

import java.time.Instant;
import java.util.Optional;
import java.util.SortedMap;
import java.util.UUID;

/**
 * Goods held for an order.
 *
 * @param lines how many of each product; empty for a tombstone
 * @param expireTime only while held
 * @param overdue whether it is held beyond its time: it has ended, and is about to be given back
 * @param shortage why it never held anything, if it was refused
 */
record Reservation(
    UUID orderId,
    State state,
    SortedMap<UUID, Integer> lines,
    Optional<Instant> expireTime,
    boolean overdue,
    Optional<Shortage> shortage) {

  /**
   * Where it stands; it ends CONFIRMED, RELEASED or EXPIRED, and may be RETURNED when CONFIRMED.
   */
  enum State {
    HELD,
    PINNED,
    CONFIRMED,
    RELEASED,
    EXPIRED,
    RETURNED
  }

  /** The same in another state, in which nothing runs out. */
  Reservation in(State other) {
    return new Reservation(orderId, other, lines, Optional.empty(), false, shortage);
  }

  /** The product an order wanted more of than there was. */
  record Shortage(UUID productId, long available) {}
}
