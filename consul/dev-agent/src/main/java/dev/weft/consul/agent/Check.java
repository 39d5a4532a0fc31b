package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A check and what it last said.
 *
 * @param serviceId empty for a check of the node
 * @param since when the status last changed
 */
record Check(
    CheckSpec spec,
    String serviceId,
    String serviceName,
    List<String> serviceTags,
    Status status,
    String output,
    Instant since,
    long createIndex,
    long modifyIndex) {

  static final String SERVICE_MAINTENANCE = "_service_maintenance:";

  String id() {
    return spec.id();
  }

  boolean maintenance() {
    return spec.target() instanceof Target.Maintenance;
  }

  /** Whether a watcher of the catalog would care about the difference. */
  boolean sameInCatalog(Check other) {
    return spec.name().equals(other.spec.name())
        && spec.notes().equals(other.spec.notes())
        && spec.target().type().equals(other.spec.target().type())
        && serviceId.equals(other.serviceId)
        && serviceName.equals(other.serviceName)
        && serviceTags.equals(other.serviceTags)
        && status == other.status;
  }

  Check at(long created, long modified) {
    return new Check(
        spec, serviceId, serviceName, serviceTags, status, output, since, created, modified);
  }

  Check saying(Status newStatus, String newOutput, Instant now) {
    return new Check(
        spec,
        serviceId,
        serviceName,
        serviceTags,
        newStatus,
        newOutput,
        newStatus == status ? since : now,
        createIndex,
        modifyIndex);
  }

  /** As the catalog shows it. */
  Map<String, @Nullable Object> json(String node) {
    return json(node, createIndex, modifyIndex);
  }

  /** As the agent shows its own checks, which have no index. */
  Map<String, @Nullable Object> agentJson(String node) {
    return json(node, 0, 0);
  }

  private Map<String, @Nullable Object> json(String node, long created, long modified) {
    return object(
        "Node",
        node,
        "CheckID",
        id(),
        "Name",
        spec.name(),
        "Status",
        status.text(),
        "Notes",
        spec.notes(),
        "Output",
        output,
        "ServiceID",
        serviceId,
        "ServiceName",
        serviceName,
        "ServiceTags",
        serviceTags,
        "Type",
        spec.target().type(),
        "Definition",
        Map.of(),
        "CreateIndex",
        created,
        "ModifyIndex",
        modified);
  }

  /** As {@link #restore} takes it back. */
  Map<String, @Nullable Object> saved() {
    return object(
        "Registration",
        spec.registration(),
        "Maintenance",
        maintenance(),
        "ServiceID",
        serviceId,
        "Status",
        status.text(),
        "Output",
        output,
        "CreateIndex",
        createIndex,
        "ModifyIndex",
        modifyIndex);
  }

  /** The check that was saved, its status as old as {@code now}. */
  static Check restore(
      @Nullable Object saved, Function<String, @Nullable Service> services, Instant now) {
    Fields fields =
        new Fields(
            saved,
            List.of(
                "Registration",
                "Maintenance",
                "ServiceID",
                "Status",
                "Output",
                "CreateIndex",
                "ModifyIndex"));
    String serviceId = fields.text("ServiceID");
    Service service = services.apply(serviceId);
    Status status = Status.called(fields.text("Status"));
    if (status == null || (service == null && !serviceId.isEmpty())) {
      throw new IllegalArgumentException("a check without status or service");
    }
    return new Check(
        CheckSpec.restore(fields.object("Registration"), fields.flag("Maintenance")),
        serviceId,
        service == null ? "" : service.name(),
        service == null ? List.of() : service.tags(),
        status,
        fields.text("Output"),
        now,
        fields.unsigned("CreateIndex"),
        fields.unsigned("ModifyIndex"));
  }
}
