package dev.weft.edge;

import dev.weft.mesh.Telemetry;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.DoubleHistogram;
import io.opentelemetry.api.metrics.LongCounter;
import io.opentelemetry.api.metrics.LongUpDownCounter;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.context.propagation.TextMapPropagator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Spans and metrics of the public listener, by the semantic conventions for HTTP; and what is noted
 * of a request for the access log. Nothing is named by a path or a query: those may be secret, and
 * there are as many as clients like.
 */
final class HttpTelemetry {
  /** Routes come and go; whose outcomes are not kept are made anew each time. */
  private static final int OUTCOMES_MAX = 4_000;

  private static final AttributeKey<String> RPC = AttributeKey.stringKey("rpc.method");

  private static final Set<String> METHODS =
      Set.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT");

  private static final List<Double> SECONDS =
      List.of(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0);

  private final Tracer tracer;
  private final TextMapPropagator propagator;
  private final DoubleHistogram duration;
  private final LongUpDownCounter active;
  private final LongCounter deprecated;
  private final AccessLog log;

  /** What requests end with, which is the same of many. */
  private final Map<Outcome, Attributes> outcomes = new ConcurrentHashMap<>();

  HttpTelemetry(Telemetry telemetry, AccessLog log) {
    this.log = log;
    tracer = telemetry.tracer("dev.weft.edge");
    propagator = telemetry.openTelemetry().getPropagators().getTextMapPropagator();
    Meter meter = telemetry.meter("dev.weft.edge");
    duration =
        meter
            .histogramBuilder("http.server.request.duration")
            .setUnit("s")
            .setDescription("How long requests took, from their header to the end of the answer.")
            .setExplicitBucketBoundariesAdvice(SECONDS)
            .build();
    active =
        meter
            .upDownCounterBuilder("http.server.active_requests")
            .setUnit("{request}")
            .setDescription("Requests that are being answered.")
            .build();
    deprecated =
        meter
            .counterBuilder("weft.edge.deprecated_requests")
            .setUnit("{request}")
            .setDescription("Requests of methods whose contract says that their end is in sight.")
            .build();
  }

  /** A request begins. Its id is the client's, if that is fit to be one. */
  Observation begin(HttpRequest request, String scheme) {
    String method = METHODS.contains(request.method().name()) ? request.method().name() : "_OTHER";
    String given = request.headers().get("x-request-id");
    String id = given != null && isId(given) ? given : newId();
    Context caller = propagator.extract(Context.root(), request.headers(), Headers.INSTANCE);
    return begin(method, scheme, id, caller);
  }

  /** Adds what says where in a trace a call made for a request belongs. */
  void tell(Context at, HttpHeaders headers) {
    propagator.inject(at, headers, (to, name, value) -> to.set(name, value));
  }

  /** What was no request ends. */
  Observation beginMalformed() {
    return begin("_OTHER", "http", newId(), Context.root());
  }

  private Observation begin(String method, String scheme, String id, Context caller) {
    Span span =
        tracer
            .spanBuilder(method)
            .setSpanKind(SpanKind.SERVER)
            .setParent(caller)
            .setAttribute(Outcome.METHOD, method)
            .setAttribute(Outcome.SCHEME, scheme)
            .startSpan();
    active.add(1);
    return new Observation(this, method, scheme, id, caller.with(span), span);
  }

  /** Unlike all others, and no secret. */
  private static String newId() {
    ThreadLocalRandom random = ThreadLocalRandom.current();
    long version4 = (random.nextLong() & ~0xf000L) | 0x4000L;
    long variant2 = (random.nextLong() & (Long.MAX_VALUE >>> 1)) | Long.MIN_VALUE;
    return new UUID(version4, variant2).toString();
  }

  void ended(Observation request) {
    active.add(-1);
    Outcome outcome = Outcome.of(request);
    Attributes noted = attributes(outcome);
    duration.record(
        request.elapsedNanos() / (double) TimeUnit.SECONDS.toNanos(1), noted, request.context());
    if (!request.deprecatedRpc().isEmpty()) {
      deprecated.add(
          1, Attributes.of(Outcome.ROUTE, request.route(), RPC, request.deprecatedRpc()));
    }
    Span span = request.span();
    if (span.isRecording()) {
      span.setAllAttributes(noted);
      if (!request.route().isEmpty()) {
        span.updateName(request.method() + " " + request.route());
      }
      if (outcome.failed()) {
        span.setStatus(StatusCode.ERROR);
      }
    }
    span.end();
    log.add(request);
  }

  private Attributes attributes(Outcome outcome) {
    Attributes known = outcomes.get(outcome);
    if (known != null) {
      return known;
    }
    Attributes made = outcome.attributes();
    if (outcomes.size() < OUTCOMES_MAX) {
      outcomes.put(outcome, made);
    }
    return made;
  }

  private static boolean isId(String text) {
    return !text.isEmpty()
        && text.length() <= 128
        && text.chars()
            .allMatch(
                c ->
                    (c >= 'a' && c <= 'z')
                        || (c >= 'A' && c <= 'Z')
                        || (c >= '0' && c <= '9')
                        || "._-".indexOf(c) >= 0);
  }

  /** Lets OpenTelemetry read the headers of a request. */
  private enum Headers implements TextMapGetter<HttpHeaders> {
    INSTANCE;

    @Override
    public Iterable<String> keys(HttpHeaders headers) {
      return headers.names();
    }

    @Override
    public @Nullable String get(@Nullable HttpHeaders headers, String name) {
      return headers == null ? null : headers.get(name);
    }
  }
}
