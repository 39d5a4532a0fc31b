package dev.weft.order;

import static org.awaitility.Awaitility.await;

import dev.weft.durable.Database;
import java.time.Duration;
import java.util.List;

/** The read model as its tables hold it. */
final class ViewRows {
  private ViewRows() {}

  /** All rows that are read, without the number of their generation. */
  static List<String> of(Database database) {
    return database.read(
        tx ->
            tx.createQuery(
                    """
                    SELECT 'order ' || (to_jsonb(v) - 'generation')::text
                      FROM order_view v JOIN order_view_state ON generation = live
                    UNION ALL
                    SELECT 'change ' || (to_jsonb(c) - 'generation')::text
                      FROM order_view_change c JOIN order_view_state ON generation = live
                    UNION ALL
                    SELECT 'count ' || (to_jsonb(n) - 'generation')::text
                      FROM order_view_count n JOIN order_view_state ON generation = live
                     WHERE orders <> 0
                    ORDER BY 1
                    """)
                .mapTo(String.class)
                .list());
  }

  /** What is not in it as the orders' own rows have it, and the other way round. */
  static List<String> differencesFromOrders(Database database) {
    return database.read(
        tx ->
            tx.createQuery(
                    """
                    WITH own AS (
                      SELECT order_id, user_id, state,
                             CASE WHEN state = 'PENDING' AND cancel_requested THEN 'REQUESTED'
                                  ELSE cancel_reason END AS reason,
                             payment_id, total_minor, currency, version, event_version,
                             create_time, update_time
                        FROM customer_order),
                    shown AS (
                      SELECT order_id, user_id, state, cancel_reason AS reason, payment_id,
                             total_minor, currency, version, event_version, create_time, update_time
                        FROM order_view JOIN order_view_state ON generation = live),
                    counted AS (
                      SELECT user_id, state, orders
                        FROM order_view_count JOIN order_view_state ON generation = live
                       WHERE orders <> 0),
                    missing AS (SELECT * FROM own EXCEPT SELECT * FROM shown),
                    surplus AS (SELECT * FROM shown EXCEPT SELECT * FROM own),
                    miscounted AS (
                      SELECT * FROM counted
                      EXCEPT
                      SELECT user_id, state, count(*) FROM own GROUP BY user_id, state)
                    SELECT 'missing ' || to_jsonb(m)::text FROM missing m
                    UNION ALL SELECT 'surplus ' || to_jsonb(s)::text FROM surplus s
                    UNION ALL SELECT 'miscounted ' || to_jsonb(c)::text FROM miscounted c
                    """)
                .mapTo(String.class)
                .list());
  }

  /** Makes it anew, and waits until that is read and the one before is gone. */
  static void rebuild(Shop.Instance instance) {
    int before = generation(instance.database);
    instance.viewBuilder.begin();
    await()
        .atMost(Duration.ofSeconds(20))
        .pollInterval(Duration.ofMillis(10))
        .until(
            () ->
                instance.database.read(
                    tx ->
                        tx.createQuery(
                                """
                                SELECT live > :before AND building IS NULL
                                   AND NOT EXISTS (SELECT FROM order_view WHERE generation < live)
                                   AND NOT EXISTS (
                                     SELECT FROM order_view_change WHERE generation < live)
                                   AND NOT EXISTS (
                                     SELECT FROM order_view_count WHERE generation < live)
                                  FROM order_view_state
                                """)
                            .bind("before", before)
                            .mapTo(Boolean.class)
                            .one()));
  }

  static int generation(Database database) {
    return database.read(
        tx -> tx.createQuery("SELECT live FROM order_view_state").mapTo(Integer.class).one());
  }
}
