package dev.weft.mesh;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.TracerProvider;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.trace.IdGenerator;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.opentelemetry.sdk.trace.samplers.SamplingDecision;
import io.opentelemetry.sdk.trace.samplers.SamplingResult;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Traces of a process whose spans nobody receives: each call has its place in a trace, for logs and
 * for the services behind it, which may record theirs as the sampler says. What its own spans would
 * hold is not put together.
 *
 * <p>Thread-safe.
 */
final class UnrecordedTraces implements TracerProvider, Tracer {
  private final Sampler sampler;
  private final IdGenerator ids = IdGenerator.random();

  UnrecordedTraces(Sampler sampler) {
    this.sampler = sampler;
  }

  @Override
  public Tracer get(String scope) {
    return this;
  }

  @Override
  public Tracer get(String scope, String version) {
    return this;
  }

  @Override
  public SpanBuilder spanBuilder(String name) {
    return new Unrecorded(name);
  }

  private final class Unrecorded implements SpanBuilder {
    private final String name;
    private SpanKind kind = SpanKind.INTERNAL;
    private @Nullable Context parent;

    Unrecorded(String name) {
      this.name = name;
    }

    @Override
    public SpanBuilder setParent(Context context) {
      parent = context;
      return this;
    }

    @Override
    public SpanBuilder setNoParent() {
      parent = Context.root();
      return this;
    }

    @Override
    public SpanBuilder addLink(SpanContext context) {
      return this;
    }

    @Override
    public SpanBuilder addLink(SpanContext context, Attributes attributes) {
      return this;
    }

    @Override
    public SpanBuilder setAttribute(String key, String value) {
      return this;
    }

    @Override
    public SpanBuilder setAttribute(String key, long value) {
      return this;
    }

    @Override
    public SpanBuilder setAttribute(String key, double value) {
      return this;
    }

    @Override
    public SpanBuilder setAttribute(String key, boolean value) {
      return this;
    }

    @Override
    public <T> SpanBuilder setAttribute(AttributeKey<T> key, T value) {
      return this;
    }

    @Override
    public SpanBuilder setAllAttributes(Attributes attributes) {
      return this;
    }

    @Override
    public SpanBuilder setSpanKind(SpanKind spanKind) {
      kind = spanKind;
      return this;
    }

    @Override
    public SpanBuilder setStartTimestamp(long timestamp, TimeUnit unit) {
      return this;
    }

    @Override
    public Span startSpan() {
      Context in = parent == null ? Context.current() : parent;
      SpanContext caller = Span.fromContext(in).getSpanContext();
      String trace = caller.isValid() ? caller.getTraceId() : ids.generateTraceId();
      SamplingResult sampled =
          sampler.shouldSample(in, trace, name, kind, Attributes.empty(), List.of());
      return Span.wrap(
          SpanContext.create(
              trace,
              ids.generateSpanId(),
              sampled.getDecision() == SamplingDecision.RECORD_AND_SAMPLE
                  ? TraceFlags.getSampled()
                  : TraceFlags.getDefault(),
              sampled.getUpdatedTraceState(caller.getTraceState())));
    }
  }
}
