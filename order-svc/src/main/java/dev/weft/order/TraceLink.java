package dev.weft.order;

import dev.weft.durable.SagaStep;
import dev.weft.durable.StepContext;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import io.opentelemetry.context.propagation.TextMapGetter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the steps of an order in the trace of the request that placed it, also after a restart and
 * in another process: the saga carries that request's W3C {@code traceparent}.
 */
final class TraceLink {
  private static final String TRACEPARENT = "traceparent";

  private TraceLink() {}

  /** The trace that is current; empty when there is none. */
  static String current() {
    Map<String, String> headers = new HashMap<>();
    W3CTraceContextPropagator.getInstance()
        .inject(Context.current(), headers, (carrier, key, value) -> headers.put(key, value));
    return headers.getOrDefault(TRACEPARENT, "");
  }

  /** The same attempt, in the trace that its saga carries. */
  static SagaStep.Action in(SagaStep.Action attempt) {
    return context -> {
      try (Scope _ = of(context.data()).makeCurrent()) {
        return attempt.attempt(context);
      }
    };
  }

  /** The trace that the saga carries, for what is done in a transaction of its runner. */
  static Context of(StepContext saga) {
    return of(saga.data());
  }

  /** The trace of a {@code traceparent} that was kept. */
  static Context of(String traceparent) {
    return W3CTraceContextPropagator.getInstance()
        .extract(Context.root(), traceparent, Getter.INSTANCE);
  }

  private enum Getter implements TextMapGetter<String> {
    INSTANCE;

    @Override
    public Iterable<String> keys(String traceparent) {
      return List.of(TRACEPARENT);
    }

    @Override
    public @Nullable String get(@Nullable String traceparent, String key) {
      return key.equals(TRACEPARENT) ? traceparent : null;
    }
  }
}
