package dev.weft.mesh;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(30)
class TelemetryExportTest {
  @Test
  void closingSendsSpansAndMetricsToTheCollectorThatIsNamed() throws Exception {
    Map<String, String> received = new ConcurrentHashMap<>();
    HttpServer collector =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    collector.createContext(
        "/",
        exchange -> {
          int length = exchange.getRequestBody().readAllBytes().length;
          received.put(
              exchange.getRequestURI().getPath(),
              exchange.getRequestHeaders().getFirst("Content-Type")
                  + " "
                  + exchange.getRequestHeaders().getFirst("x-key")
                  + (length > 0 ? " data" : " nothing"));
          exchange.sendResponseHeaders(200, -1);
          exchange.close();
        });
    collector.start();
    TelemetryConfig config =
        TelemetryConfig.from(
            Env.of(
                Map.of(
                    "OTEL_EXPORTER_OTLP_ENDPOINT",
                    "http://127.0.0.1:" + collector.getAddress().getPort(),
                    "OTEL_EXPORTER_OTLP_HEADERS",
                    "x-key=hun%20ter2")),
            "echo-svc",
            "1");
    Telemetry telemetry = Telemetry.open(config);
    telemetry.tracer("test").spanBuilder("work").startSpan().end();
    telemetry.close();
    collector.stop(0);

    assertThat(received)
        .containsOnly(
            Map.entry("/v1/traces", "application/x-protobuf hun ter2 data"),
            Map.entry("/v1/metrics", "application/x-protobuf hun ter2 data"));
    assertThat(config.toString()).doesNotContain("ter2");
  }

  @Test
  void aCollectorThatIsAwayHoldsNothingUpForLong() {
    Telemetry telemetry =
        Telemetry.open(
            TelemetryConfig.from(
                Env.of(Map.of("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")), "a", "1"));
    telemetry.tracer("test").spanBuilder("work").startSpan().end();
    long began = System.nanoTime();
    telemetry.close();

    assertThat(Duration.ofNanos(System.nanoTime() - began))
        .isLessThan(Duration.ofSeconds(Telemetry.FLUSH_SECONDS + 2));
  }

  @Test
  void readsTheStandardVariables() {
    TelemetryConfig config =
        TelemetryConfig.from(
            Env.of(
                Map.of(
                    "OTEL_SERVICE_NAME", "renamed",
                    "OTEL_RESOURCE_ATTRIBUTES", "service.version=9,deployment.environment.name=dev",
                    "OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318",
                    "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf",
                    "OTEL_TRACES_SAMPLER", "parentbased_traceidratio",
                    "OTEL_TRACES_SAMPLER_ARG", "0.25",
                    "OTEL_METRIC_EXPORT_INTERVAL", "5000",
                    "WEFT_BAGGAGE_KEYS", "tenant, region")),
            "order-svc",
            "1");

    assertThat(config.service()).isEqualTo("renamed");
    assertThat(config.version()).isEqualTo("9");
    assertThat(config.resource()).containsEntry("deployment.environment.name", "dev");
    assertThat(config.endpoint()).contains(URI.create("http://collector:4318"));
    assertThat(config.sampler()).isEqualTo(new TelemetryConfig.TraceSampler(0.25, true));
    assertThat(config.exportInterval()).isEqualTo(Duration.ofSeconds(5));
    assertThat(config.baggage()).containsExactlyInAnyOrder("tenant", "region");
  }

  @Test
  void refusesWhatItCannotDo() {
    for (Map.Entry<String, String> wrong :
        Map.of(
                "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc",
                "OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318",
                "OTEL_TRACES_SAMPLER", "jaeger_remote",
                "OTEL_RESOURCE_ATTRIBUTES", "oops",
                "OTEL_METRIC_EXPORT_INTERVAL", "soon",
                "OTEL_SDK_DISABLED", "yes")
            .entrySet()) {
      assertThatThrownBy(() -> TelemetryConfig.from(Env.of(Map.ofEntries(wrong)), "a", "1"))
          .isInstanceOf(ConfigException.class)
          .hasMessageContaining(wrong.getKey() + "=" + wrong.getValue());
    }
    assertThatThrownBy(
            () ->
                TelemetryConfig.from(
                    Env.of(Map.of("OTEL_EXPORTER_OTLP_HEADERS", "hunter2")), "a", "1"))
        .hasMessageContaining("OTEL_EXPORTER_OTLP_HEADERS")
        .hasMessageNotContaining("hunter2");
  }
}
