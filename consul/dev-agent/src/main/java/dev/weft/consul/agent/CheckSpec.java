package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A check as it was registered.
 *
 * @param id the check id, empty for the default one
 * @param name empty for the default one
 * @param initial what holds before the first probe; null keeps a known status, or else critical
 * @param interval from one probe to the next, at least 1 s; zero if nothing is probed
 * @param timeout of one probe
 * @param deregisterAfter how long the check may be critical before its service is removed, at least
 *     1 min; zero for ever
 */
record CheckSpec(
    String id,
    String name,
    String notes,
    @Nullable Status initial,
    Target target,
    Duration interval,
    Duration timeout,
    int successBeforePassing,
    int failuresBeforeCritical,
    Duration deregisterAfter,
    int outputMax) {

  private static final Duration INTERVAL_MIN = Duration.ofSeconds(1);
  private static final Duration TIMEOUT = Duration.ofSeconds(10);
  private static final Duration DEREGISTER_MIN = Duration.ofMinutes(1);
  private static final int OUTPUT_MAX = 4096;

  /** The names inside a service registration. */
  private static final List<String> NAMES =
      List.of(
          "CheckID",
          "Name",
          "Status",
          "Notes",
          "ScriptArgs",
          "Args",
          "script_args",
          "HTTP",
          "Header",
          "Method",
          "Body",
          "TCP",
          "Interval",
          "AliasNode",
          "AliasService",
          "DockerContainerID",
          "docker_container_id",
          "Shell",
          "GRPC",
          "GRPCUseTLS",
          "TLSSkipVerify",
          "tls_skip_verify",
          "Timeout",
          "TTL",
          "SuccessBeforePassing",
          "FailuresBeforeCritical",
          "ProxyHTTP",
          "ProxyGRPC",
          "DeregisterCriticalServiceAfter",
          "deregister_critical_service_after",
          "OutputMaxSize");

  /** The names of a registration of a check alone. */
  private static final List<String> ALONE = alone();

  private static List<String> alone() {
    List<String> names = new ArrayList<>(NAMES);
    names.remove("CheckID");
    names.addAll(List.of("ID", "ServiceID", "service_id", "Token"));
    return List.copyOf(names);
  }

  /** A check registered by itself and the service it belongs to, empty for the node. */
  record Alone(CheckSpec check, String serviceId) {}

  /** Reads the body of {@code /v1/agent/check/register}. */
  static Alone parseAlone(@Nullable Object json) {
    Fields fields = new Fields(json, ALONE);
    if (fields.text("Name").isEmpty()) {
      throw new ApiError(400, "Missing check name");
    }
    String service = fields.text("ServiceID");
    return new Alone(
        parse(fields, fields.text("ID")), service.isEmpty() ? fields.text("service_id") : service);
  }

  /** Reads one check of a service registration. */
  static CheckSpec parse(@Nullable Object json) {
    Fields fields = new Fields(json, NAMES);
    return parse(fields, fields.text("CheckID"));
  }

  private static CheckSpec parse(Fields fields, String id) {
    String statusName = fields.text("Status");
    Status initial = Status.called(statusName);
    if (initial == null && !statusName.isEmpty()) {
      throw new ApiError(400, "Status for checks must 'passing', 'warning', 'critical'");
    }
    if (!fields.texts("ScriptArgs").isEmpty()
        || !fields.texts("Args").isEmpty()
        || !fields.texts("script_args").isEmpty()
        || !fields.text("DockerContainerID").isEmpty()
        || !fields.text("docker_container_id").isEmpty()) {
      throw new ApiError(
          500,
          "Scripts are disabled on this agent from remote calls; to enable, configure"
              + " 'enable_script_checks' to true");
    }
    if (!fields.text("AliasService").isEmpty() || !fields.text("AliasNode").isEmpty()) {
      throw new ApiError(400, "Invalid check: this agent has no alias checks");
    }
    Duration interval = fields.duration("Interval");
    Duration timeout = fields.duration("Timeout");
    Duration reap = fields.duration("DeregisterCriticalServiceAfter");
    if (reap.isZero()) {
      reap = fields.duration("deregister_critical_service_after");
    }
    int outputMax = fields.number("OutputMaxSize");
    if (outputMax < 0) {
      throw new ApiError(400, "Invalid check: MaxOutputMaxSize must be positive");
    }
    return new CheckSpec(
        id,
        fields.text("Name"),
        fields.text("Notes"),
        initial,
        target(fields, interval),
        interval.isPositive() ? max(interval, INTERVAL_MIN) : Duration.ZERO,
        timeout.isPositive() ? timeout : TIMEOUT,
        fields.number("SuccessBeforePassing"),
        fields.number("FailuresBeforeCritical"),
        reap.isPositive() ? max(reap, DEREGISTER_MIN) : Duration.ZERO,
        outputMax == 0 ? OUTPUT_MAX : Math.min(outputMax, OUTPUT_MAX));
  }

  private static Target target(Fields fields, Duration interval) {
    Duration ttl = fields.duration("TTL");
    if (interval.isPositive() && ttl.isPositive()) {
      throw new ApiError(400, "Invalid check: Interval and TTL cannot both be specified");
    }
    boolean skipVerify = fields.flag("TLSSkipVerify") || fields.flag("tls_skip_verify");
    Target probed = null;
    if (!fields.text("HTTP").isEmpty()) {
      String method = fields.text("Method");
      probed =
          new Target.Http(
              fields.text("HTTP"),
              method.isEmpty() ? "GET" : method,
              header(fields),
              fields.text("Body"),
              skipVerify);
    } else if (!fields.text("TCP").isEmpty()) {
      probed = new Target.Tcp(fields.text("TCP"));
    } else if (!fields.text("GRPC").isEmpty()) {
      probed = new Target.Grpc(fields.text("GRPC"), fields.flag("GRPCUseTLS"), skipVerify);
    }
    if (probed != null && !interval.isPositive()) {
      throw new ApiError(
          400, "Invalid check: Interval must be > 0 for Script, HTTP, or TCP checks");
    }
    if (probed == null && !ttl.isPositive()) {
      throw new ApiError(400, "Invalid check: TTL must be > 0 for TTL checks");
    }
    return probed == null ? new Target.Ttl(ttl) : probed;
  }

  private static Map<String, List<String>> header(Fields fields) {
    Map<String, List<String>> header = new LinkedHashMap<>();
    fields
        .object("Header")
        .forEach(
            (name, values) ->
                header.put(
                    name, new Fields(object("Values", values), List.of("Values")).texts("Values")));
    return header;
  }

  private static Duration max(Duration a, Duration b) {
    return a.compareTo(b) >= 0 ? a : b;
  }

  /** This check under its final id and name. */
  CheckSpec named(String newId, String newName) {
    return new CheckSpec(
        newId,
        newName,
        notes,
        initial,
        target,
        interval,
        timeout,
        successBeforePassing,
        failuresBeforeCritical,
        deregisterAfter,
        outputMax);
  }

  /** A maintenance check. */
  static CheckSpec maintenance(String id, String name, String reason) {
    return new CheckSpec(
        id,
        name,
        reason,
        Status.CRITICAL,
        new Target.Maintenance(),
        Duration.ZERO,
        Duration.ZERO,
        0,
        0,
        Duration.ZERO,
        OUTPUT_MAX);
  }

  /** Reads back what {@link #registration} returned. */
  static CheckSpec restore(Map<String, @Nullable Object> saved, boolean maintenance) {
    Fields fields = new Fields(saved, NAMES);
    return maintenance
        ? maintenance(fields.text("CheckID"), fields.text("Name"), fields.text("Notes"))
        : parse(saved);
  }

  /** This check as its registration would look. */
  Map<String, @Nullable Object> registration() {
    Map<String, @Nullable Object> json = object("CheckID", id, "Name", name, "Notes", notes);
    if (initial != null) {
      json.put("Status", initial.text());
    }
    if (interval.isPositive()) {
      json.put("Interval", interval.toNanos());
      json.put("Timeout", timeout.toNanos());
    }
    json.put("SuccessBeforePassing", successBeforePassing);
    json.put("FailuresBeforeCritical", failuresBeforeCritical);
    json.put("DeregisterCriticalServiceAfter", deregisterAfter.toNanos());
    json.put("OutputMaxSize", outputMax);
    switch (target) {
      case Target.Grpc grpc -> {
        json.put("GRPC", grpc.address());
        json.put("GRPCUseTLS", grpc.tls());
        json.put("TLSSkipVerify", grpc.skipVerify());
      }
      case Target.Http http -> {
        json.put("HTTP", http.url());
        json.put("Method", http.method());
        json.put("Header", http.header());
        json.put("Body", http.body());
        json.put("TLSSkipVerify", http.skipVerify());
      }
      case Target.Tcp tcp -> json.put("TCP", tcp.hostAndPort());
      case Target.Ttl ttl -> json.put("TTL", ttl.ttl().toNanos());
      case Target.Maintenance _ -> {}
    }
    return json;
  }
}
