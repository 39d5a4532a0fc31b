package dev.weft.order;

import java.time.OffsetDateTime;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/** The SQL of carts; decides nothing. */
final class CartStore {
  /** The cart; inside a transaction that called {@link #touch} nobody changes it meanwhile. */
  Cart get(Handle tx, UUID userId) {
    // One statement: items and version belong together.
    List<Row> rows =
        tx.createQuery(
                """
                SELECT c.version, c.update_time, i.product_id, i.quantity
                  FROM cart c LEFT JOIN cart_item i USING (user_id)
                 WHERE c.user_id = :userId ORDER BY i.position
                """)
            .bind("userId", userId)
            .map(
                (row, _) ->
                    new Row(
                        row.getLong("version"),
                        row.getObject("update_time", OffsetDateTime.class),
                        Optional.ofNullable(row.getObject("product_id", UUID.class)),
                        row.getInt("quantity")))
            .list();
    if (rows.isEmpty()) {
      return Cart.NEVER_USED;
    }
    return new Cart(
        rows.stream()
            .flatMap(row -> row.productId().map(id -> new Item(id, row.quantity())).stream())
            .toList(),
        rows.getFirst().version(),
        Optional.of(rows.getFirst().updateTime().toInstant()));
  }

  /** Locks the cart until the transaction ends and counts a change of it; says which it is. */
  long touch(Handle tx, UUID userId) {
    return tx.createQuery(
            """
            INSERT INTO cart (user_id, version, update_time) VALUES (:userId, 1, weft_now())
            ON CONFLICT (user_id) DO UPDATE SET version = cart.version + 1, update_time = weft_now()
            RETURNING version
            """)
        .bind("userId", userId)
        .mapTo(Long.class)
        .one();
  }

  void set(Handle tx, UUID userId, Item item) {
    tx.createUpdate(
            """
            INSERT INTO cart_item (user_id, product_id, quantity)
            VALUES (:userId, :productId, :quantity)
            ON CONFLICT (user_id, product_id) DO UPDATE SET quantity = excluded.quantity
            """)
        .bind("userId", userId)
        .bind("productId", item.productId())
        .bind("quantity", item.quantity())
        .execute();
  }

  void remove(Handle tx, UUID userId, UUID productId) {
    tx.createUpdate("DELETE FROM cart_item WHERE user_id = :userId AND product_id = :productId")
        .bind("userId", userId)
        .bind("productId", productId)
        .execute();
  }

  void clear(Handle tx, UUID userId) {
    tx.createUpdate("DELETE FROM cart_item WHERE user_id = :userId")
        .bind("userId", userId)
        .execute();
  }

  private record Row(
      long version, OffsetDateTime updateTime, Optional<UUID> productId, int quantity) {}
}
