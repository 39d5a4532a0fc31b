package dev.weft.events;

import dev.weft.durable.Event;
import dev.weft.mesh.TraceLink;
import io.opentelemetry.context.Scope;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;

/**
 * What leads to something that is only noted now and done later, perhaps by another process: kept
 * beside the note, so that what is said then names the same event, request and trace.
 *
 * @param correlationId the same for everything that one request of a client led to
 * @param eventId the event that is answered, if it is one
 * @param traceparent W3C trace context; may be empty
 */
public record Cause(String correlationId, Optional<UUID> eventId, String traceparent) {

  /** Of what is done on this thread now: the event that is handled, or the call that is served. */
  public static Cause current() {
    Event.Origin origin = EventTrace.origin();
    return new Cause(origin.correlationId(), origin.causationId(), origin.traceparent().orElse(""));
  }

  /** As it is kept beside a note. */
  public String text() {
    return eventId.map(UUID::toString).orElse("") + "\n" + traceparent + "\n" + correlationId;
  }

  /**
   * What {@link #text} made of one.
   *
   * @throws IllegalArgumentException if it did not
   */
  public static Cause parse(String text) {
    // The last one is as others chose it, and may hold anything.
    String[] parts = text.split("\n", 3);
    if (parts.length < 3) {
      throw new IllegalArgumentException("cause: " + text + " (expected: three lines)");
    }
    Optional<UUID> eventId =
        parts[0].isEmpty() ? Optional.empty() : Optional.of(UUID.fromString(parts[0]));
    return new Cause(parts[2], eventId, parts[1]);
  }

  /** Does what was noted: what is said by it has this cause, in its trace. */
  public <T> T lead(Supplier<T> to) {
    try (Scope _ = TraceLink.of(traceparent).makeCurrent()) {
      return EventTrace.because(this, to);
    }
  }
}
