package dev.weft.durable;

import java.time.Instant;

/**
 * A service that sagas do not call at the moment, as an operator sees it.
 *
 * @param opening whether it answered by now, and those who waited go through a few at a time
 * @param failures probes in a row that came to nothing
 * @param error what the last failed call said
 * @param waiting how many sagas wait for it
 */
public record SagaGate(
    String dependency,
    boolean opening,
    Instant closedAt,
    int failures,
    String error,
    long waiting) {}
