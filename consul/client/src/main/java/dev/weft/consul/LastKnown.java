package dev.weft.consul;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import java.util.function.Predicate;

/**
 * Decides what to believe of the answers to one blocking query, so that nothing known to be good is
 * lost without cause, and nothing that really went away stays.
 *
 * <p>An answer <b>continues</b> the one before when no poll failed in between, its index did not go
 * backwards, and, if it leaves out something known, it is credible: the index advanced, the agent
 * knows a leader, it does not say that it left out what the token may not see, and, if it is empty,
 * the agent still shows us at least one node (a token that lost its rights gets an empty answer
 * with status 200, but it gets an empty list of nodes, too).
 *
 * <ul>
 *   <li>An answer that continues is believed as it is. So an instance that deregisters is gone at
 *       once, the last one included.
 *   <li>A failed poll changes nothing but {@code stale}, for as long as it lasts.
 *   <li>An answer that does not continue (the agent restarted and lost its catalog, the token lost
 *       its rights) is believed in what it shows. What it leaves out is <b>retained</b> until an
 *       answer shows it again, at most {@link #RETENTION}; until then the view is {@code stale}. A
 *       value that is there but unproven (a check that has not run since) counts as left out.
 *   <li>From then on answers may continue that one: what was shown since and goes away is gone at
 *       once.
 * </ul>
 *
 * <p>Used by one thread.
 */
final class LastKnown<V> {
  /**
   * Long enough for every process to notice that the agent forgot it and to pass a first probe;
   * short enough that what is really gone is not called for long.
   */
  static final Duration RETENTION = Duration.ofSeconds(60);

  /**
   * One answer.
   *
   * @param doubtful the agent itself says that something may be missing
   */
  record Page<V>(Map<String, V> entries, long index, boolean doubtful) {}

  /** What to show. */
  record View<V>(SortedMap<String, V> entries, boolean stale) {}

  private final Predicate<V> unproven;
  private final BooleanSupplier seesNodes;
  private final LongSupplier nanoTime;

  private final Map<String, V> retained = new HashMap<>();
  private SortedMap<String, V> shown = new TreeMap<>();
  private long retainedUntil;
  private long index;
  private boolean failed;

  LastKnown(Predicate<V> unproven, BooleanSupplier seesNodes, LongSupplier nanoTime) {
    this.unproven = unproven;
    this.seesNodes = seesNodes;
    this.nanoTime = nanoTime;
  }

  View<V> accept(Page<V> page) {
    Map<String, V> missing = new HashMap<>(shown);
    missing.keySet().removeAll(page.entries().keySet());
    missing.keySet().removeAll(retained.keySet());
    if (!continues(page, !missing.isEmpty())) {
      if (retained.isEmpty()) {
        retainedUntil = nanoTime.getAsLong() + RETENTION.toNanos();
      }
      retained.putAll(missing);
      page.entries()
          .forEach(
              (key, value) -> {
                V known = shown.get(key);
                if (known != null && unproven.test(value) && !unproven.test(known)) {
                  retained.put(key, known);
                }
              });
    }
    failed = false;
    index = page.index();
    if (retainedUntil - nanoTime.getAsLong() <= 0) {
      retained.clear();
    }
    retained
        .keySet()
        .removeIf(
            key -> {
              V value = page.entries().get(key);
              return value != null && !unproven.test(value);
            });
    shown = new TreeMap<>(page.entries());
    shown.putAll(retained);
    return view();
  }

  /** A poll failed: the same as before, but stale. */
  View<V> fail() {
    failed = true;
    return view();
  }

  /** How long the next poll may block, so that what is retained does not outlive its time. */
  Duration patience(Duration max) {
    if (retained.isEmpty()) {
      return max;
    }
    Duration left = Duration.ofNanos(Math.max(0, retainedUntil - nanoTime.getAsLong()));
    return left.compareTo(max) < 0 ? left : max;
  }

  private boolean continues(Page<V> page, boolean shrinks) {
    if (failed || Long.compareUnsigned(page.index(), index) < 0) {
      return false;
    }
    return !shrinks
        || (page.index() != index
            && !page.doubtful()
            && (!page.entries().isEmpty() || seesNodes.getAsBoolean()));
  }

  private View<V> view() {
    return new View<>(shown, failed || !retained.isEmpty());
  }
}
