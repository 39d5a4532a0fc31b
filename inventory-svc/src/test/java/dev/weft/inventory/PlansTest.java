package dev.weft.inventory;

import static org.assertj.core.api.Assertions.assertThat;

import dev.weft.durable.Database;
import dev.weft.testkit.PostgresExtension;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** A large catalogue is not read from one end to the other. */
class PlansTest {
  @RegisterExtension static final PostgresExtension postgres = new PostgresExtension();

  @BeforeAll
  static void fill() {
    Database database = postgres.database();
    database.inTransactionVoid(
        tx -> {
          tx.execute(
              """
              INSERT INTO product (product_id, sku, title, description, category, price_minor,
                currency, create_time, update_time)
              SELECT gen_random_uuid(), 'SKU-' || n, 'Article ' || n, 'Has number ' || n,
                'category-' || n % 100 || '/sub', 100, 'EUR', now(), now()
              FROM generate_series(1, 10000) AS n
              """);
          tx.execute("INSERT INTO stock (product_id) SELECT product_id FROM product");
        });
    database.inTransactionVoid(tx -> tx.execute("ANALYZE"));
  }

  @Test
  void searchesWithItsIndex() {
    assertThat(
            plan(
                "SELECT * FROM product WHERE delete_time IS NULL"
                    + " AND search @@ product_query('article 777', '')"))
        .contains("product_search");
  }

  @Test
  void listsACategoryWithItsIndex() {
    assertThat(
            plan(
                "SELECT * FROM product WHERE delete_time IS NULL"
                    + " AND category || '/' LIKE 'category-7/%' ORDER BY product_id LIMIT 50"))
        .contains("product_category");
  }

  @Test
  void pagesThroughEverythingWithTheKey() {
    assertThat(
            plan(
                "SELECT * FROM product JOIN stock USING (product_id) WHERE delete_time IS NULL"
                    + " AND product_id > '80000000-0000-0000-0000-000000000000' ORDER BY product_id LIMIT 50"))
        .contains("product_pkey")
        .doesNotContain("Sort");
  }

  @Test
  void findsTheMovementsForOrdersWithTheIndexesThatKeepThemFromMovingTwice() {
    List<String> lines =
        postgres
            .database()
            .inTransaction(
                tx -> {
                  tx.execute("SET LOCAL enable_seqscan = off");
                  return tx.createQuery(
                          "EXPLAIN SELECT * FROM stock_movement WHERE true" + StockStore.OF_ORDERS)
                      .bind("orders", new UUID[] {UUID.randomUUID(), UUID.randomUUID()})
                      .mapTo(String.class)
                      .list();
                });
    assertThat(String.join("\n", lines))
        .contains("stock_movement_in", "stock_movement_out", "stock_movement_back");
  }

  private static String plan(String query) {
    List<String> lines =
        postgres
            .database()
            .read(tx -> tx.createQuery("EXPLAIN " + query).mapTo(String.class).list());
    return String.join("\n", lines);
  }
}
