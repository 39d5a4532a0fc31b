package dev.weft.prove;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What order-svc makes of events, as rows.
 *
 * @param written the orders themselves; by id
 * @param shown them as lists show them; by id
 * @param rows everything that lists and histories are read from; by what each row is of
 * @param rebuilt that again, when all of it was made anew from the events
 * @param changes the events that an order's history tells of, in its order; by the order's id
 * @param users the states of accounts; by id
 */
record ReadModel(
    Map<String, String> written,
    Map<String, String> shown,
    Map<String, String> rows,
    Map<String, String> rebuilt,
    Map<String, List<String>> changes,
    Map<String, String> users) {
  private static final Duration REBUILT = Duration.ofSeconds(60);

  private static final String COLUMNS =
      "order_id, user_id, state, cancel_reason, payment_id, total_minor, currency, version,"
          + " event_version, create_time, update_time";

  private static final String LIVE = "generation = (SELECT live FROM order_view_state)";

  private static final String ROWS =
      """
      SELECT 'order ' || order_id, md5((to_jsonb(v) - 'generation')::text)
        FROM order_view v WHERE %1$s
      UNION ALL
      SELECT 'change ' || order_id || ' ' || event_version, md5((to_jsonb(v) - 'generation')::text)
        FROM order_view_change v WHERE %1$s
      UNION ALL
      SELECT 'orders of ' || user_id || ' ' || state, orders::text
        FROM order_view_count v WHERE %1$s AND orders <> 0
      """
          .formatted(LIVE);

  /** Reads it, and makes it anew in between. */
  static ReadModel read(Databases databases, Shopper admin) {
    Map<String, List<String>> changes = new HashMap<>();
    databases.read(
        Shop.ORDER,
        "SELECT order_id, event_id FROM order_view_change WHERE "
            + LIVE
            + " ORDER BY order_id, event_version",
        row ->
            changes
                .computeIfAbsent(row.getString(1), _ -> new ArrayList<>())
                .add(row.getString(2)));
    Map<String, String> before = map(databases, ROWS);
    Map<String, String> written = orders(databases, "customer_order");
    Map<String, String> shown = orders(databases, "order_view WHERE " + LIVE);
    rebuild(admin);
    return new ReadModel(
        written,
        shown,
        before,
        map(databases, ROWS),
        changes,
        map(databases, "SELECT user_id, state FROM known_user"));
  }

  private static Map<String, String> orders(Databases databases, String from) {
    return map(
        databases,
        "SELECT order_id, to_jsonb(o) FROM (SELECT " + COLUMNS + " FROM " + from + ") o");
  }

  private static void rebuild(Shopper admin) {
    Answer begun = Shopper.patiently(() -> admin.postText("/v1/order-view:rebuild", "", "{}"));
    boolean done =
        begun.ok()
            && Shop.await(
                REBUILT,
                () -> {
                  Answer now = admin.get("/v1/order-view");
                  return now.ok() && !now.body().path("rebuilding").asBoolean();
                });
    if (!done) {
      throw new ProofException("the read model was not made anew: " + begun);
    }
  }

  private static Map<String, String> map(Databases databases, String sql) {
    Map<String, String> rows = new TreeMap<>();
    databases.read(Shop.ORDER, sql, row -> rows.put(row.getString(1), row.getString(2)));
    return rows;
  }
}
