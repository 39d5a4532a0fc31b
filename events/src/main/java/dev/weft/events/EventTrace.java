package dev.weft.events;

import dev.weft.durable.Event;
import dev.weft.mesh.RequestId;
import dev.weft.mesh.TraceLink;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Scope;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.function.Supplier;

/** What leads from one event to the next: the trace, and what is being answered. */
final class EventTrace {
  /** The event that is being handled, or what led to what is being done later. */
  private static final ScopedValue<Cause> CAUSE = ScopedValue.newInstance();

  private final Tracer tracer;

  EventTrace(Tracer tracer) {
    this.tracer = tracer;
  }

  /** What leads to an event that is said on this thread now. */
  static Event.Origin origin() {
    Optional<String> traceparent = Optional.of(TraceLink.current()).filter(one -> !one.isEmpty());
    if (CAUSE.isBound()) {
      Cause cause = CAUSE.get();
      return new Event.Origin(cause.correlationId(), cause.eventId(), traceparent);
    }
    return Event.Origin.request(correlation(), traceparent);
  }

  /** Does something that a cause led to. */
  static <T> T because(Cause cause, Supplier<T> what) {
    return ScopedValue.where(CAUSE, cause).call(what::get);
  }

  /** The trace's id: the same in every service, and in a saga that goes on after a restart. */
  private static String correlation() {
    SpanContext span = Span.current().getSpanContext();
    return span.isValid()
        ? span.getTraceId()
        : RequestId.current().orElseGet(() -> UUID.randomUUID().toString());
  }

  /** Handles the event in the trace of what caused it. */
  <T> T in(Event event, String consumer, Callable<T> handling) throws Exception {
    Span span = span(event, consumer);
    try (Scope _ = span.makeCurrent()) {
      return ScopedValue.where(CAUSE, of(event)).call(handling::call);
    } catch (Exception e) {
      span.setStatus(StatusCode.ERROR);
      throw e;
    } finally {
      span.end();
    }
  }

  /** Handles several at once, which is in the trace of each and the cause of nothing. */
  <T> T inAll(List<Event> events, String consumer, Callable<T> handling) throws Exception {
    List<Span> spans = events.stream().map(event -> span(event, consumer)).toList();
    try {
      return handling.call();
    } catch (Exception e) {
      spans.forEach(span -> span.setStatus(StatusCode.ERROR));
      throw e;
    } finally {
      spans.forEach(Span::end);
    }
  }

  private Span span(Event event, String consumer) {
    return tracer
        .spanBuilder("process " + event.type())
        .setSpanKind(SpanKind.CONSUMER)
        .setParent(TraceLink.of(event.origin().traceparent().orElse("")))
        .setAttribute("messaging.operation.type", "process")
        .setAttribute("messaging.consumer.group.name", consumer)
        .setAttribute("messaging.message.id", event.id().toString())
        .startSpan();
  }

  private static Cause of(Event event) {
    Event.Origin origin = event.origin();
    return new Cause(
        origin.correlationId(), Optional.of(event.id()), origin.traceparent().orElse(""));
  }
}
