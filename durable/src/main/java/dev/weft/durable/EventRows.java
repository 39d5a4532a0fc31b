package dev.weft.durable;

import dev.weft.durable.Event.Aggregate;
import dev.weft.durable.Event.Content;
import dev.weft.durable.Event.Origin;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.util.Optional;
import java.util.UUID;

/** Events as the columns that three tables share. */
final class EventRows {
  /** All but the position, which not every table has. */
  static final String COLUMNS =
      "event_id, source, type, schema_version, aggregate_type, aggregate_id, aggregate_version,"
          + " bucket, content_type, data_schema, payload, correlation_id, causation_id,"
          + " traceparent, recorded_at";

  private EventRows() {}

  /** Of a table that has the position, too. */
  static Event read(ResultSet row) throws SQLException {
    return new Event(
        row.getLong("position"),
        row.getObject("event_id", UUID.class),
        row.getString("source"),
        row.getString("type"),
        row.getInt("schema_version"),
        new Aggregate(
            row.getString("aggregate_type"),
            row.getString("aggregate_id"),
            row.getLong("aggregate_version")),
        new Content(
            row.getString("content_type"), row.getString("data_schema"), row.getBytes("payload")),
        new Origin(
            row.getString("correlation_id"),
            Optional.ofNullable(row.getObject("causation_id", UUID.class)),
            Optional.ofNullable(row.getString("traceparent"))),
        row.getObject("recorded_at", OffsetDateTime.class).toInstant());
  }
}
