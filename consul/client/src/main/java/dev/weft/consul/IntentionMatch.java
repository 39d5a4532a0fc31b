package dev.weft.consul;

import dev.weft.consul.Intention.Action;
import java.util.List;
import java.util.Optional;

/**
 * All intentions about one service at one moment.
 *
 * @param destination the service that is called
 * @param intentions by precedence: the first that applies to the caller decides
 * @param defaultAction for a caller whom no intention applies to, and for a call that none of the
 *     deciding intention's permissions matches
 * @param stale the agent cannot be reached: this was true when it last could
 */
public record IntentionMatch(
    String destination, List<Intention> intentions, Action defaultAction, boolean stale) {
  public IntentionMatch {
    intentions = List.copyOf(intentions);
  }

  /** The intention that decides about calls of this service; empty if the default does. */
  public Optional<Intention> deciding(String namespace, String service) {
    return intentions.stream()
        .filter(intention -> intention.appliesTo(namespace, service))
        .findFirst();
  }

  IntentionMatch withStale(boolean nowStale) {
    return new IntentionMatch(destination, intentions, defaultAction, nowStale);
  }
}
