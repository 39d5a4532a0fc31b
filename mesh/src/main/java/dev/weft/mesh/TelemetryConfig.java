package dev.weft.mesh;

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What a process measures and where it sends that.
 *
 * @param service {@code service.name} of everything sent
 * @param version {@code service.version}
 * @param enabled false when {@code OTEL_SDK_DISABLED=true}: nothing is measured, traces still pass
 *     through
 * @param endpoint base URL of an OTLP collector over HTTP; traces and metrics are exported only
 *     when it is set
 * @param headers sent with every export; may hold secrets and is not shown
 * @param sampler which traces are recorded
 * @param resource further attributes of the process
 * @param exportInterval time between two exports of metrics
 * @param baggage the baggage keys that are passed on from call to call; others are dropped
 */
public record TelemetryConfig(
    String service,
    String version,
    boolean enabled,
    Optional<URI> endpoint,
    Map<String, String> headers,
    TraceSampler sampler,
    Map<String, String> resource,
    Duration exportInterval,
    Set<String> baggage) {

  private static final String PROTOCOL = "http/protobuf";
  private static final int MAX_INTERVAL_MILLIS = 3_600_000;

  /**
   * Which new traces are recorded, and whether a caller's decision is followed.
   *
   * @param ratio the share of new traces that is recorded, 0 to 1
   * @param parentBased whether a trace that began elsewhere is recorded exactly when it is there
   */
  public record TraceSampler(double ratio, boolean parentBased) {}

  public TelemetryConfig {
    headers = Map.copyOf(headers);
    resource = Map.copyOf(resource);
    baggage = Set.copyOf(baggage);
  }

  /** Measures, exports nothing, records every trace, passes no baggage on. */
  public static TelemetryConfig local(String service, String version) {
    return new TelemetryConfig(
        service,
        version,
        true,
        Optional.empty(),
        Map.of(),
        new TraceSampler(1, true),
        Map.of(),
        Duration.ofMinutes(1),
        Set.of());
  }

  /**
   * Reads OpenTelemetry's variables {@code OTEL_SDK_DISABLED}, {@code OTEL_SERVICE_NAME}, {@code
   * OTEL_RESOURCE_ATTRIBUTES}, {@code OTEL_EXPORTER_OTLP_ENDPOINT}, {@code _PROTOCOL} (only {@code
   * http/protobuf}) and {@code _HEADERS}, {@code OTEL_TRACES_SAMPLER} and {@code _ARG}, {@code
   * OTEL_METRIC_EXPORT_INTERVAL}, and {@code WEFT_BAGGAGE_KEYS}, a list with commas.
   */
  public static TelemetryConfig from(Env env, String service, String version) {
    Map<String, String> resource =
        env.optional("OTEL_RESOURCE_ATTRIBUTES", TelemetryConfig::pairs).orElse(Map.of());
    env.optional("OTEL_EXPORTER_OTLP_PROTOCOL")
        .filter(protocol -> !protocol.equals(PROTOCOL))
        .ifPresent(
            protocol -> {
              throw ConfigException.wrong("OTEL_EXPORTER_OTLP_PROTOCOL", protocol, PROTOCOL);
            });
    return new TelemetryConfig(
        env.optional("OTEL_SERVICE_NAME")
            .orElseGet(() -> resource.getOrDefault("service.name", service)),
        resource.getOrDefault("service.version", version),
        !env.flag("OTEL_SDK_DISABLED", false),
        env.httpUrl("OTEL_EXPORTER_OTLP_ENDPOINT"),
        env.optional("OTEL_EXPORTER_OTLP_HEADERS").isEmpty()
            ? Map.of()
            : env.secret("OTEL_EXPORTER_OTLP_HEADERS", "key=value,…", TelemetryConfig::pairs),
        sampler(env),
        resource,
        Duration.ofMillis(
            env.integer("OTEL_METRIC_EXPORT_INTERVAL", 60_000, 100, MAX_INTERVAL_MILLIS)),
        env.optional("WEFT_BAGGAGE_KEYS")
            .map(keys -> Set.copyOf(List.of(keys.strip().split("\\s*,\\s*"))))
            .orElse(Set.of()));
  }

  private static TraceSampler sampler(Env env) {
    String name = env.or("OTEL_TRACES_SAMPLER", "parentbased_always_on").toLowerCase(Locale.ROOT);
    boolean parentBased = name.startsWith("parentbased_");
    return switch (parentBased ? name.substring("parentbased_".length()) : name) {
      case "always_on" -> new TraceSampler(1, parentBased);
      case "always_off" -> new TraceSampler(0, parentBased);
      case "traceidratio" ->
          new TraceSampler(
              env.optional("OTEL_TRACES_SAMPLER_ARG", TelemetryConfig::ratio).orElse(1.0),
              parentBased);
      default ->
          throw ConfigException.wrong(
              "OTEL_TRACES_SAMPLER",
              name,
              "always_on, always_off or traceidratio, or one of them after parentbased_");
    };
  }

  private static double ratio(String value) {
    try {
      double ratio = Double.parseDouble(value);
      if (ratio >= 0 && ratio <= 1) {
        return ratio;
      }
    } catch (NumberFormatException e) {
      // Refused below, together with a number out of range.
    }
    throw new IllegalArgumentException("a number from 0 to 1");
  }

  private static Map<String, String> pairs(String list) {
    Map<String, String> pairs = new LinkedHashMap<>();
    for (String pair : list.split(",", -1)) {
      int equals = pair.indexOf('=');
      if (equals < 1) {
        throw new IllegalArgumentException("key=value,…");
      }
      pairs.put(
          pair.substring(0, equals).strip(),
          URLDecoder.decode(
              // A plus sign means itself here, unlike in a form.
              pair.substring(equals + 1).strip().replace("+", "%2B"), StandardCharsets.UTF_8));
    }
    return pairs;
  }

  @Override
  public String toString() {
    return "TelemetryConfig[service="
        + service
        + ", endpoint="
        + endpoint
        + ", enabled="
        + enabled
        + "]";
  }
}
