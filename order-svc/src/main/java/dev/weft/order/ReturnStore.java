package dev.weft.order;

import dev.weft.durable.Sql;
import java.util.UUID;
import org.jdbi.v3.core.Handle;

/** The SQL of what comes back of confirmed orders. */
final class ReturnStore {
  // Asked for every order, and hardly ever so.
  private static final Sql MONEY_IS_BACK =
      Sql.of(
          """
          SELECT EXISTS (SELECT FROM order_return WHERE order_id = :id AND money_back) AS back
          """);

  /** Notes that an order's money or goods are back; says whether both are by now. */
  boolean note(Handle tx, UUID orderId, boolean money, boolean goods) {
    return tx.createQuery(
            """
            INSERT INTO order_return AS known (order_id, money_back, goods_back)
            VALUES (:id, :money, :goods)
            ON CONFLICT (order_id) DO UPDATE
              SET money_back = known.money_back OR excluded.money_back,
                  goods_back = known.goods_back OR excluded.goods_back
            RETURNING money_back AND goods_back
            """)
        .bind("id", orderId)
        .bind("money", money)
        .bind("goods", goods)
        .mapTo(Boolean.class)
        .one();
  }

  /** Whether all of the order's money is back. */
  boolean moneyIsBack(Handle tx, UUID orderId) {
    return MONEY_IS_BACK.on(tx).set("id", orderId).one(row -> row.getBoolean("back"));
  }
}
