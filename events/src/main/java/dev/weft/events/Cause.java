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

  /** Does what was noted: what is said by it has this cause, in its trace. */
  public <T> T lead(Supplier<T> to) {
    try (Scope _ = TraceLink.of(traceparent).makeCurrent()) {
      return EventTrace.because(this, to);
    }
  }
}
