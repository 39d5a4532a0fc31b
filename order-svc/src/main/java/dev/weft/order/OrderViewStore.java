package dev.weft.order;

import dev.weft.durable.Sql;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.SqlStatement;
import org.jspecify.annotations.Nullable;

/**
 * The SQL of the read model; decides nothing.
 *
 * <p>Whoever takes in an event of the log has {@link #joinAndApply joined}; whoever puts another
 * generation in the place of the one that is read has {@link #lockOut locked} them out.
 */
final class OrderViewStore {
  private static final String LIVE = "(SELECT live FROM order_view_state)";
  private static final String LOCK = "(hashtextextended('order_view', 7))";

  /** Orders from their own rows, as the generation that is being made has them. */
  private static final String FROM_ROWS =
      """
      SELECT building, order_id, user_id, o.state,
             CASE WHEN o.state = 'PENDING' AND cancel_requested THEN 'REQUESTED'
                  ELSE cancel_reason END,
             payment_id, total_minor, currency, version, event_version, create_time, update_time
        FROM customer_order o, order_view_state
      """;

  /** Holds off that another generation takes the place of this one until the transaction ends. */
  private static final Sql JOIN = Sql.of("SELECT pg_advisory_xact_lock_shared" + LOCK);

  // The counts are in order, so that all who move orders of the same users lock them in the same
  // one.
  private static final Sql APPLY =
      Sql.of(
          """
          WITH target AS (
            SELECT coalesce(nullif(:generation, 0), live) AS generation FROM order_view_state),
          said AS (
            SELECT * FROM unnest(:orderIds, :eventVersions, :eventIds, :types, :states, :reasons,
              :versions, :times::timestamptz[], :userIds, :paymentIds, :minors, :currencies,
              :createTimes::timestamptz[], :updateTimes::timestamptz[])
              AS s (order_id, event_version, event_id, type, state, cancel_reason, version,
                change_time, user_id, payment_id, total_minor, currency, create_time,
                update_time)),
          before AS (
            SELECT v.order_id, v.state FROM order_view v JOIN target USING (generation)
             WHERE v.order_id = ANY (:orderIds)),
          told AS (
            INSERT INTO order_view_change (generation, order_id, event_version, event_id, type,
              state, cancel_reason, version, change_time)
            SELECT generation, order_id, event_version, event_id, type, state, cancel_reason,
                   version, change_time FROM target, said
            ON CONFLICT DO NOTHING),
          moved AS (
            INSERT INTO order_view AS v (generation, order_id, user_id, state, cancel_reason,
              payment_id, total_minor, currency, version, event_version, create_time, update_time)
            SELECT generation, order_id, user_id, state, cancel_reason, payment_id, total_minor,
                   currency, version, event_version, create_time, update_time FROM target, said
            ON CONFLICT (generation, order_id) DO UPDATE
              SET state = excluded.state, cancel_reason = excluded.cancel_reason,
                  payment_id = excluded.payment_id, version = excluded.version,
                  event_version = excluded.event_version, update_time = excluded.update_time
              WHERE v.event_version < excluded.event_version
            RETURNING v.generation, v.order_id)
          INSERT INTO order_view_count AS c (generation, user_id, state, orders)
          SELECT moved.generation, said.user_id, s.state, sum(s.n)
            FROM moved JOIN said USING (order_id) LEFT JOIN before USING (order_id),
                 LATERAL (VALUES (said.state, 1), (before.state, -1)) s (state, n)
           WHERE s.state IS NOT NULL
           GROUP BY moved.generation, said.user_id, s.state HAVING sum(s.n) <> 0
           ORDER BY said.user_id, s.state
          ON CONFLICT (generation, user_id, state)
            DO UPDATE SET orders = c.orders + excluded.orders
          """);

  private static final Sql JOIN_AND_APPLY = JOIN.then(APPLY);

  /**
   * A generation that is being made.
   *
   * @param position all events up to it are in
   */
  record Build(int generation, long position, Instant begun) {}

  /** What is read, and what is being made. */
  record State(int live, Optional<Build> build) {}

  /** Which orders a list has. */
  record Wanted(Optional<UUID> ofUser, Optional<OrderState> state) {}

  /**
   * Waits until nobody is {@link #joinAndApply joined}, and lets nobody in until the transaction
   * ends.
   */
  void lockOut(Handle tx) {
    tx.execute("SELECT pg_advisory_xact_lock" + LOCK);
  }

  /**
   * Takes an event in. In whatever order the events of an order come, and however often, what
   * remains is the last one's order and the history of all; of one order they do not come at the
   * same time.
   *
   * @param generation in this one; they count from 1
   */
  void apply(Handle tx, int generation, OrderChange change) {
    apply(APPLY.on(tx), generation, List.of(change));
  }

  /**
   * As {@link #apply}, having joined, in the one that is read.
   *
   * @param changes of different orders
   */
  void joinAndApply(Handle tx, List<OrderChange> changes) {
    apply(JOIN_AND_APPLY.on(tx), 0, changes);
  }

  private static void apply(Sql.Call call, int generation, List<OrderChange> changes) {
    call.set("generation", generation)
        .set("orderIds", uuids(changes, OrderChange::orderId))
        .set("eventVersions", longs(changes, OrderChange::eventVersion))
        .set("eventIds", uuids(changes, OrderChange::eventId))
        .set("types", texts(changes, OrderChange::type))
        .set("states", texts(changes, change -> change.state().name()))
        .set("reasons", texts(changes, change -> change.shownReason().map(Enum::name).orElse(null)))
        .set("versions", longs(changes, OrderChange::version))
        .set("times", texts(changes, change -> change.time().toString()))
        .set("userIds", uuids(changes, OrderChange::userId))
        .set("paymentIds", uuids(changes, change -> change.paymentId().orElse(null)))
        .set("minors", longs(changes, change -> change.total().minor()))
        .set("currencies", texts(changes, change -> change.total().currency()))
        .set("createTimes", texts(changes, change -> change.createTime().toString()))
        .set("updateTimes", texts(changes, change -> change.updateTime().toString()))
        .update();
  }

  private static UUID[] uuids(
      List<OrderChange> changes, Function<OrderChange, @Nullable UUID> value) {
    return changes.stream().map(value).toArray(UUID[]::new);
  }

  private static String[] texts(
      List<OrderChange> changes, Function<OrderChange, @Nullable String> value) {
    return changes.stream().map(value).toArray(String[]::new);
  }

  private static Long[] longs(List<OrderChange> changes, Function<OrderChange, Long> value) {
    return changes.stream().map(value).toArray(Long[]::new);
  }

  /**
   * Orders in the order of their acceptance, or newest first. What events do not hold, since it
   * never changes and is personal or long, comes from the orders' own rows.
   *
   * @param after the last order of the page before this one
   */
  List<Order> list(
      Handle tx, Wanted wanted, Optional<UUID> after, boolean newestFirst, int atMost) {
    String next = newestFirst ? " AND v.order_id < :after" : " AND v.order_id > :after";
    var query =
        tx.createQuery(
            """
            SELECT v.order_id, v.user_id, v.state, v.cancel_reason, false AS cancel_requested,
                   v.payment_id, v.total_minor, v.currency, v.version, v.event_version,
                   v.create_time, v.update_time, o.payment_method, o.ship_name, o.ship_line1,
                   o.ship_line2, o.ship_city, o.ship_postal_code, o.ship_country
              FROM order_view v JOIN customer_order o USING (order_id)
             WHERE v.generation = %s%s%s
             ORDER BY v.order_id %s LIMIT :atMost
            """
                .formatted(
                    LIVE,
                    where("v.", wanted),
                    after.isPresent() ? next : "",
                    newestFirst ? "DESC" : "ASC"));
    bind(query, wanted);
    after.ifPresent(id -> query.bind("after", id));
    return OrderStore.orders(
        tx, query.bind("atMost", atMost).map((row, _) -> OrderStore.Row.of(row)).list());
  }

  /** How many orders the list has. */
  long count(Handle tx, Wanted wanted) {
    var query =
        tx.createQuery(
            "SELECT coalesce(sum(orders), 0) FROM order_view_count WHERE generation = "
                + LIVE
                + where("", wanted));
    bind(query, wanted);
    return query.mapTo(Long.class).one();
  }

  private static String where(String table, Wanted wanted) {
    return (wanted.ofUser().isPresent() ? " AND " + table + "user_id = :ofUser" : "")
        + (wanted.state().isPresent() ? " AND " + table + "state = :state" : "");
  }

  private static void bind(SqlStatement<?> query, Wanted wanted) {
    wanted.ofUser().ifPresent(id -> query.bind("ofUser", id));
    wanted.state().ifPresent(state -> query.bind("state", state.name()));
  }

  /** What happened to an order, oldest first. */
  List<OrderChange.Told> history(Handle tx, UUID orderId) {
    return tx.createQuery(
            "SELECT * FROM order_view_change WHERE generation = "
                + LIVE
                + " AND order_id = :orderId ORDER BY event_version")
        .bind("orderId", orderId)
        .map((row, _) -> told(row))
        .list();
  }

  private static OrderChange.Told told(ResultSet row) throws SQLException {
    return new OrderChange.Told(
        row.getObject("event_id", UUID.class),
        row.getString("type"),
        row.getObject("change_time", OffsetDateTime.class).toInstant(),
        OrderState.valueOf(row.getString("state")),
        Optional.ofNullable(row.getString("cancel_reason")).map(CancelReason::valueOf),
        row.getLong("version"));
  }

  /** Whether all of these are in what is read, as far as the user may see them. */
  boolean reached(Handle tx, Optional<UUID> visibleTo, List<ReadAfter> all) {
    return atLeast(tx, "order_view", "AND t.generation = " + LIVE, visibleTo.orElse(null), all);
  }

  /** Whether all of these were ever written, as far as the user may see them. */
  boolean written(Handle tx, Optional<UUID> visibleTo, List<ReadAfter> all) {
    return atLeast(tx, "customer_order", "", visibleTo.orElse(null), all);
  }

  private static boolean atLeast(
      Handle tx, String table, String also, @Nullable UUID visibleTo, List<ReadAfter> all) {
    return tx.createQuery(
            """
            SELECT count(*) = :n
              FROM unnest(:ids, :versions) AS w (order_id, version)
              JOIN %s t ON t.order_id = w.order_id AND t.version >= w.version %s
             WHERE :visibleTo::uuid IS NULL OR t.user_id = :visibleTo::uuid
            """
                .formatted(table, also))
        .bind("n", all.size())
        .bind("ids", all.stream().map(ReadAfter::orderId).toArray(UUID[]::new))
        .bind("versions", all.stream().map(ReadAfter::version).toArray(Long[]::new))
        .bind("visibleTo", visibleTo == null ? null : visibleTo.toString())
        .mapTo(Boolean.class)
        .one();
  }

  State state(Handle tx) {
    return tx.createQuery("SELECT * FROM order_view_state")
        .map((row, _) -> new State(row.getInt("live"), build(row)))
        .one();
  }

  /** The generation that is being made, for this transaction alone; empty if another has it. */
  Optional<Build> lockBuild(Handle tx) {
    return tx.createQuery("SELECT * FROM order_view_state FOR UPDATE SKIP LOCKED")
        .map((row, _) -> build(row))
        .findOne()
        .flatMap(build -> build);
  }

  private static Optional<Build> build(ResultSet row) throws SQLException {
    int generation = row.getInt("building");
    return row.wasNull()
        ? Optional.empty()
        : Optional.of(
            new Build(
                generation,
                row.getLong("position"),
                row.getObject("begun_at", OffsetDateTime.class).toInstant()));
  }

  /**
   * Begins a new generation, with the orders that have never said anything; they will not become
   * more. Says whether it did, and not another one was being made.
   */
  boolean beginBuild(Handle tx) {
    int begun =
        tx.execute(
            """
            UPDATE order_view_state SET building = live + 1, position = 0, begun_at = weft_now()
             WHERE building IS NULL
            """);
    if (begun == 0) {
      return false;
    }
    tx.execute("SET LOCAL statement_timeout = '60 s'");
    tx.execute(
        """
        INSERT INTO order_view (generation, order_id, user_id, state, cancel_reason, payment_id,
          total_minor, currency, version, event_version, create_time, update_time)
        """
            + FROM_ROWS
            + " WHERE event_version = 0");
    tx.execute(
        """
        INSERT INTO order_view_count (generation, user_id, state, orders)
        SELECT generation, user_id, v.state, count(*)
          FROM order_view v, order_view_state WHERE generation = building GROUP BY 1, 2, 3
        """);
    return true;
  }

  /** Notes how far the generation has come that is being made. */
  void advanceBuild(Handle tx, long position) {
    tx.execute("UPDATE order_view_state SET position = ?", position);
  }

  /** Lets the new generation be read from the end of this transaction on. */
  void endBuild(Handle tx) {
    tx.execute(
        """
        UPDATE order_view_state
           SET live = building, building = NULL, position = NULL, begun_at = NULL
        """);
  }

  /** Deletes some of what is no longer read; says how many rows. */
  int deleteOld(Handle tx, int atMostPerTable) {
    int deleted = 0;
    for (String table : List.of("order_view", "order_view_change", "order_view_count")) {
      deleted +=
          tx.execute(
              """
              DELETE FROM %1$s WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM %1$s WHERE generation < %2$s LIMIT ?))
              """
                  .formatted(table, LIVE),
              atMostPerTable);
    }
    return deleted;
  }
}
