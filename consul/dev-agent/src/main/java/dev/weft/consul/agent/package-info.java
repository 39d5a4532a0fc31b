/**
 * A Consul-compatible agent for laptops and tests: one process, one node, loopback only, never for
 * production.
 *
 * <p>It answers the part of Consul 1.8's HTTP API that the mesh uses, with Consul's status codes,
 * texts and index rules, and keeps its state over a restart. The contract tests of this module run
 * against it and against a real Consul, so that the two cannot drift apart.
 *
 * <p>Start with {@link dev.weft.consul.agent.DevAgent}. Then, from the outside in:
 *
 * <ul>
 *   <li><b>The door:</b> {@link dev.weft.consul.agent.HttpFace} lets a {@code Request} in and
 *       writes its {@code Reply} or {@code ApiError}; {@code Reads} makes a read block and stamps
 *       its index.
 *   <li><b>The paths:</b> {@code AgentApi}, {@code CatalogApi}, {@code KvApi}, {@code EventApi},
 *       {@code ConfigApi}, {@code ChainApi}, {@code IntentionsApi}, {@code ConnectApi}, and the
 *       page, {@code UiPage}.
 *   <li><b>What is known:</b> {@link dev.weft.consul.agent.Ledger}, the one lock and index, over
 *       {@code Catalog} ({@code Node}, {@code Service}, {@code Check}) and {@code KeyValues};
 *       {@code StateFile} keeps it.
 *   <li><b>Checks:</b> {@code CheckSpec} is what was asked for, {@code Target} what to look at,
 *       {@code Checks} when, {@code Probes} and {@code GrpcProbe} how.
 *   <li><b>Routing:</b> the kinds of {@code ConfigEntry}, kept by {@code ConfigEntries}; {@code
 *       ChainCompiler} makes a {@code DiscoveryChain} of them, and {@code ServiceGraph} lets none
 *       in that would break one.
 *   <li><b>Consul's notations:</b> {@code Json}, {@code Fields}, {@code GoDuration}, {@code
 *       Filter}.
 * </ul>
 */
@NullMarked
package dev.weft.consul.agent;

import org.jspecify.annotations.NullMarked;
