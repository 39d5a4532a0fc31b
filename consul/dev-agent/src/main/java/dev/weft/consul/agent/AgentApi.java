package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** {@code /v1/agent}: what this agent was told to look after, and how that is. */
final class AgentApi {
  static final String VERSION = "1.8.7";

  /** How an instance is, as {@code /v1/agent/health} says it, from good to bad. */
  private enum Condition {
    PASSING("passing", 200),
    WARNING("warning", 429),
    MAINTENANCE("maintenance", 503),
    CRITICAL("critical", 503);

    final String text;
    final int code;

    Condition(String text, int code) {
      this.text = text;
      this.code = code;
    }

    static Condition of(Catalog.Instance instance) {
      if (instance.inMaintenance()) {
        return MAINTENANCE;
      }
      return switch (instance.status()) {
        case PASSING -> PASSING;
        case WARNING -> WARNING;
        case CRITICAL -> CRITICAL;
      };
    }
  }

  private final Ledger ledger;
  private final Catalog catalog;
  private final Checks checks;
  private final Reads reads;
  private final Node node;
  private final DevAgentConfig.DefaultPolicy defaultPolicy;

  AgentApi(State state, Reads reads, DevAgentConfig.DefaultPolicy defaultPolicy) {
    ledger = state.ledger();
    catalog = state.catalog();
    checks = state.checks();
    node = state.node();
    this.reads = reads;
    this.defaultPolicy = defaultPolicy;
  }

  void addTo(HttpFace http) {
    http.serve("GET", "/v1/agent/self", _ -> self(http.address().getPort()));
    http.serve("GET", "/v1/agent/members", _ -> Reply.json(List.of(member())));
    http.serve("GET", "/v1/agent/services", this::services);
    http.serve("GET", "/v1/agent/service/", this::service);
    http.serve("PUT", "/v1/agent/service/register", this::register);
    http.serve("PUT", "/v1/agent/service/deregister/", this::deregister);
    http.serve("PUT", "/v1/agent/service/maintenance/", this::maintenance);
    http.serve("GET", "/v1/agent/checks", this::checks);
    http.serve("PUT", "/v1/agent/check/register", this::registerCheck);
    http.serve("PUT", "/v1/agent/check/deregister/", this::deregisterCheck);
    http.serve("PUT", "/v1/agent/check/pass/", request -> heartbeat(request, Status.PASSING));
    http.serve("PUT", "/v1/agent/check/warn/", request -> heartbeat(request, Status.WARNING));
    http.serve("PUT", "/v1/agent/check/fail/", request -> heartbeat(request, Status.CRITICAL));
    http.serve("PUT", "/v1/agent/check/update/", this::updateCheck);
    http.serve("GET", "/v1/agent/health/service/id/", this::healthById);
    http.serve("GET", "/v1/agent/health/service/name/", this::healthByName);
  }

  private Reply self(int port) {
    return Reply.json(
        object(
            "Config",
            object(
                "Datacenter",
                node.datacenter(),
                "NodeName",
                node.name(),
                "NodeID",
                node.id(),
                "Revision",
                "weft-dev-agent",
                "Server",
                true,
                "Version",
                VERSION),
            "DebugConfig",
            object(
                "ACLDatacenter",
                node.datacenter(),
                "ACLDefaultPolicy",
                "allow",
                "ACLsEnabled",
                false,
                "CheckDeregisterIntervalMin",
                "1m0s",
                "CheckReapInterval",
                "30s",
                "CheckUpdateInterval",
                "5m0s",
                "ConnectEnabled",
                true,
                "DefaultIntentionPolicy",
                defaultPolicy.allows() ? "" : "deny",
                "HTTPMaxConnsPerClient",
                200,
                "HTTPPort",
                port,
                "KVMaxValueSize",
                KeyValues.VALUE_MAX),
            "Member",
            member(),
            "Meta",
            node.meta()));
  }

  private Map<String, @Nullable Object> member() {
    return object(
        "Name",
        node.name(),
        "Addr",
        node.address(),
        "Port",
        0,
        "Tags",
        object("dc", node.datacenter(), "id", node.id(), "role", "consul", "build", VERSION + ":"),
        "Status",
        1);
  }

  private Reply services(Request request) {
    Predicate<Object> filter = Filter.of(request, Filter.AGENT_SERVICE);
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    ledger.change(
        () -> {
          for (Service service : catalog.services()) {
            Object row = service.agentJson();
            if (filter.test(row)) {
              json.put(service.id(), row);
            }
          }
        });
    return Reply.json(json);
  }

  private Reply service(Request request) throws InterruptedException {
    String id = request.tail("Missing service ID");
    String seen = request.query("hash");
    if (seen.isEmpty()) {
      return ledger.read(() -> service(id));
    }
    return reads.waiting(
        request,
        () -> {
          Service service = catalog.service(id);
          return service == null || !service.contentHash().equals(seen);
        },
        request.waiting().patience(),
        () -> service(id));
  }

  private Reply service(String id) {
    Service service = catalog.service(id);
    if (service == null) {
      return Reply.text(404, "unknown service ID: " + id);
    }
    String hash = service.contentHash();
    Map<String, @Nullable Object> json = service.agentJson();
    json.put("ContentHash", hash);
    return Reply.json(json).with("X-Consul-Contenthash", hash);
  }

  private Reply register(Request request) throws InterruptedException {
    Service.Registration registration = request.json(Service::parse);
    boolean replace = request.has("replace-existing-checks");
    return ledger.durably(
        () -> {
          catalog.register(registration, replace);
          return Reply.empty();
        });
  }

  private Reply deregister(Request request) throws InterruptedException {
    String id = request.tail("Missing service ID");
    return ledger.durably(
        () -> {
          catalog.deregister(id);
          return Reply.empty();
        });
  }

  private Reply maintenance(Request request) throws InterruptedException {
    String id = request.tail("Missing service ID");
    if (!request.has("enable")) {
      throw new ApiError(400, "Missing value for enable");
    }
    boolean enable = flag(request, "enable");
    return ledger.durably(
        () -> {
          if (enable) {
            catalog.enterMaintenance(id, request.query("reason"));
          } else {
            catalog.leaveMaintenance(id);
          }
          return Reply.empty();
        });
  }

  private static boolean flag(Request request, String name) {
    return switch (request.query(name)) {
      case "1", "t", "T", "true", "TRUE", "True" -> true;
      case "0", "f", "F", "false", "FALSE", "False" -> false;
      case String other ->
          throw new ApiError(400, "Invalid value for " + name + ": \"" + other + "\"");
    };
  }

  private Reply checks(Request request) {
    Predicate<Object> filter = Filter.of(request, Filter.CHECK);
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    ledger.change(
        () -> {
          for (Check check : catalog.checks()) {
            Object row = check.agentJson(node.name());
            if (filter.test(row)) {
              json.put(check.id(), row);
            }
          }
        });
    return Reply.json(json);
  }

  private Reply registerCheck(Request request) throws InterruptedException {
    CheckSpec.Alone alone = request.json(CheckSpec::parseAlone);
    return ledger.durably(
        () -> {
          catalog.register(alone.check(), alone.serviceId());
          return Reply.empty();
        });
  }

  private Reply deregisterCheck(Request request) throws InterruptedException {
    String id = request.tail("Missing check ID");
    return ledger.durably(
        () -> {
          catalog.removeCheck(id);
          return Reply.empty();
        });
  }

  private Reply heartbeat(Request request, Status status) {
    return heartbeat(request.tail("Missing check ID"), status, request.query("note"));
  }

  private Reply updateCheck(Request request) {
    record Update(String status, String output) {}
    Update update =
        request.json(
            json -> {
              Fields fields = new Fields(json, List.of("Status", "Output"));
              return new Update(fields.text("Status"), fields.text("Output"));
            });
    Status status = Status.called(update.status());
    if (status == null) {
      throw new ApiError(400, "Invalid check status: '" + update.status() + "'");
    }
    return heartbeat(request.tail("Missing check ID"), status, update.output());
  }

  private Reply heartbeat(String checkId, Status status, String output) {
    checks.heartbeat(checkId, status, output);
    return Reply.empty();
  }

  private Reply healthById(Request request) {
    String id = request.tail("Missing service ID");
    return ledger.read(
        () -> {
          Catalog.Instance instance = catalog.instance(id);
          if (instance == null) {
            return health(
                404,
                "ServiceId " + id + " not found",
                request,
                object("AggregatedStatus", "critical", "Service", null, "Checks", null));
          }
          Condition condition = Condition.of(instance);
          return health(condition.code, condition.text, request, json(instance, condition));
        });
  }

  private Reply healthByName(Request request) {
    String name = request.tail("Missing service Name");
    return ledger.read(
        () -> {
          List<@Nullable Object> all = new ArrayList<>();
          Condition worst = Condition.PASSING;
          for (Catalog.Instance instance : catalog.instances(name)) {
            Condition condition = Condition.of(instance);
            worst = condition.compareTo(worst) > 0 ? condition : worst;
            all.add(json(instance, condition));
          }
          return all.isEmpty()
              ? health(404, "ServiceName " + name + " Not Found", request, all)
              : health(worst.code, worst.text, request, all);
        });
  }

  private static Reply health(int code, String reason, Request request, Object json) {
    Reply reply =
        request.query("format").equals("text")
            ? Reply.bytes(code, "text/plain", reason.getBytes(StandardCharsets.UTF_8))
            : Reply.json(code, json);
    return reply.with("X-Consul-Reason", reason);
  }

  private Map<String, @Nullable Object> json(Catalog.Instance instance, Condition condition) {
    return object(
        "AggregatedStatus",
        condition.text,
        "Service",
        instance.service().agentJson(),
        "Checks",
        instance.checks().stream().map(check -> check.agentJson(node.name())).toList());
  }
}
