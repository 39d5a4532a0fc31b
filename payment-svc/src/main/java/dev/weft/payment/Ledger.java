package dev.weft.payment;

import dev.weft.durable.AppendOnlyTable;
import dev.weft.durable.Sql;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/**
 * The books: append-only and double-entry. Each transaction is one statement whose lines sum to
 * zero; the database refuses any other, and every change.
 *
 * <p>{@code card_network} is what the network owes the shop, {@code revenue} what the shop sold: a
 * capture debits the one and credits the other, a refund reverses that.
 */
final class Ledger {
  static final String CARD_NETWORK = "card_network";
  static final String REVENUE = "revenue";

  private static final Sql ENTER =
      Sql.of(
          """
          INSERT INTO ledger_entry
            (transaction_id, payment_id, order_id, account, amount_minor, currency, create_time)
          VALUES
            (:transaction, :payment, :order, :debited, :minor, :currency, weft_now()),
            (:transaction, :payment, :order, :credited, -:minor, :currency, weft_now())
          """);

  static final AppendOnlyTable TABLE = new AppendOnlyTable("ledger_entry", "entry_id");

  /** One line. */
  record Entry(
      long id,
      UUID transactionId,
      UUID paymentId,
      UUID orderId,
      String account,
      Amount amount,
      Instant createTime) {}

  /** Enters that the amount was taken. A second time fails, on the transaction's id. */
  void captured(Handle tx, Payment payment) {
    enter(tx, payment.id(), payment, payment.capturedMinor());
  }

  /** Enters that so much was given back. A second time fails, on the transaction's id. */
  void refunded(Handle tx, Payment payment, Refund refund) {
    enter(tx, refund.id(), payment, -refund.amountMinor());
  }

  /**
   * Lines after the given one up to another, oldest first, of some orders, or of all if none is
   * named.
   *
   * @param upTo what {@link #TABLE} says is settled: lines with a smaller id may turn up behind it
   */
  List<Entry> list(Handle tx, Set<UUID> orderIds, long after, long upTo, int limit) {
    var query =
        tx.createQuery(
            "SELECT * FROM ledger_entry WHERE entry_id > :after AND entry_id <= :upTo"
                + (orderIds.isEmpty() ? "" : " AND order_id = ANY (:orderIds)")
                + " ORDER BY entry_id LIMIT :limit");
    if (!orderIds.isEmpty()) {
      query.bind("orderIds", orderIds.toArray(UUID[]::new));
    }
    return query
        .bind("after", after)
        .bind("upTo", upTo)
        .bind("limit", limit)
        .map(
            (row, _) ->
                new Entry(
                    row.getLong("entry_id"),
                    row.getObject("transaction_id", UUID.class),
                    row.getObject("payment_id", UUID.class),
                    row.getObject("order_id", UUID.class),
                    row.getString("account"),
                    new Amount(row.getLong("amount_minor"), row.getString("currency")),
                    row.getObject("create_time", OffsetDateTime.class).toInstant()))
        .list();
  }

  private static void enter(Handle tx, UUID transactionId, Payment payment, long minor) {
    ENTER
        .on(tx)
        .set("transaction", transactionId)
        .set("payment", payment.id())
        .set("order", payment.orderId())
        .set("debited", CARD_NETWORK)
        .set("credited", REVENUE)
        .set("minor", minor)
        .set("currency", payment.amount().currency())
        .update();
  }
}
