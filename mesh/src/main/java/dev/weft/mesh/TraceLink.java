package dev.weft.mesh;

import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Keeps what is done later in the trace of what wanted it, also after a restart and in another
 * process: the W3C {@code traceparent} is kept beside what is to be done, and made current when it
 * is done.
 */
public final class TraceLink {
  private static final String TRACEPARENT = "traceparent";

  private TraceLink() {}

  /** The trace that is current; empty when there is none. */
  public static String current() {
    Map<String, String> headers = new HashMap<>();
    W3CTraceContextPropagator.getInstance()
        .inject(Spans.context(), headers, (_, key, value) -> headers.put(key, value));
    return headers.getOrDefault(TRACEPARENT, "");
  }

  /** The trace of a {@code traceparent} that was kept; no trace when that is empty or none. */
  public static Context of(String traceparent) {
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
