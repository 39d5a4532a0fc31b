package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import org.junit.jupiter.api.Test;

class UnrecordedTracesTest {
  private static final SpanContext CALLER =
      SpanContext.createFromRemoteParent(
          "0af7651916cd43dd8448eb211c80319c",
          "b7ad6b7169203331",
          TraceFlags.getDefault(),
          TraceState.builder().put("vendor", "1").build());

  @Test
  void beginsATraceThatOthersRecordAsTheSamplerSays() {
    Span some = start(Sampler.alwaysOn(), Context.root());
    Span other = start(Sampler.alwaysOff(), Context.root());

    assertThat(some.isRecording()).isFalse();
    assertThat(some.getSpanContext().isValid()).isTrue();
    assertThat(some.getSpanContext().isSampled()).isTrue();
    assertThat(other.getSpanContext().isValid()).isTrue();
    assertThat(other.getSpanContext().isSampled()).isFalse();
    assertThat(some.getSpanContext().getTraceId())
        .isNotEqualTo(other.getSpanContext().getTraceId());
  }

  @Test
  void goesOnInTheCallersTraceAtAPlaceOfItsOwn() {
    Span span =
        start(Sampler.parentBased(Sampler.alwaysOn()), Context.root().with(Span.wrap(CALLER)));

    SpanContext at = span.getSpanContext();
    assertThat(at.getTraceId()).isEqualTo(CALLER.getTraceId());
    assertThat(at.getSpanId()).isNotEqualTo(CALLER.getSpanId());
    assertThat(at.getTraceState()).isEqualTo(CALLER.getTraceState());
    assertThat(at.isSampled()).isFalse();
  }

  private static Span start(Sampler sampler, Context parent) {
    return new UnrecordedTraces(sampler)
        .get("test")
        .spanBuilder("call")
        .setParent(parent)
        .setAttribute("name", "value")
        .startSpan();
  }
}
