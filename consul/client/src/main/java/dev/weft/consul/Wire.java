package dev.weft.consul;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.function.UnaryOperator;

/**
 * Consul's JSON to our records and back. Reading ignores what it does not know and takes null for
 * empty; writing leaves out what is not set, because Consul 1.8 refuses fields it does not know.
 */
final class Wire {
  private Wire() {}

  static String registration(ServiceRegistration r) {
    JsonObject body = new JsonObject();
    body.addProperty("ID", r.id());
    body.addProperty("Name", r.name());
    if (!r.address().isEmpty()) {
      body.addProperty("Address", r.address());
    }
    body.addProperty("Port", r.port());
    JsonArray tags = new JsonArray();
    r.tags().forEach(tags::add);
    body.add("Tags", tags);
    JsonObject meta = new JsonObject();
    r.meta().forEach(meta::addProperty);
    body.add("Meta", meta);
    JsonObject weights = new JsonObject();
    weights.addProperty("Passing", r.weights().passing());
    weights.addProperty("Warning", r.weights().warning());
    body.add("Weights", weights);
    if (r.connectNative()) {
      JsonObject connect = new JsonObject();
      connect.addProperty("Native", true);
      body.add("Connect", connect);
    }
    JsonArray checks = new JsonArray();
    r.checks().forEach(check -> checks.add(check(check)));
    body.add("Checks", checks);
    return body.toString();
  }

  private static JsonObject check(Check check) {
    JsonObject body = new JsonObject();
    body.addProperty("CheckID", check.id());
    body.addProperty("Name", check.name());
    switch (check.probe()) {
      case Check.Probe.Grpc grpc -> {
        body.addProperty("GRPC", grpc.target());
        body.addProperty("GRPCUseTLS", grpc.tls());
        if (grpc.tls()) {
          body.addProperty("TLSSkipVerify", true);
        }
        addTiming(body, grpc.interval(), grpc.timeout());
      }
      case Check.Probe.Http http -> {
        body.addProperty("HTTP", http.url().toString());
        addTiming(body, http.interval(), http.timeout());
      }
      case Check.Probe.Tcp tcp -> {
        body.addProperty("TCP", tcp.target());
        addTiming(body, tcp.interval(), tcp.timeout());
      }
      case Check.Probe.Ttl ttl -> body.addProperty("TTL", duration(ttl.ttl()));
    }
    check
        .deregisterCriticalAfter()
        .ifPresent(after -> body.addProperty("DeregisterCriticalServiceAfter", duration(after)));
    check.initial().ifPresent(initial -> body.addProperty("Status", initial.checkStatus()));
    if (check.failuresBeforeCritical() > 0) {
      body.addProperty("FailuresBeforeCritical", check.failuresBeforeCritical());
    }
    return body;
  }

  private static void addTiming(JsonObject body, Duration interval, Duration timeout) {
    body.addProperty("Interval", duration(interval));
    body.addProperty("Timeout", duration(timeout));
  }

  static String duration(Duration duration) {
    return duration.toMillis() + "ms";
  }

  /** An answer of {@code /v1/health/service}. */
  static List<ServiceInstance> instances(JsonElement body) {
    // Instances say much the same of themselves, and stay as long as they are followed.
    Map<String, String> said = new HashMap<>();
    UnaryOperator<String> once = word -> said.computeIfAbsent(word, Function.identity());
    List<ServiceInstance> instances = new ArrayList<>();
    for (JsonElement entry : array(body)) {
      instances.add(instance(entry.getAsJsonObject(), once));
    }
    return instances;
  }

  private static ServiceInstance instance(JsonObject entry, UnaryOperator<String> once) {
    JsonObject node = object(entry, "Node");
    JsonObject service = object(entry, "Service");
    List<CheckResult> checks =
        checks(entry.get("Checks")).stream()
            .map(
                check ->
                    new CheckResult(
                        once.apply(check.id()),
                        once.apply(check.name()),
                        check.status(),
                        once.apply(check.output()),
                        once.apply(check.type())))
            .toList();
    Map<String, String> meta = new LinkedHashMap<>();
    stringMap(service.get("Meta"))
        .forEach((key, value) -> meta.put(once.apply(key), once.apply(value)));
    String own = text(service, "Address");
    return new ServiceInstance(
        once.apply(text(service, "ID")),
        once.apply(text(service, "Service")),
        once.apply(own.isEmpty() ? text(node, "Address") : own),
        port(service),
        strings(service.get("Tags")).stream().map(once).toList(),
        meta,
        weights(service.get("Weights")),
        worst(checks),
        checks,
        once.apply(text(node, "Node")),
        once.apply(text(node, "Datacenter")),
        service.get("Connect") instanceof JsonObject connect && flag(connect, "Native"));
  }

  static List<CheckResult> checks(JsonElement body) {
    List<CheckResult> checks = new ArrayList<>();
    for (JsonElement element : array(body)) {
      JsonObject check = element.getAsJsonObject();
      checks.add(
          new CheckResult(
              text(check, "CheckID"),
              text(check, "Name"),
              Health.of(text(check, "Status")),
              text(check, "Output"),
              text(check, "Type")));
    }
    return checks;
  }

  private static Health worst(List<CheckResult> checks) {
    Health worst = Health.PASSING;
    for (CheckResult check : checks) {
      if (check.id().equals("_node_maintenance")
          || check.id().startsWith("_service_maintenance:")) {
        return Health.MAINTENANCE;
      }
      if (check.status().compareTo(worst) > 0) {
        worst = check.status();
      }
    }
    return worst;
  }

  /** Newer agents (1.22) may have a list of named ports in place of the one. */
  private static int port(JsonObject service) {
    int port = number(service, "Port");
    if (port != 0) {
      return port;
    }
    for (JsonElement element : array(service.get("Ports"))) {
      JsonObject named = element.getAsJsonObject();
      if (flag(named, "Default")) {
        return number(named, "Port");
      }
    }
    return 0;
  }

  private static Weights weights(JsonElement body) {
    if (!(body instanceof JsonObject weights)) {
      return Weights.EQUAL;
    }
    // An agent may hold what we would refuse to register: bring it into range.
    int passing = Math.clamp(number(weights, "Passing"), 1, 65_535);
    int warning = Math.clamp(number(weights, "Warning"), 0, 65_535);
    return new Weights(passing, warning);
  }

  /** An answer of {@code /v1/catalog/services}. */
  static Map<String, List<String>> services(JsonElement body) {
    Map<String, List<String>> services = new TreeMap<>();
    body.getAsJsonObject().asMap().forEach((name, tags) -> services.put(name, strings(tags)));
    return services;
  }

  static JsonObject object(JsonObject parent, String name) {
    if (parent.get(name) instanceof JsonObject object) {
      return object;
    }
    throw new IllegalStateException("no " + name);
  }

  static JsonArray array(JsonElement element) {
    return element == null || element.isJsonNull() ? new JsonArray() : element.getAsJsonArray();
  }

  static List<String> strings(JsonElement element) {
    return array(element).asList().stream().map(JsonElement::getAsString).toList();
  }

  static Map<String, String> stringMap(JsonElement element) {
    Map<String, String> map = new LinkedHashMap<>();
    if (element instanceof JsonObject object) {
      object.asMap().forEach((key, value) -> map.put(key, value.getAsString()));
    }
    return map;
  }

  static String text(JsonObject object, String name) {
    JsonElement value = object.get(name);
    return value == null || value.isJsonNull() ? "" : value.getAsString();
  }

  static int number(JsonObject object, String name) {
    JsonElement value = object.get(name);
    return value == null || value.isJsonNull() ? 0 : value.getAsInt();
  }

  static boolean flag(JsonObject object, String name) {
    return object.get(name) instanceof JsonPrimitive value && value.getAsBoolean();
  }
}
