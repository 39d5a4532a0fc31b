package dev.weft.order;

import dev.weft.mesh.MinorUnits;
import dev.weft.shop.inventory.v1.StockMovement;
import dev.weft.shop.payment.v1.LedgerEntry;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;

/** What the books of the other services say that one order did. */
final class Tally {
  private static final String NETWORK = "card_network";

  int captures;
  final Map<String, Long> captured = new HashMap<>(); // by currency, in minor units
  final Map<String, Long> refunded = new HashMap<>(); // likewise
  final Map<UUID, Long> held = new HashMap<>(); // by product
  final Map<UUID, Long> sold = new HashMap<>();
  Instant lastRefund = Instant.EPOCH;
  boolean returned;

  void add(LedgerEntry entry) {
    long minor = MinorUnits.of(entry.getAmount());
    String currency = entry.getAmount().getCurrencyCode();
    if (!entry.getAccount().equals(NETWORK)) {
      return;
    }
    if (minor > 0) {
      captures++;
      captured.merge(currency, minor, Long::sum);
    } else if (minor < 0) {
      refunded.merge(currency, -minor, Long::sum);
      lastRefund = Instant.ofEpochSecond(entry.getCreateTime().getSeconds());
    }
  }

  void add(StockMovement movement) {
    UUID product = UUID.fromString(movement.getProductId());
    long quantity = movement.getQuantity();
    switch (movement.getKind()) {
      case KIND_RESERVE -> add(held, product, quantity);
      case KIND_CONFIRM -> {
        add(held, product, -quantity);
        add(sold, product, quantity);
      }
      case KIND_RELEASE, KIND_EXPIRE -> add(held, product, -quantity);
      case KIND_RETURN -> {
        add(sold, product, -quantity);
        returned = true;
      }
      case KIND_RESTOCK, KIND_UNSPECIFIED, UNRECOGNIZED -> {}
    }
  }

  /** Whether what was given back is what was taken. */
  boolean allMoneyIsBack() {
    return captured.equals(refunded);
  }

  boolean noMoreMoneyIsBackThanWasTaken() {
    return refunded.entrySet().stream()
        .allMatch(back -> back.getValue() <= captured.getOrDefault(back.getKey(), 0L));
  }

  /** Without what came to nothing, so that it can be compared. */
  private static void add(Map<UUID, Long> sums, UUID product, long quantity) {
    sums.merge(product, quantity, (sum, more) -> sum + more == 0 ? null : Long.valueOf(sum + more));
  }
}
