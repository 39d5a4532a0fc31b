package dev.weft.consul;

/**
 * What one check of an instance, or of its node, last said.
 *
 * @param output what the probe printed; empty until it ran for the first time
 * @param type {@code grpc}, {@code http}, {@code tcp}, {@code ttl}; empty for checks of the agent
 *     itself, such as {@code serfHealth}
 */
public record CheckResult(String id, String name, Health status, String output, String type) {}
