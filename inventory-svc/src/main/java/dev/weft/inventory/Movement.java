package dev.weft.inventory;

import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/**
 * One change of one product's stock.
 *
 * @param orderId empty for a restock
 */
record Movement(
    long id, UUID productId, Kind kind, long quantity, Optional<UUID> orderId, Instant createTime) {

  /** What one unit of a movement adds to each column of the stock. */
  enum Kind {
    RESTOCK(1, 1, 0, 0),
    RESERVE(0, -1, 1, 0),
    CONFIRM(0, 0, -1, 1),
    RELEASE(0, 1, -1, 0),
    EXPIRE(0, 1, -1, 0),
    RETURN(0, 1, 0, -1);

    final int received;
    final int available;
    final int reserved;
    final int sold;

    Kind(int received, int available, int reserved, int sold) {
      this.received = received;
      this.available = available;
      this.reserved = reserved;
      this.sold = sold;
    }
  }
}
