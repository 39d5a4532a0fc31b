package dev.weft.mesh;

import java.time.Duration;
import java.util.Optional;

/**
 * How it stands with a circuit breaker.
 *
 * @param service the called one
 * @param method its full name, or {@code _OTHER} for the methods beyond the first 256
 * @param failedPercent of the attempts in its window, those that failed by the service's fault
 * @param attempts in its window
 * @param openings how often it opened
 * @param refusesFor how long it will still refuse calls; empty if it does not
 * @param fallbacks calls that were answered with what the contract has for that
 */
public record CircuitReport(
    String service,
    String method,
    CircuitState state,
    int failedPercent,
    int attempts,
    long openings,
    Optional<Duration> refusesFor,
    long fallbacks) {}
