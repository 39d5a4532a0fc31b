package dev.weft.inventory;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * What a process tells the others: which products it changed.
 *
 * @param by the process
 * @param ids empty for all, as far as anybody knows
 */
record ProductChange(UUID by, List<UUID> ids) {
  private static final int ID_BYTES = 2 * Long.BYTES;

  /** More are as good as all. */
  static final int IDS_MAX = 500;

  static ProductChange of(UUID by, Collection<UUID> ids) {
    return new ProductChange(by, ids.size() > IDS_MAX ? List.of() : List.copyOf(ids));
  }

  byte[] bytes() {
    ByteBuffer bytes = ByteBuffer.allocate(ID_BYTES * (1 + ids.size()));
    put(bytes, by);
    ids.forEach(id -> put(bytes, id));
    return bytes.array();
  }

  private static void put(ByteBuffer bytes, UUID id) {
    bytes.putLong(id.getMostSignificantBits()).putLong(id.getLeastSignificantBits());
  }

  /** Reads what {@link #bytes} wrote; empty if it is something else. */
  static Optional<ProductChange> parse(byte[] message) {
    if (message.length < ID_BYTES || message.length % ID_BYTES != 0) {
      return Optional.empty();
    }
    ByteBuffer bytes = ByteBuffer.wrap(message);
    UUID by = id(bytes);
    List<UUID> ids = new ArrayList<>();
    while (bytes.hasRemaining()) {
      ids.add(id(bytes));
    }
    return Optional.of(new ProductChange(by, ids));
  }

  private static UUID id(ByteBuffer bytes) {
    return new UUID(bytes.getLong(), bytes.getLong());
  }
}
