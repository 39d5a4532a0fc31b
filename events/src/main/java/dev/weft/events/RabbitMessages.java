package dev.weft.events;

import com.rabbitmq.client.AMQP.BasicProperties;
import dev.weft.durable.Event;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Date;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Events as messages of the broker: the payload is the body, and what CloudEvents says of it is in
 * headers, as its binding for AMQP has it in binary mode. Pure.
 */
final class RabbitMessages {
  private static final String PREFIX = "cloudEvents:";
  private static final String SPEC_VERSION = "1.0";
  private static final int PERSISTENT = 2;

  /** So that every one fits into a consumer's tables and their keys. */
  private static final int ATTRIBUTE_MAX = 255;

  private RabbitMessages() {}

  static BasicProperties properties(Event event) {
    Map<String, Object> headers = new HashMap<>();
    put(headers, "specversion", SPEC_VERSION);
    put(headers, "id", event.id().toString());
    put(headers, "source", event.source());
    put(headers, "type", event.type());
    put(headers, "subject", event.aggregate().id());
    put(headers, "time", event.recordedAt().toString());
    put(headers, "dataschema", event.content().schema());
    put(headers, "schemaversion", event.schemaVersion());
    put(headers, "aggregatetype", event.aggregate().type());
    put(headers, "aggregateversion", event.aggregate().version());
    put(headers, "position", event.position());
    put(headers, "correlationid", event.origin().correlationId());
    event.origin().causationId().ifPresent(id -> put(headers, "causationid", id.toString()));
    event.origin().traceparent().ifPresent(trace -> put(headers, "traceparent", trace));
    event.expiresAt().ifPresent(at -> put(headers, "expirytime", at.toString()));
    return new BasicProperties.Builder()
        .contentType(event.content().type())
        .deliveryMode(PERSISTENT)
        .messageId(event.id().toString())
        .timestamp(Date.from(event.recordedAt()))
        .type(event.type())
        .appId(event.source())
        .headers(headers)
        .build();
  }

  private static void put(Map<String, Object> headers, String name, Object value) {
    headers.put(PREFIX + name, value);
  }

  /**
   * @throws UnreadableEventException if it is no event, or lacks what every event has
   */
  static Event event(BasicProperties properties, byte[] body) {
    Headers headers =
        new Headers(properties.getHeaders() == null ? Map.of() : properties.getHeaders());
    String spec = headers.text("specversion");
    if (!spec.equals(SPEC_VERSION)) {
      throw new UnreadableEventException("a CloudEvent of version " + spec);
    }
    try {
      long version = headers.number("aggregateversion");
      if (version < 1) {
        throw new UnreadableEventException("aggregateversion: " + version);
      }
      return new Event(
          headers.number("position"),
          UUID.fromString(headers.text("id")),
          headers.text("source"),
          headers.text("type"),
          Math.toIntExact(headers.number("schemaversion")),
          new Event.Aggregate(headers.text("aggregatetype"), headers.text("subject"), version),
          new Event.Content(
              text("content type", properties.getContentType()).orElse(""),
              headers.optional("dataschema").orElse(""),
              body),
          new Event.Origin(
              headers.optional("correlationid").orElse(""),
              headers.optional("causationid").map(UUID::fromString),
              headers.optional("traceparent")),
          Instant.parse(headers.text("time")),
          headers.optional("expirytime").map(Instant::parse));
    } catch (IllegalArgumentException | ArithmeticException | DateTimeException e) {
      throw new UnreadableEventException("an attribute has the wrong form: " + e.getMessage(), e);
    }
  }

  /** As it arrives, from whoever put it there: the consumer's own tables have to take it. */
  private static Optional<String> text(String name, @Nullable Object value) {
    Optional<String> text = Optional.ofNullable(value).map(Object::toString);
    if (text.filter(one -> one.length() > ATTRIBUTE_MAX || one.indexOf('\0') >= 0).isPresent()) {
      throw new UnreadableEventException(
          name + ": longer than " + ATTRIBUTE_MAX + " characters, or one of them is NUL");
    }
    return text;
  }

  /** Attributes as they arrive: texts are objects of the client, numbers are of any size. */
  private record Headers(Map<String, Object> all) {
    Optional<String> optional(String name) {
      return RabbitMessages.text(name, all.get(PREFIX + name));
    }

    String text(String name) {
      return optional(name)
          .filter(text -> !text.isEmpty())
          .orElseThrow(() -> new UnreadableEventException("no attribute " + name));
    }

    long number(String name) {
      return Long.parseLong(text(name));
    }
  }
}
