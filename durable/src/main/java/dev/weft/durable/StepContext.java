package dev.weft.durable;

import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * What a step knows when it runs.
 *
 * @param subject what the saga is about, such as an order's id
 * @param data what the saga was begun with
 * @param commandId {@code saga:step:direction}: the same at every attempt, also after a crash; a
 *     participant that remembers it has the effect once
 * @param attempt 1 at the first attempt
 * @param timeout when the runner stops waiting; a call's deadline belongs below it
 * @param results what earlier steps kept, by step name
 */
public record StepContext(
    UUID sagaId,
    String subject,
    String data,
    String commandId,
    int attempt,
    Duration timeout,
    Map<String, String> results) {

  public StepContext {
    results = Map.copyOf(results);
  }

  /** What the named step kept, if it is known to be done. */
  public Optional<String> result(String step) {
    return Optional.ofNullable(results.get(step));
  }
}
