package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The one node of this agent's catalog. */
record Node(String id, String name, String address, String datacenter, long index) {
  private static final String SERF_HEALTH = "serfHealth";

  /** As {@code /v1/health} and {@code /v1/catalog/nodes} show it. */
  Map<String, @Nullable Object> json() {
    return object(
        "ID",
        id,
        "Node",
        name,
        "Address",
        address,
        "Datacenter",
        datacenter,
        "TaggedAddresses",
        taggedAddresses(),
        "Meta",
        meta(),
        "CreateIndex",
        index,
        "ModifyIndex",
        index);
  }

  Map<String, @Nullable Object> taggedAddresses() {
    return object("lan", address, "lan_ipv4", address, "wan", address, "wan_ipv4", address);
  }

  Map<String, @Nullable Object> meta() {
    return object("consul-network-segment", "");
  }

  /** The check every node of Consul has: the agent is there to answer, so it passes. */
  Map<String, @Nullable Object> serfHealth() {
    return object(
        "Node",
        name,
        "CheckID",
        SERF_HEALTH,
        "Name",
        "Serf Health Status",
        "Status",
        Status.PASSING.text(),
        "Notes",
        "",
        "Output",
        "Agent alive and reachable",
        "ServiceID",
        "",
        "ServiceName",
        "",
        "ServiceTags",
        List.of(),
        "Type",
        "",
        "Definition",
        Map.of(),
        "CreateIndex",
        index,
        "ModifyIndex",
        index);
  }
}
