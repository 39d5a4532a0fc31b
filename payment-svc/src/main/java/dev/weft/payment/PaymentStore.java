package dev.weft.payment;

import dev.weft.durable.Rows;
import dev.weft.durable.Sql;
import dev.weft.events.Cause;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.SqlStatement;
import org.jspecify.annotations.Nullable;

/** The SQL of payments, refunds and voided orders; decides nothing. */
final class PaymentStore {
  /** Longer than one try at the card network, so that a running one is left alone. */
  static final Duration LEASE = Duration.ofSeconds(10);

  /** How long a payment is left alone after tries that learned nothing. */
  private static final Duration POSTPONED_MAX = Duration.ofSeconds(30);

  private static final String LISTED_REFUND =
      "SELECT refund.*, order_id, currency FROM refund JOIN payment USING (payment_id) WHERE ";

  private static final Sql LOCK_ORDER =
      Sql.of("SELECT pg_advisory_xact_lock(hashtextextended(:order, 1))");

  private static final Sql INSERT =
      Sql.of(
          """
          INSERT INTO payment (payment_id, order_id, user_id, amount_minor, currency,
                               payment_method, state, authorize_command, create_time, update_time,
                               lease_until)
          SELECT :id, :orderId, :userId, :minor, :currency, :method, :state, :command,
                 weft_now(), weft_now(), weft_now() + :lease * interval '1 ms'
           WHERE NOT EXISTS (SELECT FROM voided_order WHERE order_id = :orderId)
          ON CONFLICT (order_id) DO NOTHING
          RETURNING *
          """);

  private static final String UPDATE =
      """
      UPDATE payment SET
        state = :state, captured_minor = :captured, refund_requested_minor = :refundRequested,
        refunded_minor = :refunded, charge_id = :charge, decline_reason = :declineReason,
        capture_command = :capture, void_command = :release, update_time = weft_now(),
        lease_until = weft_now() + :lease * interval '1 ms', attempts = 0
       WHERE payment_id = :id
      """;

  private static final Sql SAVE = Sql.of(UPDATE + "RETURNING *");

  private static final Sql SAVE_UNLESS_CHANGED =
      Sql.of(
          UPDATE
              + """
               AND (state, refund_requested_minor, refunded_minor, charge_id, decline_reason,
                    capture_command, void_command)
                 IS NOT DISTINCT FROM (:oldState, :oldRefundRequested, :oldRefunded, :oldCharge,
                    :oldDeclineReason, :oldCapture, :oldRelease)
              RETURNING *
              """);

  private static final Sql FIND = Sql.of("SELECT * FROM payment WHERE payment_id = :id");

  private static final Sql FIND_BY_ORDER = Sql.of("SELECT * FROM payment WHERE order_id = :order");

  private static final Sql LOCK = Sql.of("SELECT * FROM payment WHERE payment_id = :id FOR UPDATE");

  private static final Sql LOCK_BY_ORDER =
      Sql.of("SELECT * FROM payment WHERE order_id = :order FOR UPDATE");

  /**
   * Makes this the only transaction that decides about the order, also when there is no row of it
   * yet.
   */
  void lockOrder(Handle tx, UUID orderId) {
    LOCK_ORDER.on(tx).set("order", orderId.toString()).run();
  }

  /** Begins a payment; nothing if its order has one, or was voided. */
  Optional<Payment> insert(Handle tx, Payment payment) {
    return INSERT
        .on(tx)
        .set("id", payment.id())
        .set("orderId", payment.orderId())
        .set("userId", payment.userId())
        .set("minor", payment.amount().minor())
        .set("currency", payment.amount().currency())
        .set("method", payment.method())
        .set("state", payment.state().name())
        .set("command", payment.commands().authorize())
        .set("lease", LEASE.toMillis())
        .atMostOne(PaymentStore::payment);
  }

  /** Writes what can change of a payment that this transaction has locked, and leases it anew. */
  Payment save(Handle tx, Payment payment) {
    return values(payment, SAVE.on(tx)).one(PaymentStore::payment);
  }

  /** As {@link #save}, of one that nobody has locked; nothing if it is not as it was read. */
  Optional<Payment> saveUnlessChanged(Handle tx, Payment read, Payment payment) {
    return values(payment, SAVE_UNLESS_CHANGED.on(tx))
        .set("oldState", read.state().name())
        .set("oldRefundRequested", read.refundRequestedMinor())
        .set("oldRefunded", read.refundedMinor())
        .set("oldCharge", read.chargeId().orElse(null))
        .set("oldDeclineReason", read.declineReason().orElse(null))
        .set("oldCapture", read.commands().capture().orElse(null))
        .set("oldRelease", read.commands().release().orElse(null))
        .atMostOne(PaymentStore::payment);
  }

  private static Sql.Call values(Payment payment, Sql.Call update) {
    return update
        .set("id", payment.id())
        .set("state", payment.state().name())
        .set("captured", payment.capturedMinor())
        .set("refundRequested", payment.refundRequestedMinor())
        .set("refunded", payment.refundedMinor())
        .set("charge", payment.chargeId().orElse(null))
        .set("declineReason", payment.declineReason().orElse(null))
        .set("capture", payment.commands().capture().orElse(null))
        .set("release", payment.commands().release().orElse(null))
        .set("lease", LEASE.toMillis());
  }

  Optional<Payment> find(Handle tx, UUID paymentId) {
    return FIND.on(tx).set("id", paymentId).atMostOne(PaymentStore::payment);
  }

  Optional<Payment> findByOrder(Handle tx, UUID orderId) {
    return FIND_BY_ORDER.on(tx).set("order", orderId).atMostOne(PaymentStore::payment);
  }

  /** The payment, locked until the transaction ends. */
  Payment lock(Handle tx, UUID paymentId) {
    return LOCK.on(tx).set("id", paymentId).one(PaymentStore::payment);
  }

  /** The order's payment, locked until the transaction ends. */
  Optional<Payment> lockByOrder(Handle tx, UUID orderId) {
    return LOCK_BY_ORDER.on(tx).set("order", orderId).atMostOne(PaymentStore::payment);
  }

  /** Payments before the given one, newest first; of one user and one order, or of all. */
  List<Payment> list(
      Handle tx, Optional<UUID> userId, Optional<UUID> orderId, Optional<UUID> before, int limit) {
    StringBuilder where = new StringBuilder("true");
    userId.ifPresent(_ -> where.append(" AND user_id = :userId"));
    orderId.ifPresent(_ -> where.append(" AND order_id = :orderId"));
    before.ifPresent(_ -> where.append(" AND payment_id < :before"));
    var query =
        tx.createQuery(
            "SELECT * FROM payment WHERE " + where + " ORDER BY payment_id DESC LIMIT :limit");
    bindIfPresent(query, "userId", userId);
    bindIfPresent(query, "orderId", orderId);
    bindIfPresent(query, "before", before);
    return query.bind("limit", limit).map((row, _) -> payment(row)).list();
  }

  /**
   * Takes up to so many unresolved payments that nobody is at, for one lease; other processes take
   * others. So it does with one that is leased for longer than anybody leases: the database's clock
   * was set back since.
   */
  List<Payment> claim(Handle tx, int limit) {
    return tx.createQuery(
            """
            UPDATE payment SET lease_until = weft_now() + :lease * interval '1 ms'
             WHERE payment_id IN (
               SELECT payment_id FROM payment
                WHERE unresolved
                  AND (lease_until <= weft_now()
                    OR lease_until > weft_now() + :furthest * interval '1 ms')
                ORDER BY lease_until LIMIT :limit FOR UPDATE SKIP LOCKED)
            RETURNING *
            """)
        .bind("furthest", 2 * POSTPONED_MAX.toMillis())
        .bind("lease", LEASE.toMillis())
        .bind("limit", limit)
        .map((row, _) -> payment(row))
        .list();
  }

  /** Leaves an unresolved payment alone for a while, twice as long each time: 1 s to 30 s. */
  void postpone(Handle tx, UUID paymentId) {
    tx.createUpdate(
            """
            UPDATE payment SET attempts = attempts + 1,
                   lease_until = weft_now() + least(:most, power(2, least(attempts, 10)) * 1000) * interval '1 ms'
             WHERE payment_id = :id AND unresolved
            """)
        .bind("most", POSTPONED_MAX.toMillis())
        .bind("id", paymentId)
        .execute();
  }

  void remember(Handle tx, UUID voidedOrderId, String commandId) {
    tx.createUpdate(
            """
            INSERT INTO voided_order (order_id, command_id, create_time)
            VALUES (:order, :command, weft_now()) ON CONFLICT DO NOTHING
            """)
        .bind("order", voidedOrderId)
        .bind("command", commandId)
        .execute();
  }

  /** Keeps that the event was taken; false when it was before. */
  boolean take(Handle tx, CardEvent event, Payment payment) {
    return tx.createUpdate(
                """
                INSERT INTO card_event (event_id, payment_id, receive_time)
                VALUES (:event, :payment, weft_now()) ON CONFLICT DO NOTHING
                """)
            .bind("event", event.id())
            .bind("payment", payment.id())
            .execute()
        == 1;
  }

  /** Forgets events that were taken a week ago, long after the network has told them last. */
  int forgetEvents(Handle tx, int limit) {
    return tx.createUpdate(
            """
            DELETE FROM card_event WHERE event_id IN (
              SELECT event_id FROM card_event WHERE receive_time < weft_now() - interval '7 days'
               ORDER BY receive_time LIMIT :limit FOR UPDATE SKIP LOCKED)
            """)
        .bind("limit", limit)
        .execute();
  }

  void insert(Handle tx, Refund refund) {
    int inserted =
        tx.createUpdate(
                """
                INSERT INTO refund
                  (refund_id, payment_id, cause, amount_minor, state, correlation_id,
                   causation_id, traceparent, create_time)
                VALUES (:id, :payment, :cause, :minor, :state, :correlation, :causation::uuid,
                        :traceparent, weft_now())
                """)
            .bind("id", refund.id())
            .bind("payment", refund.paymentId())
            .bind("cause", refund.cause())
            .bind("minor", refund.amountMinor())
            .bind("state", refund.state().name())
            .bind("correlation", refund.origin().correlationId())
            .bind("causation", refund.origin().eventId().orElse(null))
            .bind("traceparent", refund.origin().traceparent())
            .execute();
    Rows.one(inserted, "refund");
  }

  Optional<Refund> findRefund(Handle tx, UUID refundId) {
    return tx.createQuery("SELECT * FROM refund WHERE refund_id = :id")
        .bind("id", refundId)
        .map((row, _) -> refund(row))
        .findOne();
  }

  Optional<Refund> findRefundByCause(Handle tx, String cause) {
    return tx.createQuery("SELECT * FROM refund WHERE cause = :cause")
        .bind("cause", cause)
        .map((row, _) -> refund(row))
        .findOne();
  }

  /** The payment's oldest refund that the card network has not done, refused ones last. */
  Optional<Refund> nextRefund(Handle tx, UUID paymentId) {
    return tx.createQuery(
            """
            SELECT * FROM refund WHERE payment_id = :payment AND state IN ('REQUESTED', 'STALLED')
             ORDER BY state = 'STALLED', refund_id LIMIT 1
            """)
        .bind("payment", paymentId)
        .map((row, _) -> refund(row))
        .findOne();
  }

  /**
   * Ends a refund, unless it has ended; says whether it did. Whoever ends one has locked its
   * payment and read it as open by then: the state is asked for once more, since these are books.
   */
  boolean done(Handle tx, Refund refund, long refundedAfterMinor) {
    return tx.createUpdate(
                """
                UPDATE refund SET state = 'DONE', refusal = NULL, refunded_after_minor = :after,
                       done_time = weft_now()
                 WHERE refund_id = :id AND state IN ('REQUESTED', 'STALLED')
                """)
            .bind("after", refundedAfterMinor)
            .bind("id", refund.id())
            .execute()
        == 1;
  }

  /** As {@link #done}, for one that the card network refused. */
  boolean refused(Handle tx, Refund refund, String code) {
    return tx.createUpdate(
                """
                UPDATE refund SET state = 'REFUSED', refusal = :code
                 WHERE refund_id = :id AND state = 'REQUESTED'
                """)
            .bind("code", code)
            .bind("id", refund.id())
            .execute()
        == 1;
  }

  /** Keeps why the card network refuses a refund that is owed, unless it has been done. */
  void stall(Handle tx, Refund refund, String code) {
    tx.createUpdate(
            """
            UPDATE refund SET state = 'STALLED', refusal = :code
             WHERE refund_id = :id AND state IN ('REQUESTED', 'STALLED')
            """)
        .bind("code", code)
        .bind("id", refund.id())
        .execute();
  }

  /** Whether the card network refuses to give back something of the payment that is owed. */
  boolean isStalled(Handle tx, UUID paymentId) {
    return tx.createQuery(
            "SELECT EXISTS (SELECT FROM refund WHERE payment_id = :payment AND state = 'STALLED')")
        .bind("payment", paymentId)
        .mapTo(Boolean.class)
        .one();
  }

  long countStalled(Handle tx) {
    return tx.createQuery("SELECT count(*) FROM refund WHERE state = 'STALLED'")
        .mapTo(Long.class)
        .one();
  }

  /**
   * A refund as it is listed.
   *
   * @param amount in the payment's currency
   */
  record ListedRefund(Refund refund, UUID orderId, Amount amount, Instant createTime) {}

  /** Refunds before the given one, newest first; in one state, or in any. */
  List<ListedRefund> listRefunds(
      Handle tx, Optional<Refund.State> state, Optional<UUID> before, int limit) {
    StringBuilder where = new StringBuilder("true");
    state.ifPresent(_ -> where.append(" AND refund.state = :state"));
    before.ifPresent(_ -> where.append(" AND refund_id < :before"));
    var query = tx.createQuery(LISTED_REFUND + where + " ORDER BY refund_id DESC LIMIT :limit");
    state.ifPresent(one -> query.bind("state", one.name()));
    bindIfPresent(query, "before", before);
    return query.bind("limit", limit).map((row, _) -> listedRefund(row)).list();
  }

  /** A refund as it is listed. */
  Optional<ListedRefund> findListedRefund(Handle tx, UUID refundId) {
    return tx.createQuery(LISTED_REFUND + "refund_id = :id")
        .bind("id", refundId)
        .map((row, _) -> listedRefund(row))
        .findOne();
  }

  /**
   * Notes that all of a payment is owed back, whatever becomes of single refunds; a second time it
   * changes nothing.
   *
   * @param origin what led to it
   */
  void oweBack(Handle tx, UUID paymentId, Cause origin) {
    tx.createUpdate(
            """
            UPDATE payment SET owed_back = true, owed_correlation_id = :correlation,
                   owed_causation_id = :causation::uuid, owed_traceparent = :traceparent
             WHERE payment_id = :id AND NOT owed_back
            """)
        .bind("correlation", origin.correlationId())
        .bind("causation", origin.eventId().orElse(null))
        .bind("traceparent", origin.traceparent())
        .bind("id", paymentId)
        .execute();
  }

  /** What led to all of the payment being owed back; empty if it is not. */
  Optional<Cause> owedBack(Handle tx, UUID paymentId) {
    return tx.createQuery("SELECT * FROM payment WHERE payment_id = :id AND owed_back")
        .bind("id", paymentId)
        .map((row, _) -> origin(row, "owed_"))
        .findOne();
  }

  /** The version of the payment's next event. */
  long nextEventVersion(Handle tx, UUID paymentId) {
    return tx.createQuery(
            """
            UPDATE payment SET event_version = event_version + 1 WHERE payment_id = :id
            RETURNING event_version
            """)
        .bind("id", paymentId)
        .mapTo(Long.class)
        .one();
  }

  private static ListedRefund listedRefund(ResultSet row) throws SQLException {
    return new ListedRefund(
        refund(row),
        uuid(row, "order_id"),
        new Amount(row.getLong("amount_minor"), row.getString("currency")),
        Objects.requireNonNull(time(row, "create_time")));
  }

  private static void bindIfPresent(SqlStatement<?> query, String name, Optional<UUID> value) {
    value.ifPresent(id -> query.bind(name, id));
  }

  private static Payment payment(ResultSet row) throws SQLException {
    return new Payment(
        uuid(row, "payment_id"),
        uuid(row, "order_id"),
        uuid(row, "user_id"),
        new Amount(row.getLong("amount_minor"), row.getString("currency")),
        row.getString("payment_method"),
        PaymentState.valueOf(row.getString("state")),
        row.getLong("captured_minor"),
        row.getLong("refund_requested_minor"),
        row.getLong("refunded_minor"),
        Optional.ofNullable(row.getString("charge_id")),
        Optional.ofNullable(row.getString("decline_reason")),
        new Payment.Commands(
            row.getString("authorize_command"),
            Optional.ofNullable(row.getString("capture_command")),
            Optional.ofNullable(row.getString("void_command"))),
        Objects.requireNonNull(time(row, "create_time")),
        Objects.requireNonNull(time(row, "update_time")));
  }

  private static Refund refund(ResultSet row) throws SQLException {
    Instant done = time(row, "done_time");
    return new Refund(
        uuid(row, "refund_id"),
        uuid(row, "payment_id"),
        row.getString("cause"),
        row.getLong("amount_minor"),
        Refund.State.valueOf(row.getString("state")),
        done == null
            ? Optional.empty()
            : Optional.of(new Refund.Done(row.getLong("refunded_after_minor"), done)),
        Optional.ofNullable(row.getString("refusal")),
        origin(row, ""));
  }

  private static Cause origin(ResultSet row, String prefix) throws SQLException {
    return new Cause(
        row.getString(prefix + "correlation_id"),
        Optional.ofNullable(row.getObject(prefix + "causation_id", UUID.class)),
        row.getString(prefix + "traceparent"));
  }

  private static UUID uuid(ResultSet row, String column) throws SQLException {
    return row.getObject(column, UUID.class);
  }

  private static @Nullable Instant time(ResultSet row, String column) throws SQLException {
    OffsetDateTime time = row.getObject(column, OffsetDateTime.class);
    return time == null ? null : time.toInstant();
  }
}
