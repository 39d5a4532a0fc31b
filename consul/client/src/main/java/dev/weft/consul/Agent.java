package dev.weft.consul;

import com.ecwid.consul.v1.agent.AgentConsulClient;
import com.ecwid.consul.v1.status.StatusConsulClient;
import com.google.gson.JsonObject;
import java.util.Optional;

/**
 * Calls to the local agent about what is registered with it. Every call ends within 5 s and throws
 * {@link ConsulException} when it fails. Thread-safe.
 */
public final class Agent {
  private final ConsulHttp http;
  private final AgentConsulClient agent;
  private final StatusConsulClient status;

  Agent(ConsulHttp http) {
    this.http = http;
    this.agent = new AgentConsulClient(http);
    this.status = new StatusConsulClient(http);
  }

  /** Registers once; what was there under the id is replaced, its checks included. */
  void register(ServiceRegistration registration) {
    http.put(
            "/v1/agent/service/register?replace-existing-checks=true",
            Wire.registration(registration))
        .require(200);
  }

  /** Removes the instance if it is there. */
  public void deregister(String instanceId) {
    String path = "/v1/agent/service/deregister/" + ConsulHttp.segment(instanceId);
    try {
      http.typed("PUT " + path, () -> agent.agentServiceDeregister(ConsulHttp.segment(instanceId)));
    } catch (ConsulException e) {
      // Newer agents say so when there was nothing to remove.
      if (e.status() != 404) {
        throw e;
      }
    }
  }

  /** The health of an instance registered with this agent; empty when there is none. */
  public Optional<InstanceHealth> health(String instanceId) {
    Answer answer = http.get("/v1/agent/health/service/id/" + ConsulHttp.segment(instanceId));
    return switch (answer.status()) {
      case 404 -> Optional.empty();
      case 200, 429, 503 ->
          Optional.of(
              answer.read(
                  body -> {
                    JsonObject object = body.getAsJsonObject();
                    return new InstanceHealth(
                        Health.of(Wire.text(object, "AggregatedStatus")),
                        Wire.checks(object.get("Checks")));
                  }));
      default -> throw ConsulException.refused(answer.status(), answer.request(), answer.body());
    };
  }

  /**
   * Takes the instance out of service, or brings it back.
   *
   * @param reason shown to operators
   */
  public void maintenance(String instanceId, boolean enabled, String reason) {
    String id = ConsulHttp.segment(instanceId);
    http.typed(
        "PUT /v1/agent/service/maintenance/" + id,
        () -> agent.agentServiceSetMaintenance(id, enabled, reason));
  }

  /** Says how a TTL check is; the agent waits for the next word at most for its TTL. */
  public void report(String checkId, Health health, String output) {
    JsonObject body = new JsonObject();
    body.addProperty("Status", health.checkStatus());
    body.addProperty("Output", output);
    http.put("/v1/agent/check/update/" + ConsulHttp.segment(checkId), body.toString()).require(200);
  }

  /** The address of the cluster's leader; empty when there is none. */
  public Optional<String> leader() {
    return Optional.ofNullable(
            http.typed("GET /v1/status/leader", status::getStatusLeader).getValue())
        .filter(address -> !address.isEmpty());
  }

  /**
   * Whether the agent asks for rights. One that refuses to tell does; without, every process of the
   * machine can have the certificate of every service.
   */
  public boolean aclsEnabled() {
    Answer self = http.get("/v1/agent/self");
    return self.status() == 403
        || self.require(200)
            .read(body -> aclsEnabled(Wire.object(body.getAsJsonObject(), "DebugConfig")));
  }

  /** Newer agents say it one level below. */
  static boolean aclsEnabled(JsonObject debugConfig) {
    return Wire.flag(debugConfig, "ACLsEnabled")
        || (debugConfig.get("ACLResolverSettings") instanceof JsonObject settings
            && Wire.flag(settings, "ACLsEnabled"));
  }

  /** What {@code acl.default_policy} is; newer agents say it one level below. */
  static String aclDefaultPolicy(JsonObject debugConfig) {
    return Wire.text(
        debugConfig.get("ACLResolverSettings") instanceof JsonObject settings
            ? settings
            : debugConfig,
        "ACLDefaultPolicy");
  }

  /** What the agent says of itself: its version, node and datacenter. */
  public AgentInfo self() {
    return http.get("/v1/agent/self")
        .require(200)
        .read(
            body -> {
              JsonObject config = Wire.object(body.getAsJsonObject(), "Config");
              return new AgentInfo(
                  Wire.text(config, "NodeName"),
                  Wire.text(config, "Datacenter"),
                  Wire.text(config, "Version"),
                  Wire.flag(config, "Server"));
            });
  }
}
