package dev.weft.inventory;

import dev.weft.durable.AppendOnlyTable;
import dev.weft.durable.Sql;
import dev.weft.inventory.Movement.Kind;
import dev.weft.mesh.Rejection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.statement.StatementException;
import org.jspecify.annotations.Nullable;

/**
 * The SQL of stock and of its movements.
 *
 * <p>Whoever changes stock waits a tenth of a second for its rows, a dozen times what a transaction
 * keeps them, and is then told STOCK_BUSY: with some rows in its hands it must not wait for long.
 */
final class StockStore {
  /** What a database says that waited for a lock in vain. */
  private static final String LOCK_NOT_AVAILABLE = "55P03";

  static final AppendOnlyTable MOVEMENTS = new AppendOnlyTable("stock_movement", "movement_id");

  private static final Sql MOVE =
      Sql.of(
          """
          WITH patience AS MATERIALIZED (
            SELECT set_config('lock_timeout', '100ms', true)),
          line AS (
            SELECT * FROM unnest(:orders, :products, :quantities)
              AS line (order_id, product_id, quantity)),
          total AS (
            SELECT product_id, sum(quantity) AS quantity FROM line GROUP BY product_id),
          locked AS MATERIALIZED (
            SELECT product_id FROM patience CROSS JOIN stock
             WHERE product_id = ANY (:products)
             ORDER BY product_id FOR NO KEY UPDATE OF stock),
          changed AS (
            UPDATE stock
               SET received = received + :received * total.quantity,
                   available = available + :available * total.quantity,
                   reserved = reserved + :reserved * total.quantity,
                   sold = sold + :sold * total.quantity
              FROM locked JOIN total USING (product_id)
             WHERE stock.product_id = locked.product_id
            RETURNING stock.product_id)
          INSERT INTO stock_movement (product_id, kind, quantity, order_id, create_time)
          SELECT product_id, :kind, quantity, order_id, weft_now()
            FROM line JOIN changed USING (product_id) ORDER BY product_id
          """);

  private static final Sql LOCK_AVAILABLE =
      Sql.of(
          """
          WITH patience AS MATERIALIZED (
            SELECT set_config('lock_timeout', '100ms', true))
          SELECT product_id, available
            FROM patience CROSS JOIN stock JOIN product USING (product_id)
           WHERE product_id = ANY (:products) AND delete_time IS NULL
           ORDER BY product_id FOR NO KEY UPDATE OF stock
          """);

  /** Each part is in an index that is there to keep an order from moving twice. */
  static final String OF_ORDERS =
      """
       AND (order_id = ANY (:orders) AND kind = 'RESERVE'
         OR order_id = ANY (:orders) AND kind IN ('CONFIRM', 'RELEASE', 'EXPIRE')
         OR order_id = ANY (:orders) AND kind = 'RETURN')
      """;

  /**
   * So many of a product.
   *
   * @param orderId whose they are; null for the shop's
   */
  record Line(@Nullable UUID orderId, UUID productId, int quantity) {
    static List<Line> of(Reservation reservation) {
      return of(reservation.orderId(), reservation.lines());
    }

    static List<Line> of(UUID orderId, SortedMap<UUID, Integer> quantities) {
      return quantities.entrySet().stream()
          .map(line -> new Line(orderId, line.getKey(), line.getValue()))
          .toList();
    }
  }

  private final Consumer<Collection<UUID>> changing;

  /**
   * @param changing told of products in the transaction that is about to change how many of them
   *     are available
   */
  StockStore(Consumer<Collection<UUID>> changing) {
    this.changing = changing;
  }

  /**
   * Makes one change of stock, of any number of orders and products, and enters it in the list of
   * movements: both in one statement, and no other writes either. What it takes from one column it
   * adds to another; a column that would become negative fails the statement.
   *
   * <p>It locks the rows of the stock in the order of their ids, so that no two of these wait for
   * each other.
   *
   * @throws Rejection STOCK_BUSY if others keep the rows
   */
  void move(Handle tx, Kind kind, List<Line> lines) {
    if (kind.available != 0) {
      changing.accept(lines.stream().map(Line::productId).collect(Collectors.toSet()));
    }
    int moved =
        unlessBusy(
            () ->
                MOVE.on(tx)
                    .set("orders", lines.stream().map(Line::orderId).toArray(UUID[]::new))
                    .set("products", lines.stream().map(Line::productId).toArray(UUID[]::new))
                    .set("quantities", lines.stream().map(Line::quantity).toArray(Integer[]::new))
                    .set("received", kind.received)
                    .set("available", kind.available)
                    .set("reserved", kind.reserved)
                    .set("sold", kind.sold)
                    .set("kind", kind.name())
                    .update());
    if (moved != lines.size()) {
      throw new IllegalStateException(
          kind + ": " + moved + " lines moved (expected: " + lines.size() + ")");
    }
  }

  /**
   * What can be reserved of those products that are in the catalogue; locked until the transaction
   * ends, in the order of their ids.
   *
   * @throws Rejection STOCK_BUSY if others keep the rows
   */
  Map<UUID, Long> lockAvailable(Handle tx, Collection<UUID> productIds) {
    return unlessBusy(
        () ->
            LOCK_AVAILABLE
                .on(tx)
                .set("products", productIds.toArray(UUID[]::new))
                .list(
                    row ->
                        Map.entry(
                            row.getObject("product_id", UUID.class), row.getLong("available")))
                .stream()
                .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue)));
  }

  /** Those of the products whose stock is locked by others. */
  Set<UUID> locked(Handle tx, Collection<UUID> productIds) {
    return tx.createQuery(
            """
            WITH free AS MATERIALIZED (
              SELECT product_id FROM stock WHERE product_id = ANY (:products)
                 FOR NO KEY UPDATE SKIP LOCKED)
            SELECT product_id FROM stock
             WHERE product_id = ANY (:products) AND product_id NOT IN (SELECT product_id FROM free)
            """)
        .bindArray("products", UUID.class, productIds)
        .mapTo(UUID.class)
        .collect(Collectors.toSet());
  }

  private static <T> T unlessBusy(Supplier<T> statement) {
    try {
      return statement.get();
    } catch (StatementException e) {
      if (e.getCause() instanceof SQLException sql
          && LOCK_NOT_AVAILABLE.equals(sql.getSQLState())) {
        throw Turns.busy();
      }
      throw e;
    }
  }

  /** The stock of a product that is in the catalogue. */
  Optional<Stock> find(Handle tx, UUID productId) {
    return Optional.ofNullable(find(tx, Set.of(productId)).get(productId));
  }

  /** The stock of those products that are in the catalogue. */
  Map<UUID, Stock> find(Handle tx, Set<UUID> productIds) {
    return tx.createQuery(
            """
            SELECT stock.* FROM stock JOIN product USING (product_id)
             WHERE product_id = ANY (:products) AND delete_time IS NULL
            """)
        .bindArray("products", UUID.class, productIds)
        .map((row, _) -> stock(row))
        .collect(Collectors.toMap(Stock::productId, Function.identity()));
  }

  /**
   * Movements after the given one up to another, oldest first, of one product or of all, and for
   * some orders or, if none is named, for all.
   *
   * @param upTo what {@link #MOVEMENTS} says is settled: one with a smaller id may turn up behind
   *     it
   */
  List<Movement> movements(
      Handle tx, Optional<UUID> productId, Set<UUID> orderIds, long after, long upTo, int limit) {
    var query =
        tx.createQuery(
            "SELECT * FROM stock_movement WHERE movement_id > :after AND movement_id <= :upTo"
                + (productId.isPresent() ? " AND product_id = :product" : "")
                + (orderIds.isEmpty() ? "" : OF_ORDERS)
                + " ORDER BY movement_id LIMIT :limit");
    productId.ifPresent(id -> query.bind("product", id));
    if (!orderIds.isEmpty()) {
      query.bind("orders", orderIds.toArray(UUID[]::new));
    }
    return query
        .bind("after", after)
        .bind("upTo", upTo)
        .bind("limit", limit)
        .map((row, _) -> movement(row))
        .list();
  }

  private static Stock stock(ResultSet row) throws SQLException {
    return new Stock(
        row.getObject("product_id", UUID.class),
        row.getLong("received"),
        row.getLong("available"),
        row.getLong("reserved"),
        row.getLong("sold"));
  }

  private static Movement movement(ResultSet row) throws SQLException {
    return new Movement(
        row.getLong("movement_id"),
        row.getObject("product_id", UUID.class),
        Kind.valueOf(row.getString("kind")),
        row.getLong("quantity"),
        Optional.ofNullable(row.getObject("order_id", UUID.class)),
        row.getObject("create_time", OffsetDateTime.class).toInstant());
  }
}
