package dev.weft.prove;

import dev.weft.event.v1.Event;
import java.time.Duration;
import java.util.EnumMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What services said and what became of it, read back when all is quiet: the logs as an operator
 * reads them, and what each service's own database remembers.
 *
 * @param logs by who said it, in the order of positions
 * @param tapped what was read of them while customers shopped, as it came
 * @param said how many events each aggregate says that it has said; by its type, then its id
 * @param memories what consumers handled, and what they did not
 * @param waiting how many events wait, by what for; without those that wait for an operator
 */
record EventBooks(
    Map<String, List<Event>> logs,
    List<Sighting> tapped,
    Map<String, Map<String, Long>> said,
    Map<Flow, Memory> memories,
    Map<String, Long> waiting,
    ReadModel readModel) {
  private static final Duration QUIET = Duration.ofSeconds(30);

  /** Where the aggregates of each type are. */
  private static final List<Aggregates> AGGREGATES =
      List.of(
          new Aggregates("shop.order", Shop.ORDER, "order_id", "customer_order"),
          new Aggregates("shop.saga", Shop.ORDER, "saga_id", "saga"),
          new Aggregates("shop.user", Shop.USER, "user_id", "account"),
          new Aggregates("shop.payment", Shop.PAYMENT, "payment_id", "payment"),
          new Aggregates("shop.reservation", Shop.INVENTORY, "order_id", "reservation"));

  private static final String DEAD = "('DEAD', 'UNREADABLE')";

  private static final String WAITING =
      """
      SELECT 'in its outbox', count(*) FROM outbox
      UNION ALL
      SELECT 'for group ' || group_name, max(last - position)
        FROM event_group_bucket, event_counter GROUP BY group_name
      UNION ALL
      SELECT 'parked by ' || consumer, count(*) FROM event_parked
       WHERE reason NOT IN %s GROUP BY consumer
      """
          .formatted(DEAD);

  private record Aggregates(String type, String service, String id, String table) {}

  /**
   * What a consumer remembers, by the ids of events.
   *
   * @param handled written in the transactions of their effects
   * @param dead those that wait for an operator
   */
  record Memory(Set<String> handled, Set<String> dead) {}

  /**
   * @param strays events that consumers know and no service said
   */
  static EventBooks read(Shop shop, Shopper admin, List<Sighting> tapped, Set<String> strays) {
    Databases databases = new Databases(shop);
    Shop.await(QUIET, () -> waiting(databases, strays).values().stream().allMatch(n -> n == 0));
    Map<String, List<Event>> logs = new LinkedHashMap<>();
    Tap.SOURCES.forEach(source -> logs.put(source, Tap.log(shop, source)));
    return new EventBooks(
        logs,
        tapped,
        said(databases),
        memories(databases),
        waiting(databases, strays),
        ReadModel.read(databases, admin));
  }

  private static Map<String, Map<String, Long>> said(Databases databases) {
    Map<String, Map<String, Long>> said = new TreeMap<>();
    for (Aggregates all : AGGREGATES) {
      Map<String, Long> versions = new TreeMap<>();
      databases.read(
          all.service(),
          "SELECT %s, event_version FROM %s".formatted(all.id(), all.table()),
          row -> versions.put(row.getString(1), row.getLong(2)));
      said.put(all.type(), versions);
    }
    return said;
  }

  private static Map<Flow, Memory> memories(Databases databases) {
    Map<Flow, Memory> memories = new EnumMap<>(Flow.class);
    for (Flow flow : Flow.values()) {
      Memory memory = new Memory(new HashSet<>(), new HashSet<>());
      databases.read(
          flow.handler,
          "SELECT event_id FROM inbox WHERE consumer = '%s'".formatted(flow.consumer),
          row -> memory.handled().add(row.getString(1)));
      databases.read(
          flow.handler,
          "SELECT event_id FROM event_parked WHERE consumer = '%s' AND reason IN %s"
              .formatted(flow.consumer, DEAD),
          row -> memory.dead().add(row.getString(1)));
      memories.put(flow, memory);
    }
    return memories;
  }

  private static long number(Databases databases, String service, String sql) {
    AtomicLong number = new AtomicLong();
    databases.read(service, sql, row -> number.set(row.getLong(1)));
    return number.get();
  }

  private static Map<String, Long> waiting(Databases databases, Set<String> strays) {
    Map<String, Long> waiting = new TreeMap<>();
    for (String service : Tap.SOURCES) {
      databases.read(
          service, WAITING, row -> waiting.put(service + ": " + row.getString(1), row.getLong(2)));
    }
    for (Flow flow : Flow.values()) {
      long said =
          number(
              databases,
              flow.source,
              "SELECT count(*) FROM event WHERE type LIKE '%s'".formatted(flow.types()));
      long known =
          number(
              databases,
              flow.handler,
              """
              SELECT (SELECT count(*) FROM inbox
                       WHERE consumer = '%1$s' AND event_id <> ALL ('{%2$s}'::uuid[]))
                + (SELECT count(*) FROM event_parked WHERE consumer = '%1$s')
              """
                  .formatted(flow.consumer, String.join(",", strays)));
      waiting.put(flow.handler + ": on their way to " + flow.consumer, Math.max(0, said - known));
    }
    return waiting;
  }
}
