/**
 * A Consul-compatible agent for laptops and tests: one process, one node, loopback only, never for
 * production.
 *
 * <p>It answers the part of Consul 1.8's HTTP API that the mesh uses, with Consul's status codes,
 * texts and index rules, and keeps its state over a restart. The contract tests of this module run
 * against it and against a real Consul, so that the two cannot drift apart.
 *
 * <p>Start with {@link dev.weft.consul.agent.DevAgent}; a request goes from {@link
 * dev.weft.consul.agent.HttpFace} to an endpoint of {@link dev.weft.consul.agent.AgentApi}, {@link
 * dev.weft.consul.agent.CatalogApi} or {@link dev.weft.consul.agent.KvApi}, and from there to
 * {@link dev.weft.consul.agent.Catalog} or {@link dev.weft.consul.agent.KeyValues}.
 */
@NullMarked
package dev.weft.consul.agent;

import org.jspecify.annotations.NullMarked;
