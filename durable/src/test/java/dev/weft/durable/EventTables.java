package dev.weft.durable;

import dev.weft.durable.Event.Content;
import dev.weft.durable.Event.Origin;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** What tests of events share. */
final class EventTables {
  private EventTables() {}

  /** Empties all of them. */
  static void clear(Database database) {
    database.inTransactionVoid(
        tx -> {
          // New files for every table and index take seconds on a busy disk.
          tx.execute("SET LOCAL statement_timeout = '30s'");
          tx.execute(
              """
              TRUNCATE outbox, event, event_aggregate, event_group_bucket, event_group_member,
                inbox, inbox_aggregate, event_parked
              """);
          tx.execute("UPDATE event_counter SET last = 0");
        });
  }

  static NewEvent event(String aggregate, long version) {
    return event("shop.order.changed", aggregate, version);
  }

  static NewEvent event(String type, String aggregate, long version) {
    return new NewEvent(
        type,
        1,
        aggregate,
        version,
        new Content("text/plain", "", (aggregate + version).getBytes(StandardCharsets.UTF_8)),
        Origin.request("request-1", Optional.empty()));
  }

  /** As "order 7 v2". */
  static String name(Event event) {
    return event.aggregate().id() + " v" + event.aggregate().version();
  }
}
