package dev.weft.payment;

import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Keeps what is said of a refund in the trace of whoever wanted it, also after a restart and in
 * another process.
 */
final class RefundTrace {
  private static final String TRACEPARENT = "traceparent";

  private RefundTrace() {}

  /** The trace that is current; empty when there is none. */
  static String current() {
    Map<String, String> headers = new HashMap<>();
    W3CTraceContextPropagator.getInstance()
        .inject(Context.current(), headers, (_, key, value) -> headers.put(key, value));
    return headers.getOrDefault(TRACEPARENT, "");
  }

  /** The trace that the refund carries. */
  static Context of(Refund refund) {
    return W3CTraceContextPropagator.getInstance()
        .extract(Context.root(), refund.traceparent(), Getter.INSTANCE);
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
