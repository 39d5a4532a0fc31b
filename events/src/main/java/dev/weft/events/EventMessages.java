package dev.weft.events;

import com.google.protobuf.ByteString;
import com.google.protobuf.Timestamp;
import dev.weft.durable.Event;
import dev.weft.mesh.Timestamps;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;

/** Events as they are sent. Pure. */
final class EventMessages {
  private EventMessages() {}

  static dev.weft.event.v1.Event message(Event event) {
    dev.weft.event.v1.Event.Builder message = dev.weft.event.v1.Event.newBuilder();
    event.expiresAt().ifPresent(at -> message.setExpireTime(Timestamps.of(at)));
    return message
        .setEventId(event.id().toString())
        .setSource(event.source())
        .setType(event.type())
        .setSubject(event.aggregate().id())
        .setTime(Timestamps.of(event.recordedAt()))
        .setDataContentType(event.content().type())
        .setDataSchema(event.content().schema())
        .setData(ByteString.copyFrom(event.content().bytes()))
        .setSchemaVersion(event.schemaVersion())
        .setAggregateType(event.aggregate().type())
        .setAggregateVersion(event.aggregate().version())
        .setCorrelationId(event.origin().correlationId())
        .setCausationId(event.origin().causationId().map(UUID::toString).orElse(""))
        .setTraceParent(event.origin().traceparent().orElse(""))
        .setPosition(event.position())
        .build();
  }

  /**
   * @throws UnreadableEventException if it lacks what every event has
   */
  static Event event(dev.weft.event.v1.Event message) {
    boolean complete =
        !message.getType().isEmpty()
            && !message.getAggregateType().isEmpty()
            && !message.getSubject().isEmpty()
            && message.getAggregateVersion() > 0;
    if (!complete) {
      throw new UnreadableEventException("the event names no type, aggregate or version");
    }
    try {
      return new Event(
          message.getPosition(),
          UUID.fromString(message.getEventId()),
          message.getSource(),
          message.getType(),
          message.getSchemaVersion(),
          new Event.Aggregate(
              message.getAggregateType(), message.getSubject(), message.getAggregateVersion()),
          new Event.Content(
              message.getDataContentType(),
              message.getDataSchema(),
              message.getData().toByteArray()),
          new Event.Origin(
              message.getCorrelationId(),
              set(message.getCausationId()).map(UUID::fromString),
              set(message.getTraceParent())),
          instant(message.getTime()),
          message.hasExpireTime()
              ? Optional.of(instant(message.getExpireTime()))
              : Optional.empty());
    } catch (IllegalArgumentException e) {
      throw new UnreadableEventException("the event has an id that is none", e);
    }
  }

  private static Optional<String> set(String text) {
    return text.isEmpty() ? Optional.empty() : Optional.of(text);
  }

  private static Instant instant(Timestamp time) {
    return Instant.ofEpochSecond(time.getSeconds(), time.getNanos());
  }
}
