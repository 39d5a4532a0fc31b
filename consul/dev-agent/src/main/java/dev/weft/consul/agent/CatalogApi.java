package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** {@code /v1/health}, {@code /v1/catalog} and {@code /v1/status}: what the whole cluster sees. */
final class CatalogApi {
  /** Consul itself is a service of every catalog. */
  private static final String CONSUL = "consul";

  private final Catalog catalog;
  private final Reads reads;
  private final Node node;

  CatalogApi(State state, Reads reads) {
    catalog = state.catalog();
    node = state.node();
    this.reads = reads;
  }

  void addTo(HttpFace http) {
    http.serve("GET", "/v1/health/service/", request -> health(request, false));
    http.serve("GET", "/v1/health/connect/", request -> health(request, true));
    http.serve("GET", "/v1/health/checks/", this::healthChecks);
    http.serve("GET", "/v1/health/state/", this::healthState);
    http.serve("GET", "/v1/health/node/", this::healthNode);
    http.serve("GET", "/v1/catalog/services", this::services);
    http.serve("GET", "/v1/catalog/service/", this::service);
    http.serve("GET", "/v1/catalog/nodes", this::nodes);
    http.serve("GET", "/v1/catalog/datacenters", _ -> Reply.json(List.of(node.datacenter())));
    http.serve("GET", "/v1/status/leader", _ -> Reply.json(http.authority()));
    http.serve("GET", "/v1/status/peers", _ -> Reply.json(List.of(http.authority())));
  }

  private Reply health(Request request, boolean connectOnly) throws InterruptedException {
    String name = request.tail("Missing service name");
    boolean passing = passing(request);
    Predicate<Object> filter = Filter.of(request, Filter.HEALTH);
    return reads.catalog(
        request,
        index(name),
        () -> {
          List<@Nullable Object> rows = new ArrayList<>();
          for (Catalog.Instance instance : instances(name)) {
            boolean wanted =
                (!connectOnly || instance.service().connectNative())
                    && instance.service().tags().containsAll(request.queries("tag"))
                    && (!passing || instance.status() == Status.PASSING);
            Object row = healthRow(instance);
            if (wanted && filter.test(row)) {
              rows.add(row);
            }
          }
          return Reply.json(rows);
        });
  }

  private static boolean passing(Request request) {
    return switch (request.query("passing")) {
      case "" -> request.has("passing");
      case "1", "t", "T", "true", "TRUE", "True" -> true;
      case "0", "f", "F", "false", "FALSE", "False" -> false;
      default -> throw new ApiError(400, "Invalid value for ?passing");
    };
  }

  private LongSupplier index(String name) {
    return () -> catalog.serviceIndex(name);
  }

  private List<Catalog.Instance> instances(String name) {
    return name.equals(CONSUL) ? List.of(consul()) : catalog.instances(name);
  }

  private Catalog.Instance consul() {
    Service service =
        new Service(
            CONSUL,
            CONSUL,
            List.of(),
            Map.of("version", AgentApi.VERSION),
            0,
            "",
            Map.of(),
            new Service.Weights(1, 1),
            false,
            false);
    return new Catalog.Instance(service, node.index(), node.index(), catalog.nodeChecks());
  }

  private Map<String, @Nullable Object> healthRow(Catalog.Instance instance) {
    Service service = instance.service();
    List<@Nullable Object> checks = new ArrayList<>();
    checks.add(node.serfHealth());
    instance.checks().forEach(check -> checks.add(check.json(node.name())));
    Map<String, @Nullable Object> json =
        object(
            "ID",
            service.id(),
            "Service",
            service.name(),
            "Tags",
            service.tags(),
            "Address",
            service.address());
    if (!service.taggedAddresses().isEmpty()) {
      json.put("TaggedAddresses", service.taggedAddressesJson());
    }
    json.put("Meta", service.metaOrNull());
    json.put("Port", service.port());
    json.put("Weights", service.weights().json());
    json.put("EnableTagOverride", service.enableTagOverride());
    json.put("Proxy", proxy());
    json.put("Connect", connect(service));
    json.put("CreateIndex", instance.createIndex());
    json.put("ModifyIndex", instance.modifyIndex());
    return object("Node", node.json(), "Service", json, "Checks", checks);
  }

  private static Map<String, @Nullable Object> proxy() {
    return object("MeshGateway", Map.of(), "Expose", Map.of());
  }

  private static Map<String, ?> connect(Service service) {
    return service.connectNative() ? Map.of("Native", true) : Map.of();
  }

  private Reply healthChecks(Request request) throws InterruptedException {
    String name = request.tail("Missing service name");
    return checkRows(
        request,
        index(name),
        () -> rows(check -> !check.serviceId().isEmpty() && check.serviceName().equals(name)));
  }

  private Reply healthState(Request request) throws InterruptedException {
    String state = request.tail("Missing check state");
    return checkRows(
        request,
        catalog::checksIndex,
        () -> {
          boolean any = state.equals("any");
          List<@Nullable Object> rows = rows(check -> any || check.status().text().equals(state));
          if (any || state.equals(Status.PASSING.text())) {
            rows.add(node.serfHealth());
          }
          return rows;
        });
  }

  private Reply healthNode(Request request) throws InterruptedException {
    String name = request.tail("Missing node name");
    return checkRows(
        request,
        catalog::checksIndex,
        () -> {
          boolean ours = name.equals(node.name());
          List<@Nullable Object> rows = rows(_ -> ours);
          if (ours) {
            rows.add(node.serfHealth());
          }
          return rows;
        });
  }

  private List<@Nullable Object> rows(Predicate<Check> wanted) {
    List<@Nullable Object> rows = new ArrayList<>();
    for (Check check : catalog.checks()) {
      if (wanted.test(check)) {
        rows.add(check.json(node.name()));
      }
    }
    return rows;
  }

  private Reply checkRows(
      Request request, LongSupplier index, Supplier<List<@Nullable Object>> rows)
      throws InterruptedException {
    Predicate<Object> filter = Filter.of(request, Filter.CHECK);
    return reads.catalog(
        request, index, () -> Reply.json(rows.get().stream().filter(filter).toList()));
  }

  private Reply services(Request request) throws InterruptedException {
    return reads.catalog(
        request,
        catalog::servicesIndex,
        () -> {
          Map<String, @Nullable Object> json = new LinkedHashMap<>();
          json.put(CONSUL, List.of());
          catalog.tagsByName().forEach((name, tags) -> json.put(name, List.copyOf(tags)));
          return Reply.json(json);
        });
  }

  private Reply service(Request request) throws InterruptedException {
    String name = request.tail("Missing service name");
    Predicate<Object> filter = Filter.of(request, Filter.CATALOG_SERVICE);
    return reads.catalog(
        request,
        index(name),
        () -> {
          List<@Nullable Object> rows = new ArrayList<>();
          for (Catalog.Instance instance : instances(name)) {
            Object row = catalogRow(instance);
            if (instance.service().tags().containsAll(request.queries("tag")) && filter.test(row)) {
              rows.add(row);
            }
          }
          return Reply.json(rows);
        });
  }

  private Map<String, @Nullable Object> catalogRow(Catalog.Instance instance) {
    Service service = instance.service();
    Map<String, @Nullable Object> json =
        object(
            "ID",
            node.id(),
            "Node",
            node.name(),
            "Address",
            node.address(),
            "Datacenter",
            node.datacenter(),
            "TaggedAddresses",
            node.taggedAddresses(),
            "NodeMeta",
            node.meta(),
            "ServiceKind",
            "",
            "ServiceID",
            service.id(),
            "ServiceName",
            service.name(),
            "ServiceTags",
            service.tags(),
            "ServiceAddress",
            service.address());
    if (!service.taggedAddresses().isEmpty()) {
      json.put("ServiceTaggedAddresses", service.taggedAddressesJson());
    }
    json.put("ServiceWeights", service.weights().json());
    json.put("ServiceMeta", service.meta());
    json.put("ServicePort", service.port());
    json.put("ServiceEnableTagOverride", service.enableTagOverride());
    json.put("ServiceProxy", proxy());
    json.put("ServiceConnect", connect(service));
    json.put("CreateIndex", instance.createIndex());
    json.put("ModifyIndex", instance.modifyIndex());
    return json;
  }

  private Reply nodes(Request request) throws InterruptedException {
    return reads.catalog(request, () -> node.index(), () -> Reply.json(List.of(node.json())));
  }
}
