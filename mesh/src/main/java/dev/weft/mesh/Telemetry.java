package dev.weft.mesh;

import io.grpc.ClientInterceptor;
import io.grpc.ServerInterceptor;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.AttributesBuilder;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.metrics.MeterProvider;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.TracerProvider;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.propagation.ContextPropagators;
import io.opentelemetry.context.propagation.TextMapPropagator;
import io.opentelemetry.exporter.otlp.http.metrics.OtlpHttpMetricExporter;
import io.opentelemetry.exporter.otlp.http.trace.OtlpHttpSpanExporter;
import io.opentelemetry.exporter.prometheus.PrometheusMetricReader;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.metrics.SdkMeterProvider;
import io.opentelemetry.sdk.metrics.SdkMeterProviderBuilder;
import io.opentelemetry.sdk.metrics.export.PeriodicMetricReader;
import io.opentelemetry.sdk.resources.Resource;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.SdkTracerProviderBuilder;
import io.opentelemetry.sdk.trace.SpanProcessor;
import io.opentelemetry.sdk.trace.export.BatchSpanProcessor;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import io.prometheus.metrics.expositionformats.ExpositionFormatWriter;
import io.prometheus.metrics.expositionformats.ExpositionFormats;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/**
 * Traces and metrics of a process, by OpenTelemetry and its semantic conventions for RPC.
 *
 * <p>Every call has a span on each side and a duration: {@code rpc.server.call.duration} and {@code
 * rpc.client.call.duration}, in seconds. Metrics of the JVM come with them. All metrics are at
 * {@code /metrics} of the management port; traces and metrics are sent to an OTLP collector when
 * {@code OTEL_EXPORTER_OTLP_ENDPOINT} names one.
 *
 * <p>The SDK is put together here instead of by its autoconfiguration, which takes longer to start
 * than everything else in this class.
 *
 * <p>Thread-safe. Closing it sends what is still waiting, for at most {@value #FLUSH_SECONDS} s.
 */
public final class Telemetry implements AutoCloseable {
  static final int FLUSH_SECONDS = 3;

  private static final String SCOPE = "dev.weft.mesh";

  private final OpenTelemetry openTelemetry;
  private final Optional<OpenTelemetrySdk> sdk;
  private final Optional<PrometheusMetricReader> prometheus;
  private final RpcTelemetry rpc;

  /** The SDK, but for spans that nobody would get. */
  private static final class Unreceived implements OpenTelemetry {
    private final OpenTelemetry sdk;
    private final TracerProvider traces;

    Unreceived(OpenTelemetry sdk, Sampler sampler) {
      this.sdk = sdk;
      this.traces = new UnrecordedTraces(sampler);
    }

    @Override
    public TracerProvider getTracerProvider() {
      return traces;
    }

    @Override
    public MeterProvider getMeterProvider() {
      return sdk.getMeterProvider();
    }

    @Override
    public ContextPropagators getPropagators() {
      return sdk.getPropagators();
    }
  }

  /** All metrics as text, in the format that {@code contentType} names. */
  record Exposition(String contentType, String body) {}

  private Telemetry(
      OpenTelemetry openTelemetry,
      Optional<OpenTelemetrySdk> sdk,
      Optional<PrometheusMetricReader> prometheus) {
    this.openTelemetry = openTelemetry;
    this.sdk = sdk;
    this.prometheus = prometheus;
    this.rpc = new RpcTelemetry(openTelemetry, SCOPE);
  }

  /** Starts measuring. Does no I/O unless an endpoint is set, and then in the background. */
  public static Telemetry open(TelemetryConfig config) {
    return open(config, List.of());
  }

  /** As {@link #open(TelemetryConfig)}, with further receivers of spans. */
  static Telemetry open(TelemetryConfig config, List<SpanProcessor> processors) {
    TextMapPropagator propagator =
        config.baggage().isEmpty()
            ? W3CTraceContextPropagator.getInstance()
            : TextMapPropagator.composite(
                W3CTraceContextPropagator.getInstance(), new AllowedBaggage(config.baggage()));
    ContextPropagators propagators = ContextPropagators.create(propagator);
    if (!config.enabled()) {
      return new Telemetry(
          OpenTelemetry.propagating(propagators), Optional.empty(), Optional.empty());
    }
    Resource resource = resource(config);
    PrometheusMetricReader prometheus =
        PrometheusMetricReader.builder().setOtelScopeLabelsEnabled(false).build();
    SdkMeterProviderBuilder meters =
        SdkMeterProvider.builder().setResource(resource).registerMetricReader(prometheus);
    SdkTracerProviderBuilder tracers =
        SdkTracerProvider.builder().setResource(resource).setSampler(sampler(config.sampler()));
    processors.forEach(tracers::addSpanProcessor);
    config
        .endpoint()
        .ifPresent(
            endpoint -> {
              tracers.addSpanProcessor(
                  BatchSpanProcessor.builder(spanExporter(config, endpoint)).build());
              meters.registerMetricReader(
                  PeriodicMetricReader.builder(metricExporter(config, endpoint))
                      .setInterval(config.exportInterval())
                      .build());
            });
    OpenTelemetrySdk sdk =
        OpenTelemetrySdk.builder()
            .setTracerProvider(tracers.build())
            .setMeterProvider(meters.build())
            .setPropagators(propagators)
            .build();
    JvmMetrics.register(sdk.getMeter(SCOPE));
    boolean received = config.endpoint().isPresent() || !processors.isEmpty();
    return new Telemetry(
        received ? sdk : new Unreceived(sdk, sampler(config.sampler())),
        Optional.of(sdk),
        Optional.of(prometheus));
  }

  /** The API for instruments and spans of the service's own. */
  public OpenTelemetry openTelemetry() {
    return openTelemetry;
  }

  /** For metrics of the service's own. */
  public Meter meter(String scope) {
    return openTelemetry.getMeter(scope);
  }

  /** For spans of the service's own. */
  public Tracer tracer(String scope) {
    return openTelemetry.getTracer(scope);
  }

  /** Continues the caller's trace and measures each call. Belongs outermost. */
  public ServerInterceptor serverInterceptor() {
    return rpc.serverInterceptor();
  }

  /**
   * Sends the trace and the request id along and measures each call, all its attempts together.
   * Belongs outermost.
   *
   * @param target the service that is called
   */
  public ClientInterceptor clientInterceptor(String target) {
    return rpc.clientInterceptor(target);
  }

  /** All metrics now, in the format of Prometheus that fits an {@code Accept} header best. */
  Exposition exposition(String accept) {
    ExpositionFormatWriter writer = Formats.ALL.findWriter(accept);
    ByteArrayOutputStream text = new ByteArrayOutputStream(32 * 1024);
    try {
      if (prometheus.isPresent()) {
        writer.write(text, prometheus.get().collect());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new Exposition(writer.getContentType(), text.toString(StandardCharsets.UTF_8));
  }

  @Override
  public void close() {
    sdk.ifPresent(
        open -> {
          // On a thread of its own, because the SDK waits inside, and longer, for a collector that
          // is
          // away.
          Thread flush =
              Thread.ofPlatform().daemon().name("telemetry-flush").start(() -> flush(open));
          try {
            flush.join(Duration.ofSeconds(FLUSH_SECONDS));
          } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
          }
        });
  }

  private static void flush(OpenTelemetrySdk open) {
    open.shutdown().join(FLUSH_SECONDS, TimeUnit.SECONDS);
  }

  /** Loaded with the first scrape. */
  private static final class Formats {
    static final ExpositionFormats ALL = ExpositionFormats.init();
  }

  private static Resource resource(TelemetryConfig config) {
    AttributesBuilder attributes = Attributes.builder();
    config.resource().forEach(attributes::put);
    attributes
        .put(AttributeKey.stringKey("service.name"), config.service())
        .put(AttributeKey.stringKey("service.version"), config.version());
    if (!config.resource().containsKey("service.instance.id")) {
      attributes.put("service.instance.id", UUID.randomUUID().toString());
    }
    return Resource.getDefault().merge(Resource.create(attributes.build()));
  }

  private static Sampler sampler(TelemetryConfig.TraceSampler config) {
    Sampler root =
        config.ratio() == 1
            ? Sampler.alwaysOn()
            : config.ratio() == 0 ? Sampler.alwaysOff() : Sampler.traceIdRatioBased(config.ratio());
    return config.parentBased() ? Sampler.parentBased(root) : root;
  }

  private static OtlpHttpSpanExporter spanExporter(TelemetryConfig config, URI endpoint) {
    var exporter = OtlpHttpSpanExporter.builder().setEndpoint(signal(endpoint, "v1/traces"));
    config.headers().forEach(exporter::addHeader);
    return exporter.build();
  }

  private static OtlpHttpMetricExporter metricExporter(TelemetryConfig config, URI endpoint) {
    var exporter = OtlpHttpMetricExporter.builder().setEndpoint(signal(endpoint, "v1/metrics"));
    config.headers().forEach(exporter::addHeader);
    return exporter.build();
  }

  private static String signal(URI endpoint, String path) {
    String base = endpoint.toString();
    return base.endsWith("/") ? base + path : base + "/" + path;
  }
}
