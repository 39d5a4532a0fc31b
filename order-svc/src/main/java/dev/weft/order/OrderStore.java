package dev.weft.order;

import dev.weft.durable.Sql;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/** The SQL of orders; decides nothing. Whatever changes an order also says so, in one go. */
final class OrderStore {
  /** What a row has of a line. Lines never change, so that reading them with it is no race. */
  private static final String LINE = "l.product_id, l.title, l.quantity, l.unit_price_minor";

  private static final String SELECT =
      "SELECT o.*, " + LINE + " FROM customer_order o LEFT JOIN order_line l USING (order_id) ";

  private static final Sql FIND = Sql.of(SELECT + "WHERE order_id = :id ORDER BY l.position");

  private static final Sql LOCK =
      Sql.of(SELECT + "WHERE order_id = :id ORDER BY l.position FOR UPDATE OF o");

  private static final Sql INSERT =
      Sql.of(
          """
          WITH lines AS (
            INSERT INTO order_line (order_id, position, product_id, title, quantity,
              unit_price_minor)
            SELECT :id, n - 1, product_id, title, quantity, unit_minor
              FROM unnest(:products, :titles, :quantities, :unitMinors) WITH ORDINALITY
                AS line (product_id, title, quantity, unit_minor, n))
          INSERT INTO customer_order (order_id, user_id, state, total_minor, currency,
            payment_method, ship_name, ship_line1, ship_line2, ship_city, ship_postal_code,
            ship_country, event_version, create_time, update_time)
          VALUES (:id, :userId, 'PENDING', :minor, :currency, :method, :name, :line1, :line2,
            :city, :postalCode, :country, 1, weft_now(), weft_now())
          RETURNING *
          """);

  private static final Sql STANDING =
      Sql.of(
          """
          SELECT (SELECT count(*) FROM (
                   SELECT FROM customer_order
                    WHERE user_id = :userId AND state = 'PENDING' LIMIT :limit) p) AS pending,
                 coalesce((SELECT state FROM known_user WHERE user_id = :userId), 'ACTIVE')
                   AS state
          """);

  private static final Sql REQUEST_CANCEL =
      change(
          "cancel_requested = true",
          """
          order_id = :id AND state = 'PENDING' AND NOT cancel_requested AND payment_id IS NULL
          """);

  private static final Sql REQUEST_CANCELS =
      change(
          "cancel_requested = true, cancel_requested_for = :why",
          """
          order_id = ANY (ARRAY(
            SELECT order_id FROM customer_order
             WHERE user_id = :userId AND state = 'PENDING' AND NOT cancel_requested
               AND payment_id IS NULL
             ORDER BY order_id LIMIT :atMost FOR UPDATE))
          """);

  private static final Sql BEGIN_CAPTURE =
      change(
          "payment_id = :paymentId",
          "order_id = :id AND state = 'PENDING' AND NOT cancel_requested");

  private static final Sql CANCEL =
      change(
          """
          state = 'CANCELLED', cancel_reason = :reason,
          payment_id = coalesce(:paymentId, payment_id)""",
          "order_id = :id AND state = 'PENDING'");

  private static final Sql MOVE = change("state = :to", "order_id = :id AND state = :from");

  private final OrderEvents events;

  OrderStore(OrderEvents events) {
    this.events = events;
  }

  /** Changes orders, each with one event more, and reads them as they are then. */
  private static Sql change(String what, String where) {
    return Sql.of(
        """
        WITH o AS (
          UPDATE customer_order
             SET %s, version = version + 1, event_version = event_version + 1,
                 update_time = weft_now()
           WHERE %s RETURNING *)
        SELECT o.*, %s FROM o LEFT JOIN order_line l USING (order_id) ORDER BY order_id, l.position
        """
            .formatted(what, where, LINE));
  }

  /** What a new order is made of. */
  record NewOrder(UUID id, UUID userId, Quote quote, Address address, String paymentMethod) {}

  Order insert(Handle tx, NewOrder order) {
    Amount total = order.quote().total();
    Address address = order.address();
    List<OrderLine> lines = order.quote().lines();
    Order inserted =
        INSERT
            .on(tx)
            .set("id", order.id())
            .set("userId", order.userId())
            .set("minor", total.minor())
            .set("currency", total.currency())
            .set("method", order.paymentMethod())
            .set("name", address.name())
            .set("line1", address.line1())
            .set("line2", address.line2())
            .set("city", address.city())
            .set("postalCode", address.postalCode())
            .set("country", address.country())
            .set("products", lines.stream().map(OrderLine::productId).toArray(UUID[]::new))
            .set("titles", lines.stream().map(OrderLine::title).toArray(String[]::new))
            .set("quantities", lines.stream().map(OrderLine::quantity).toArray(Integer[]::new))
            .set("unitMinors", lines.stream().map(OrderLine::unitMinor).toArray(Long[]::new))
            .one(Row::of)
            .toOrder(lines);
    events.created(tx, inserted);
    return inserted;
  }

  Optional<Order> find(Handle tx, UUID id) {
    return read(FIND.on(tx).set("id", id)).stream().findFirst();
  }

  /** The order, locked until the transaction ends. */
  Optional<Order> lock(Handle tx, UUID id) {
    return read(LOCK.on(tx).set("id", id)).stream().findFirst();
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
    return STANDING
        .on(tx)
        .set("userId", userId)
        .set("limit", limit)
        .one(row -> new Standing(row.getInt("pending"), UserState.valueOf(row.getString("state"))));
  }

  /** Notes that a PENDING order, whose capture has not begun, was called off. */
  void requestCancel(Handle tx, UUID id) {
    events.cancellationRequested(tx, only(REQUEST_CANCEL.on(tx).set("id", id), id));
  }

  /**
   * As {@link #requestCancel}, for some orders of a user that can be called off, if there are any;
   * says which.
   */
  List<UUID> requestCancels(Handle tx, UUID userId, CancelReason why, int atMost) {
    List<Order> calledOff =
        read(
            REQUEST_CANCELS
                .on(tx)
                .set("why", why.name())
                .set("userId", userId)
                .set("atMost", atMost));
    calledOff.forEach(order -> events.cancellationRequested(tx, order));
    return calledOff.stream().map(Order::id).toList();
  }

  /** Names the payment of an order whose money is about to be taken; false if it was called off. */
  boolean beginCapture(Handle tx, UUID id, UUID paymentId) {
    List<Order> order = read(BEGIN_CAPTURE.on(tx).set("paymentId", paymentId).set("id", id));
    order.forEach(one -> events.captureBegun(tx, one));
    return !order.isEmpty();
  }

  void confirm(Handle tx, UUID id) {
    events.confirmed(tx, move(tx, id, OrderState.PENDING, OrderState.CONFIRMED));
  }

  /** Ends an order; what is known of its payment stays. */
  void cancel(Handle tx, UUID id, CancelReason reason, Optional<UUID> paymentId) {
    Sql.Call cancel =
        CANCEL
            .on(tx)
            .set("reason", reason.name())
            .set("paymentId", paymentId.orElse(null))
            .set("id", id);
    events.cancelled(tx, only(cancel, id));
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
    return only(MOVE.on(tx).set("from", from.name()).set("to", to.name()).set("id", id), id);
  }

  private static Order only(Sql.Call change, UUID id) {
    return read(change).stream()
        .findFirst()
        .orElseThrow(
            () -> new IllegalStateException("order " + id + ": no row changed (expected: 1)"));
  }

  /** The orders of a statement that has a row for each of their lines. */
  private static List<Order> read(Sql.Call statement) {
    Map<UUID, Row> rows = new LinkedHashMap<>();
    Map<UUID, List<OrderLine>> lines = new HashMap<>();
    statement.list(
        row -> {
          UUID id = row.getObject("order_id", UUID.class);
          if (!rows.containsKey(id)) {
            rows.put(id, Row.of(row));
          }
          return lines.computeIfAbsent(id, _ -> new ArrayList<>()).add(line(row));
        });
    return orders(rows.values(), lines);
  }

  private static List<Order> orders(Collection<Row> rows, Map<UUID, List<OrderLine>> lines) {
    return rows.stream().map(row -> row.toOrder(lines.getOrDefault(row.id(), List.of()))).toList();
  }

  private static OrderLine line(ResultSet row) throws SQLException {
    return new OrderLine(
        row.getObject("product_id", UUID.class),
        row.getString("title"),
        row.getInt("quantity"),
        row.getLong("unit_price_minor"));
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
                    .add(line(row)))
        .list();
    return orders(rows, lines);
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
