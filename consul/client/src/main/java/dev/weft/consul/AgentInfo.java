package dev.weft.consul;

/** Who the agent is. */
public record AgentInfo(String node, String datacenter, String version, boolean server) {}
