package dev.weft.durable;

import dev.weft.durable.Event.Aggregate;
import dev.weft.durable.Event.Content;
import dev.weft.durable.Event.Origin;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Optional;
import java.util.UUID;
import org.jdbi.v3.core.statement.SqlStatement;

/** Events as the columns that three tables share. */
final class EventRows {
  /** All but the position, which not every table has. */
  static final String COLUMNS =
      "event_id, source, type, schema_version, aggregate_type, aggregate_id, aggregate_version,"
          + " bucket, content_type, data_schema, payload, correlation_id, causation_id,"
          + " traceparent, recorded_at, expires_at";

  /** The values of {@link #COLUMNS}, as {@link #bind} gives them. */
  static final String VALUES =
      ":eventId, :source, :type, :schemaVersion, :aggregateType, :aggregateId, :aggregateVersion,"
          + " :bucket, :contentType, :dataSchema, :payload, :correlationId, :causationId::uuid,"
          + " :traceparent, :recordedAt, :expiresAt::timestamptz";

  private EventRows() {}

  /** Sets what {@link #VALUES} names, and {@code :position}. */
  static <S extends SqlStatement<S>> S bind(Event event, S statement) {
    return statement
        .bind("position", event.position())
        .bind("eventId", event.id())
        .bind("source", event.source())
        .bind("type", event.type())
        .bind("schemaVersion", event.schemaVersion())
        .bind("aggregateType", event.aggregate().type())
        .bind("aggregateId", event.aggregate().id())
        .bind("aggregateVersion", event.aggregate().version())
        .bind("bucket", event.aggregate().bucket())
        .bind("contentType", event.content().type())
        .bind("dataSchema", event.content().schema())
        .bind("payload", event.content().bytes())
        .bind("correlationId", event.origin().correlationId())
        .bind("causationId", event.origin().causationId().orElse(null))
        .bind("traceparent", event.origin().traceparent().orElse(null))
        .bind("recordedAt", event.recordedAt().atOffset(ZoneOffset.UTC))
        .bind("expiresAt", event.expiresAt().map(at -> at.atOffset(ZoneOffset.UTC)).orElse(null));
  }

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
        row.getObject("recorded_at", OffsetDateTime.class).toInstant(),
        Optional.ofNullable(row.getObject("expires_at", OffsetDateTime.class))
            .map(OffsetDateTime::toInstant));
  }
}
