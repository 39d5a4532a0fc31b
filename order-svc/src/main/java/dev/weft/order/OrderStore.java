package dev.weft.order;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.PreparedBatch;
import org.jdbi.v3.core.statement.Query;

/** The SQL of orders; decides nothing. Whatever changes an order also says so, in one go. */
final class OrderStore {
  private final OrderEvents events;

  OrderStore(OrderEvents events) {
    this.events = events;
  }

  /** What a new order is made of. */
  record NewOrder(UUID id, UUID userId, Quote quote, Address address, String paymentMethod) {}

  Order insert(Handle tx, NewOrder order) {
    Amount total = order.quote().total();
    Address address = order.address();
    Row row =
        tx.createQuery(
                """
                INSERT INTO customer_order (order_id, user_id, state, total_minor, currency,
                  payment_method, ship_name, ship_line1, ship_line2, ship_city, ship_postal_code,
                  ship_country, event_version, create_time, update_time)
                VALUES (:id, :userId, 'PENDING', :minor, :currency, :method, :name, :line1, :line2,
                  :city, :postalCode, :country, 1, weft_now(), weft_now())
                RETURNING *
                """)
            .bind("id", order.id())
            .bind("userId", order.userId())
            .bind("minor", total.minor())
            .bind("currency", total.currency())
            .bind("method", order.paymentMethod())
            .bind("name", address.name())
            .bind("line1", address.line1())
            .bind("line2", address.line2())
            .bind("city", address.city())
            .bind("postalCode", address.postalCode())
            .bind("country", address.country())
            .map((result, _) -> Row.of(result))
            .one();
    List<OrderLine> lines = order.quote().lines();
    insertLines(tx, order.id(), lines);
    Order inserted = row.toOrder(lines);
    events.created(tx, inserted);
    return inserted;
  }

  private static void insertLines(Handle tx, UUID orderId, List<OrderLine> lines) {
    PreparedBatch batch =
        tx.prepareBatch(
            """
            INSERT INTO order_line (order_id, position, product_id, title, quantity,
              unit_price_minor)
            VALUES (:orderId, :position, :productId, :title, :quantity, :unitMinor)
            """);
    for (int i = 0; i < lines.size(); i++) {
      OrderLine line = lines.get(i);
      batch
          .bind("orderId", orderId)
          .bind("position", i)
          .bind("productId", line.productId())
          .bind("title", line.title())
          .bind("quantity", line.quantity())
          .bind("unitMinor", line.unitMinor())
          .add();
    }
    batch.execute();
  }

  Optional<Order> find(Handle tx, UUID id) {
    return orders(
            tx,
            tx.createQuery("SELECT * FROM customer_order WHERE order_id = :id")
                .bind("id", id)
                .map((row, _) -> Row.of(row))
                .list())
        .stream()
        .findFirst();
  }

  /** The order, locked until the transaction ends. */
  Optional<Order> lock(Handle tx, UUID id) {
    return orders(
            tx,
            tx.createQuery("SELECT * FROM customer_order WHERE order_id = :id FOR UPDATE")
                .bind("id", id)
                .map((row, _) -> Row.of(row))
                .list())
        .stream()
        .findFirst();
  }

  /**
   * All orders, newest first.
   *
   * @param before the last order of the page before this one
   */
  List<Order> list(Handle tx, Optional<UUID> before, int atMost) {
    var query =
        tx.createQuery(
            "SELECT * FROM customer_order"
                + (before.isPresent() ? " WHERE order_id < :before" : "")
                + " ORDER BY order_id DESC LIMIT :atMost");
    before.ifPresent(id -> query.bind("before", id));
    return orders(tx, query.bind("atMost", atMost).map((row, _) -> Row.of(row)).list());
  }

  /**
   * What counts when a user orders.
   *
   * @param pending how many PENDING orders there are, counted no further than asked for
   * @param user ACTIVE also when nothing is known
   */
  record Standing(int pending, UserState user) {}

  Standing standing(Handle tx, UUID userId, int limit) {
    return tx.createQuery(
            """
            SELECT (SELECT count(*) FROM (
                     SELECT FROM customer_order
                      WHERE user_id = :userId AND state = 'PENDING' LIMIT :limit) p) AS pending,
                   coalesce((SELECT state FROM known_user WHERE user_id = :userId), 'ACTIVE')
                     AS state
            """)
        .bind("userId", userId)
        .bind("limit", limit)
        .map(
            (row, _) ->
                new Standing(row.getInt("pending"), UserState.valueOf(row.getString("state"))))
        .one();
  }

  /** Notes that a PENDING order, whose capture has not begun, was called off. */
  void requestCancel(Handle tx, UUID id) {
    Query update =
        tx.createQuery(
                """
                UPDATE customer_order
                   SET cancel_requested = true, version = version + 1,
                       event_version = event_version + 1, update_time = weft_now()
                 WHERE order_id = :id AND state = 'PENDING' AND NOT cancel_requested
                   AND payment_id IS NULL
                RETURNING *
                """)
            .bind("id", id);
    events.cancellationRequested(tx, only(changed(tx, update), id));
  }

  /**
   * As {@link #requestCancel}, for some orders of a user that can be called off, if there are any;
   * says which.
   */
  List<UUID> requestCancels(Handle tx, UUID userId, CancelReason why, int atMost) {
    Query update =
        tx.createQuery(
                """
                UPDATE customer_order
                   SET cancel_requested = true, cancel_requested_for = :why,
                       version = version + 1, event_version = event_version + 1,
                       update_time = weft_now()
                 WHERE order_id = ANY (ARRAY(
                   SELECT order_id FROM customer_order
                    WHERE user_id = :userId AND state = 'PENDING' AND NOT cancel_requested
                      AND payment_id IS NULL
                    ORDER BY order_id LIMIT :atMost FOR UPDATE))
                RETURNING *
                """)
            .bind("why", why.name())
            .bind("userId", userId)
            .bind("atMost", atMost);
    List<Order> calledOff = orders(tx, update.map((row, _) -> Row.of(row)).list());
    calledOff.forEach(order -> events.cancellationRequested(tx, order));
    return calledOff.stream().map(Order::id).toList();
  }

  /** Names the payment of an order whose money is about to be taken; false if it was called off. */
  boolean beginCapture(Handle tx, UUID id, UUID paymentId) {
    Query update =
        tx.createQuery(
                """
                UPDATE customer_order
                   SET payment_id = :paymentId, version = version + 1,
                       event_version = event_version + 1, update_time = weft_now()
                 WHERE order_id = :id AND state = 'PENDING' AND NOT cancel_requested
                RETURNING *
                """)
            .bind("paymentId", paymentId)
            .bind("id", id);
    Optional<Order> order = changed(tx, update);
    order.ifPresent(one -> events.captureBegun(tx, one));
    return order.isPresent();
  }

  void confirm(Handle tx, UUID id) {
    events.confirmed(tx, move(tx, id, OrderState.PENDING, OrderState.CONFIRMED));
  }

  /** Ends an order; what is known of its payment stays. */
  void cancel(Handle tx, UUID id, CancelReason reason, Optional<UUID> paymentId) {
    Query update =
        tx.createQuery(
                """
                UPDATE customer_order
                   SET state = 'CANCELLED', cancel_reason = :reason,
                       payment_id = coalesce(:paymentId::uuid, payment_id),
                       version = version + 1, event_version = event_version + 1,
                       update_time = weft_now()
                 WHERE order_id = :id AND state = 'PENDING'
                RETURNING *
                """)
            .bind("reason", reason.name())
            .bind("paymentId", paymentId.orElse(null))
            .bind("id", id);
    events.cancelled(tx, only(changed(tx, update), id));
  }

  /** Begins to give back money and goods of a CONFIRMED order. */
  void requestRefund(Handle tx, UUID id) {
    events.refundRequested(tx, move(tx, id, OrderState.CONFIRMED, OrderState.REFUNDING));
  }

  /** Ends a REFUNDING order: money and goods are back. */
  void refunded(Handle tx, UUID id) {
    events.refunded(tx, move(tx, id, OrderState.REFUNDING, OrderState.REFUNDED));
  }

  private static Order move(Handle tx, UUID id, OrderState from, OrderState to) {
    Query update =
        tx.createQuery(
                """
                UPDATE customer_order
                   SET state = :to, version = version + 1, event_version = event_version + 1,
                       update_time = weft_now()
                 WHERE order_id = :id AND state = :from
                RETURNING *
                """)
            .bind("from", from.name())
            .bind("to", to.name())
            .bind("id", id);
    return only(changed(tx, update), id);
  }

  private static Optional<Order> changed(Handle tx, Query update) {
    return orders(tx, update.map((row, _) -> Row.of(row)).list()).stream().findFirst();
  }

  private static Order only(Optional<Order> changed, UUID id) {
    return changed.orElseThrow(
        () -> new IllegalStateException("order " + id + ": no row changed (expected: 1)"));
  }

  /** The time, by the clock that every row is stamped with. */
  static Instant now(Handle tx) {
    return tx.createQuery("SELECT weft_now()").mapTo(OffsetDateTime.class).one().toInstant();
  }

  /** The versions of these orders as they are now. */
  Map<UUID, Long> versions(Handle tx, Collection<UUID> ids) {
    Map<UUID, Long> versions = new HashMap<>();
    tx.createQuery("SELECT order_id, version FROM customer_order WHERE order_id = ANY (:ids)")
        .bind("ids", ids.toArray(UUID[]::new))
        .map(
            (row, _) -> versions.put(row.getObject("order_id", UUID.class), row.getLong("version")))
        .list();
    return versions;
  }

  /** The orders of these rows. Lines never change, so that reading them later is no race. */
  static List<Order> orders(Handle tx, List<Row> rows) {
    if (rows.isEmpty()) {
      return List.of();
    }
    Map<UUID, List<OrderLine>> lines = new HashMap<>();
    tx.createQuery("SELECT * FROM order_line WHERE order_id = ANY (:ids) ORDER BY position")
        .bind("ids", rows.stream().map(Row::id).toArray(UUID[]::new))
        .map(
            (row, _) ->
                lines
                    .computeIfAbsent(row.getObject("order_id", UUID.class), _ -> new ArrayList<>())
                    .add(
                        new OrderLine(
                            row.getObject("product_id", UUID.class),
                            row.getString("title"),
                            row.getInt("quantity"),
                            row.getLong("unit_price_minor"))))
        .list();
    return rows.stream().map(row -> row.toOrder(lines.getOrDefault(row.id(), List.of()))).toList();
  }

  /** A row of the table, without its lines. */
  record Row(
      UUID id,
      UUID userId,
      Amount total,
      OrderState state,
      Optional<CancelReason> cancelReason,
      Optional<CancelReason> calledOff,
      Optional<UUID> paymentId,
      Address address,
      String paymentMethod,
      long version,
      long eventVersion,
      Instant createTime,
      Instant updateTime) {

    static Row of(ResultSet row) throws SQLException {
      return new Row(
          row.getObject("order_id", UUID.class),
          row.getObject("user_id", UUID.class),
          new Amount(row.getLong("total_minor"), row.getString("currency")),
          OrderState.valueOf(row.getString("state")),
          Optional.ofNullable(row.getString("cancel_reason")).map(CancelReason::valueOf),
          calledOff(row),
          Optional.ofNullable(row.getObject("payment_id", UUID.class)),
          new Address(
              row.getString("ship_name"),
              row.getString("ship_line1"),
              row.getString("ship_line2"),
              row.getString("ship_city"),
              row.getString("ship_postal_code"),
              row.getString("ship_country")),
          row.getString("payment_method"),
          row.getLong("version"),
          row.getLong("event_version"),
          row.getObject("create_time", OffsetDateTime.class).toInstant(),
          row.getObject("update_time", OffsetDateTime.class).toInstant());
    }

    private static Optional<CancelReason> calledOff(ResultSet row) throws SQLException {
      if (!row.getBoolean("cancel_requested")) {
        return Optional.empty();
      }
      String why = row.getString("cancel_requested_for");
      return Optional.of(why == null ? CancelReason.REQUESTED : CancelReason.valueOf(why));
    }

    Order toOrder(List<OrderLine> lines) {
      return new Order(
          id,
          userId,
          lines,
          total,
          state,
          cancelReason,
          calledOff,
          paymentId,
          address,
          paymentMethod,
          version,
          eventVersion,
          createTime,
          updateTime);
    }
  }
}
