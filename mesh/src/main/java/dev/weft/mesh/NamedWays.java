package dev.weft.mesh;

import dev.weft.mesh.Destinations.Outside;
import dev.weft.mesh.Pool.Subset;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * The ways that calls may be on: those that the table in use names, and for a minute more those
 * that one before it named, because a call stays where it was routed when it is repeated.
 *
 * <p>Of those that are not named any more, {@value #LINGERING_MAX} are kept at most, the newest:
 * each is watched in the registry. Not thread-safe.
 */
final class NamedWays {
  /** For so long a way is kept that no call is routed to any more. */
  static final int LINGERING_SECONDS = 60;

  static final int LINGERING_MAX = 32;

  private record Way(Outside to, Subset subset) {}

  private Set<Way> named = Set.of();

  /** By way, the moment it was named last; the oldest first. */
  private final Map<Way, Long> unnamedAt = new LinkedHashMap<>();

  /**
   * From now on these are named.
   *
   * @param now as {@link System#nanoTime} has it
   */
  void name(Map<Outside, Set<Subset>> ways, long now) {
    Set<Way> next = new LinkedHashSet<>();
    ways.forEach((to, subsets) -> subsets.forEach(subset -> next.add(new Way(to, subset))));
    for (Way way : named) {
      if (!next.contains(way)) {
        unnamedAt.put(way, now);
      }
    }
    unnamedAt.keySet().removeAll(next);
    while (unnamedAt.size() > LINGERING_MAX) {
      unnamedAt.remove(unnamedAt.keySet().iterator().next());
    }
    named = next;
  }

  /** Where calls may be at that moment. */
  Map<Outside, Set<Subset>> kept(long now) {
    unnamedAt.values().removeIf(at -> now - at >= TimeUnit.SECONDS.toNanos(LINGERING_SECONDS));
    Map<Outside, Set<Subset>> kept = new HashMap<>();
    named.forEach(way -> kept.computeIfAbsent(way.to, _ -> new HashSet<>()).add(way.subset));
    unnamedAt
        .keySet()
        .forEach(way -> kept.computeIfAbsent(way.to, _ -> new HashSet<>()).add(way.subset));
    return kept;
  }

  /** Whether some of them are not named any more. */
  boolean linger() {
    return !unnamedAt.isEmpty();
  }
}
