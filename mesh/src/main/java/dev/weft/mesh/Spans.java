package dev.weft.mesh;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.context.Context;

/**
 * Where the current trace is. OpenTelemetry keeps it per thread and gRPC in its own context, which
 * our code hands to other threads; whichever of the two has a span is believed, OpenTelemetry's
 * first.
 */
final class Spans {
  private static final io.grpc.Context.Key<Context> IN_GRPC = io.grpc.Context.key("weft-otel");

  private Spans() {}

  /** The context to continue from. */
  static Context context() {
    Context own = Context.current();
    if (Span.fromContext(own).getSpanContext().isValid()) {
      return own;
    }
    Context served = IN_GRPC.get();
    return served == null ? own : served;
  }

  /** The span this thread works in; invalid if there is none. */
  static SpanContext current() {
    return Span.fromContext(context()).getSpanContext();
  }

  /** The gRPC context with an OpenTelemetry context in it. */
  static io.grpc.Context in(io.grpc.Context grpc, Context otel) {
    return grpc.withValue(IN_GRPC, otel);
  }
}
