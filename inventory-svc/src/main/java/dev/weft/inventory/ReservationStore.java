package dev.weft.inventory;

import dev.weft.durable.Rows;
import dev.weft.durable.Sql;
import dev.weft.inventory.Reservation.Shortage;
import dev.weft.inventory.Reservation.State;
import java.sql.Array;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jspecify.annotations.Nullable;

/** The SQL of reservations. */
final class ReservationStore {
  private static final String WHOLE =
      """
      order_id, state, expire_time, short_of_product_id, short_of_available,
        expire_time IS NOT NULL AND expire_time <= weft_now() AS overdue,
        ARRAY(SELECT product_id FROM reservation_line AS line
               WHERE line.order_id = reservation.order_id ORDER BY product_id) AS products,
        ARRAY(SELECT quantity FROM reservation_line AS line
               WHERE line.order_id = reservation.order_id ORDER BY product_id) AS quantities
      """;

  private static final String SELECT = "SELECT " + WHOLE + " FROM reservation ";

  private static final Sql FIND = Sql.of(SELECT + "WHERE order_id = :order");

  private static final Sql LOCK = Sql.of(SELECT + "WHERE order_id = :order FOR NO KEY UPDATE");

  private static final Sql INSERT_HELD =
      Sql.of(
          """
          INSERT INTO reservation
            (order_id, state, expire_time, reserve_command, create_time, update_time)
          VALUES (:order, 'HELD', weft_now() + :life * interval '1 ms', :command,
            weft_now(), weft_now())
          ON CONFLICT DO NOTHING
          RETURNING expire_time
          """);

  private static final Sql INSERT_LINES =
      Sql.of(
          """
          INSERT INTO reservation_line (order_id, product_id, quantity)
          SELECT :order, * FROM unnest(:products, :quantities)
          """);

  private static final Sql PIN =
      Sql.of(
          """
          UPDATE reservation SET state = 'PINNED', expire_time = NULL, pin_command = :command,
            update_time = weft_now()
           WHERE order_id = :order AND state = 'HELD' AND expire_time > weft_now()
          RETURNING
          """
              + WHOLE);

  private static final Sql SELL =
      Sql.of(
          """
          UPDATE reservation SET state = 'CONFIRMED', expire_time = NULL, end_command = :command,
            update_time = weft_now()
           WHERE order_id = :order
             AND (state = 'PINNED' OR state = 'HELD' AND expire_time > weft_now())
          RETURNING
          """
              + WHOLE);

  private static final Sql END =
      Sql.of(
          """
          UPDATE reservation SET state = :state, expire_time = NULL, end_command = :command,
            update_time = weft_now()
          WHERE order_id = :order AND state IN ('HELD', 'PINNED')
          """);

  /**
   * Begins a reservation, without lines; says when it expires, or nothing if the order has one.
   * Waits for another transaction that begins one for the same order.
   */
  Optional<Instant> insertHeld(Handle tx, UUID orderId, Duration life, String commandId) {
    return INSERT_HELD
        .on(tx)
        .set("order", orderId)
        .set("life", life.toMillis())
        .set("command", commandId)
        .atMostOne(row -> row.getObject("expire_time", OffsetDateTime.class).toInstant());
  }

  void insertLines(Handle tx, UUID orderId, SortedMap<UUID, Integer> lines) {
    INSERT_LINES
        .on(tx)
        .set("order", orderId)
        .set("products", lines.keySet().toArray(UUID[]::new))
        .set("quantities", lines.values().toArray(Integer[]::new))
        .update();
  }

  /** Remembers that an order is not to hold anything; false if it has a reservation. */
  boolean insertTombstone(Handle tx, UUID orderId, String commandId) {
    return tx.createUpdate(
                """
                INSERT INTO reservation (order_id, state, end_command, create_time, update_time)
                VALUES (:order, 'RELEASED', :command, weft_now(), weft_now())
                ON CONFLICT DO NOTHING
                """)
            .bind("order", orderId)
            .bind("command", commandId)
            .execute()
        == 1;
  }

  Optional<Reservation> find(Handle tx, UUID orderId) {
    return FIND.on(tx).set("order", orderId).atMostOne(ReservationStore::reservation);
  }

  /** The order's reservation, locked until the transaction ends. */
  Optional<Reservation> lock(Handle tx, UUID orderId) {
    return LOCK.on(tx).set("order", orderId).atMostOne(ReservationStore::reservation);
  }

  /** Locks reservations that are held beyond their time, those that nobody is at. */
  List<Reservation> lockOverdue(Handle tx, int limit) {
    return tx.createQuery(
            SELECT
                + """
                WHERE state = 'HELD' AND expire_time <= weft_now()
                ORDER BY expire_time LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
                """)
        .bind("limit", limit)
        .map((row, _) -> reservation(row))
        .list();
  }

  /** Takes the expiry off a reservation that is held and not overdue, if it is. */
  Optional<Reservation> pin(Handle tx, UUID orderId, String commandId) {
    return PIN.on(tx)
        .set("command", commandId)
        .set("order", orderId)
        .atMostOne(ReservationStore::reservation);
  }

  /** Confirms a reservation that is pinned, or held and not overdue, if it is. */
  Optional<Reservation> sell(Handle tx, UUID orderId, String commandId) {
    return SELL.on(tx)
        .set("command", commandId)
        .set("order", orderId)
        .atMostOne(ReservationStore::reservation);
  }

  /**
   * Ends a locked reservation.
   *
   * @param commandId null when nobody asked for it
   */
  void end(Handle tx, UUID orderId, State state, @Nullable String commandId) {
    END.on(tx)
        .set("state", state.name())
        .set("command", commandId)
        .set("order", orderId)
        .updateOne("ended reservation");
  }

  /**
   * Notes that a locked reservation's goods, which were sold, come back; says its event's version.
   */
  long takeBack(Handle tx, UUID orderId) {
    return tx.createQuery(
            """
            UPDATE reservation SET state = 'RETURNED', event_version = event_version + 1,
              update_time = weft_now()
            WHERE order_id = :order AND state = 'CONFIRMED'
            RETURNING event_version
            """)
        .bind("order", orderId)
        .mapTo(Long.class)
        .one();
  }

  /** Ends a locked reservation because there is not enough for it. */
  void refuse(Handle tx, UUID orderId, Shortage shortage) {
    int changed =
        tx.createUpdate(
                """
                UPDATE reservation SET state = 'RELEASED', expire_time = NULL,
                  short_of_product_id = :product, short_of_available = :available,
                  update_time = weft_now()
                WHERE order_id = :order AND state = 'HELD'
                """)
            .bind("product", shortage.productId())
            .bind("available", shortage.available())
            .bind("order", orderId)
            .execute();
    Rows.one(changed, "refused reservation");
  }

  private static Reservation reservation(ResultSet row) throws SQLException {
    UUID shortOf = row.getObject("short_of_product_id", UUID.class);
    OffsetDateTime expireTime = row.getObject("expire_time", OffsetDateTime.class);
    return new Reservation(
        row.getObject("order_id", UUID.class),
        State.valueOf(row.getString("state")),
        lines(row.getArray("products"), row.getArray("quantities")),
        Optional.ofNullable(expireTime).map(OffsetDateTime::toInstant),
        row.getBoolean("overdue"),
        shortOf == null
            ? Optional.empty()
            : Optional.of(new Shortage(shortOf, row.getLong("short_of_available"))));
  }

  private static SortedMap<UUID, Integer> lines(Array products, Array quantities)
      throws SQLException {
    UUID[] ids = (UUID[]) products.getArray();
    Integer[] counts = (Integer[]) quantities.getArray();
    SortedMap<UUID, Integer> lines = new TreeMap<>();
    for (int i = 0; i < ids.length; i++) {
      lines.put(ids[i], counts[i]);
    }
    return lines;
  }
}
