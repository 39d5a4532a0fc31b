package dev.weft.events;

import dev.weft.durable.Event;
import dev.weft.mesh.RequestId;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import io.opentelemetry.context.propagation.TextMapGetter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/** What leads from one event to the next: the trace, and the event that is being handled. */
final class EventTrace {
  private static final String TRACEPARENT = "traceparent";
  private static final ScopedValue<Event> HANDLED = ScopedValue.newInstance();

  private final Tracer tracer;

  EventTrace(Tracer tracer) {
    this.tracer = tracer;
  }

  /** What leads to an event that is said on this thread now. */
  static Event.Origin origin() {
    Optional<String> traceparent = traceparent();
    if (HANDLED.isBound()) {
      return Event.Origin.event(HANDLED.get(), traceparent);
    }
    return Event.Origin.request(correlation(), traceparent);
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
    Span span =
        tracer
            .spanBuilder("process " + event.type())
            .setSpanKind(SpanKind.CONSUMER)
            .setParent(
                W3CTraceContextPropagator.getInstance()
                    .extract(Context.root(), event, Getter.INSTANCE))
            .setAttribute("messaging.operation.type", "process")
            .setAttribute("messaging.consumer.group.name", consumer)
            .setAttribute("messaging.message.id", event.id().toString())
            .startSpan();
    try (Scope _ = span.makeCurrent()) {
      return ScopedValue.where(HANDLED, event).call(handling::call);
    } catch (Exception e) {
      span.setStatus(StatusCode.ERROR);
      throw e;
    } finally {
      span.end();
    }
  }

  private static Optional<String> traceparent() {
    Map<String, String> headers = new HashMap<>();
    W3CTraceContextPropagator.getInstance()
        .inject(Context.current(), headers, (_, key, value) -> headers.put(key, value));
    return Optional.ofNullable(headers.get(TRACEPARENT));
  }

  private enum Getter implements TextMapGetter<Event> {
    INSTANCE;

    @Override
    public Iterable<String> keys(Event event) {
      return List.of(TRACEPARENT);
    }

    @Override
    public @Nullable String get(@Nullable Event event, String key) {
      return event != null && key.equals(TRACEPARENT)
          ? event.origin().traceparent().orElse(null)
          : null;
    }
  }
}
