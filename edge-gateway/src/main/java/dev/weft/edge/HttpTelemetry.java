package dev.weft.edge;

import dev.weft.mesh.RequestId;
import dev.weft.mesh.Telemetry;
import io.grpc.Status;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.api.metrics.DoubleHistogram;
import io.opentelemetry.api.metrics.LongUpDownCounter;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.context.propagation.TextMapPropagator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Spans, metrics and the access log of the public listener, by the semantic conventions for HTTP.
 * Nothing is named by a path or a query: those may be secret, and there are as many as clients
 * like.
 */
final class HttpTelemetry {
  private static final Logger access = LoggerFactory.getLogger("dev.weft.edge.access");

  private static final AttributeKey<String> METHOD = AttributeKey.stringKey("http.request.method");
  private static final AttributeKey<String> ROUTE = AttributeKey.stringKey("http.route");
  private static final AttributeKey<String> SCHEME = AttributeKey.stringKey("url.scheme");
  private static final AttributeKey<String> ERROR = AttributeKey.stringKey("error.type");
  private static final AttributeKey<Long> STATUS =
      AttributeKey.longKey("http.response.status_code");

  /** Named as mesh names it, on those answers only whose status of HTTP does not say it. */
  private static final AttributeKey<String> CODE =
      AttributeKey.stringKey("rpc.response.status_code");

  private static final Set<String> METHODS =
      Set.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT");

  private static final List<Double> SECONDS =
      List.of(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0);

  private final Tracer tracer;
  private final TextMapPropagator propagator;
  private final DoubleHistogram duration;
  private final LongUpDownCounter active;
  private final Supplier<String> newId;

  HttpTelemetry(Telemetry telemetry, Supplier<String> newId) {
    this.newId = newId;
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
  }

  /** A request begins. Its id is the client's, if that is fit to be one. */
  Observation begin(HttpRequest request, String scheme) {
    String method = METHODS.contains(request.method().name()) ? request.method().name() : "_OTHER";
    String given = request.headers().get("x-request-id");
    String id = given != null && isId(given) ? given : newId.get();
    Context caller = propagator.extract(Context.root(), request.headers(), Headers.INSTANCE);
    return begin(method, scheme, id, caller);
  }

  /** What was no request ends. */
  Observation beginMalformed() {
    return begin("_OTHER", "http", newId.get(), Context.root());
  }

  private Observation begin(String method, String scheme, String id, Context caller) {
    Span span =
        tracer
            .spanBuilder(method)
            .setSpanKind(SpanKind.SERVER)
            .setParent(caller)
            .setAttribute(METHOD, method)
            .setAttribute(SCHEME, scheme)
            .startSpan();
    active.add(1);
    return new Observation(this, method, scheme, id, caller.with(span), span);
  }

  void ended(Observation request) {
    active.add(-1);
    Status.Code code = request.code();
    boolean failed = request.status() >= 500 || (code != null && HttpStatuses.of(code) >= 500);
    AttributesBuilder attributes =
        Attributes.builder().put(METHOD, request.method()).put(SCHEME, request.scheme());
    if (!request.route().isEmpty()) {
      attributes.put(ROUTE, request.route());
    }
    if (request.status() != 0) {
      attributes.put(STATUS, (long) request.status());
    }
    if (code != null) {
      attributes.put(CODE, code.name());
    }
    if (failed) {
      attributes.put(ERROR, code == null ? Integer.toString(request.status()) : code.name());
    } else if (request.left()) {
      attributes.put(ERROR, "client_left");
    }
    Attributes noted = attributes.build();
    duration.record(
        request.elapsedNanos() / (double) TimeUnit.SECONDS.toNanos(1), noted, request.context());
    Span span = request.span();
    span.setAllAttributes(noted);
    if (!request.route().isEmpty()) {
      span.updateName(request.method() + " " + request.route());
    }
    if (failed) {
      span.setStatus(StatusCode.ERROR);
    }
    span.end();
    log(request);
  }

  private static void log(Observation request) {
    if (!access.isInfoEnabled()) {
      return;
    }
    io.grpc.Context named = RequestId.in(io.grpc.Context.ROOT, request.requestId());
    try (Scope _ = request.context().makeCurrent()) {
      named.run(
          () ->
              access
                  .atInfo()
                  .addKeyValue("http.request.method", request.method())
                  .addKeyValue("http.route", request.route())
                  .addKeyValue("http.response.status_code", request.status())
                  .addKeyValue("http.response.body.size", request.bytes())
                  .addKeyValue("duration_ms", request.elapsedMillis())
                  .addKeyValue("service", request.service())
                  .addKeyValue("reason", request.reason())
                  .log(
                      "{} {} {} {} ms {} bytes{}",
                      request.method(),
                      request.route().isEmpty() ? "-" : request.route(),
                      request.status(),
                      request.elapsedMillis(),
                      request.bytes(),
                      request.left() ? ", the client left" : ""));
    }
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
