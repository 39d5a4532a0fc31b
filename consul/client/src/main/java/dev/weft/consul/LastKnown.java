package dev.weft.consul;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.BiPredicate;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Decides what to believe of the answers to one blocking query, so that nothing known to be good is
 * lost without cause, and nothing that really went away stays.
 *
 * <p>An answer <b>continues</b> the one before when no poll failed in between, its index did not go
 * backwards, and, if it leaves something out, that is credible: the index advanced, the agent knows
 * a leader, and it does not say that it hides something from us.
 *
 * <ul>
 *   <li>What an answer that continues leaves out is gone at once, the last entry included.
 *   <li>A failed poll changes nothing but {@code stale}, for as long as it lasts. An answer that is
 *       empty, though something is known, counts as one unless {@link Sight} says that nothing is
 *       hidden: a token that lost its rights gets such an answer with status 200, and with an index
 *       that may have advanced.
 *   <li>What an answer that does not continue leaves out is <b>retained</b>: the agent restarted
 *       and lost its catalog, or it hides a part from us. It stays until an answer shows it again,
 *       at most for {@link #RETENTION}. Further answers may continue that one, so what was shown
 *       again and leaves is gone at once.
 *   <li>An entry that <b>regressed</b> (an instance in use is critical, but only because its checks
 *       have not run since the agent restarted) is retained as it was, until it changes or goes, at
 *       most for {@link #RETENTION}.
 * </ul>
 *
 * <p>While anything is retained, the view is stale.
 *
 * <p>What an earlier process knew is taken for what was known if the first poll fails (which an
 * empty list may be, see above), is answered with an empty list that is not credible, or with an
 * index that is lower than one which that process heard: the agent lost its catalog. Used by one
 * thread.
 */
final class LastKnown<V> {
  /**
   * Long enough for every process to notice that the agent forgot it and to pass a first probe;
   * short enough that what is really gone is not called for long.
   */
  static final Duration RETENTION = Duration.ofSeconds(60);

  /** Consul takes a wait of 0 for its default of 5 minutes. */
  private static final Duration MIN_WAIT = Duration.ofMillis(10);

  /**
   * One answer.
   *
   * @param doubtful the agent itself says that something may be missing
   */
  record Page<V>(Map<String, V> entries, long index, boolean doubtful) {
    static <V> Page<V> none() {
      return new Page<>(Map.of(), 0, false);
    }
  }

  /** Whether an empty answer shows nothing because there is nothing. */
  @FunctionalInterface
  interface Sight {
    /** Asks nothing: what is empty is believed to be. */
    Sight FULL = _ -> {};

    /**
     * Returns if nothing is hidden from us.
     *
     * @param known the keys of what is known; never empty
     * @throws ConsulException if something is, or if it cannot be told
     */
    void require(Set<String> known);
  }

  /**
   * What to show.
   *
   * @param answered false as long as no poll ever succeeded
   */
  record View<V>(SortedMap<String, V> entries, boolean stale, boolean answered) {}

  private record Retained<V>(V value, long untilNanos) {}

  private final BiPredicate<V, V> regressed;
  private final Sight sight;
  private final LongSupplier nanoTime;
  private final Supplier<Page<V>> earlier;

  private final Map<String, Retained<V>> retained = new HashMap<>();
  private Map<String, V> last = Map.of();
  private SortedMap<String, V> shown = new TreeMap<>();
  private long index;
  private boolean failed;
  private boolean answered;

  /**
   * @param regressed whether the second value is the first without what the agent forgot of it
   * @param sight asked when an answer is empty though something is known
   */
  LastKnown(BiPredicate<V, V> regressed, Sight sight, LongSupplier nanoTime) {
    this(regressed, sight, nanoTime, Page::none);
  }

  /**
   * As the other one.
   *
   * @param earlier what an earlier process was answered; asked before the first answer only
   */
  LastKnown(
      BiPredicate<V, V> regressed, Sight sight, LongSupplier nanoTime, Supplier<Page<V>> earlier) {
    this.regressed = regressed;
    this.sight = sight;
    this.nanoTime = nanoTime;
    this.earlier = earlier;
  }

  /**
   * For a query that answers one thing as a whole: the newest answer counts, whatever it is, and
   * what it says is never mixed with what was said before.
   *
   * @param earlier what an earlier process was answered
   */
  static <V> LastKnown<V> whole(Supplier<Page<V>> earlier) {
    return new LastKnown<>((_, _) -> false, Sight.FULL, System::nanoTime, earlier);
  }

  /**
   * A poll was answered.
   *
   * @throws ConsulException if it may have been emptied for want of rights: then nothing changed,
   *     and the poll is one that failed
   */
  View<V> accept(Page<V> page) {
    long now = nanoTime.getAsLong();
    Map<String, V> answer = page.entries();
    if (!answered && !failed) {
      recallUnlessCredible(page);
    } else if (answer.isEmpty() && !shown.isEmpty()) {
      sight.require(shown.keySet());
    }
    Set<String> left = new HashSet<>(last.keySet());
    left.removeAll(answer.keySet());
    boolean continues = continues(page, !left.isEmpty());
    if (continues) {
      retained.keySet().removeAll(left);
    }
    shown.forEach(
        (key, known) -> {
          V value = answer.get(key);
          if (value == null ? !continues : regressed.test(known, value)) {
            retained.putIfAbsent(key, new Retained<>(known, now + RETENTION.toNanos()));
          }
        });
    retained
        .entrySet()
        .removeIf(
            entry -> {
              Retained<V> kept = entry.getValue();
              V value = answer.get(entry.getKey());
              return kept.untilNanos() - now <= 0
                  || (value != null && !regressed.test(kept.value(), value));
            });
    shown = new TreeMap<>(answer);
    retained.forEach((key, kept) -> shown.put(key, kept.value()));
    last = answer;
    index = page.index();
    failed = false;
    answered = true;
    return view();
  }

  /** A poll failed: the same as before, but stale. */
  View<V> fail() {
    if (!answered && !failed) {
      shown = new TreeMap<>(earlier.get().entries());
    }
    failed = true;
    return view();
  }

  /** For the first answer: an agent that lost its catalog counts from the beginning. */
  private void recallUnlessCredible(Page<V> page) {
    Page<V> known = earlier.get();
    if (known.entries().isEmpty()) {
      return;
    }
    boolean empty = page.entries().isEmpty();
    if (empty) {
      sight.require(known.entries().keySet());
    }
    boolean forgot = Long.compareUnsigned(page.index(), known.index()) < 0;
    if (forgot || (empty && page.doubtful())) {
      shown = new TreeMap<>(known.entries());
      failed = true;
    }
  }

  /** How long the next poll may wait, so that nothing is retained beyond its time. */
  Duration patience(Duration max) {
    long now = nanoTime.getAsLong();
    Duration wait = max;
    for (Retained<V> kept : retained.values()) {
      Duration left = Duration.ofNanos(kept.untilNanos() - now);
      wait = left.compareTo(wait) < 0 ? left : wait;
    }
    return wait.compareTo(MIN_WAIT) < 0 ? MIN_WAIT : wait;
  }

  private boolean continues(Page<V> page, boolean shrinks) {
    if (failed || Long.compareUnsigned(page.index(), index) < 0) {
      return false;
    }
    return !shrinks || (page.index() != index && !page.doubtful());
  }

  private View<V> view() {
    return new View<>(shown, failed || !retained.isEmpty(), answered);
  }
}
