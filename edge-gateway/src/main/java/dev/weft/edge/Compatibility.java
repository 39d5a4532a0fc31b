package dev.weft.edge;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

/**
 * Which of the contracts that instances of one service tell break the one that callers know, and
 * what of that is served. The one that callers know is the one that was served first, over a
 * restart, too, if it is kept; another takes its place when no instance tells it any more and every
 * instance was asked. Then, of what does not break it, what most instances tell comes next; and if
 * all of it breaks it, that is served all the same: callers of whom some fail are better off than
 * those that nobody answers.
 *
 * <p>To be used by one thread at a time.
 */
final class Compatibility {
  /** So many breaking changes are remembered for who asks. */
  private static final int REPORTS_MAX = 5;

  private final Policy policy;
  private Optional<ServiceSchema> known;

  /** By fingerprint, what of other contracts breaks the known one. */
  private Map<String, Optional<BreakingChange>> judged = new HashMap<>();

  /** The last ones. */
  private final List<BreakingChange> reports = new ArrayList<>();

  private Set<String> held = Set.of();

  /** What is done about a contract that breaks the one that callers know. */
  enum Policy {
    /** It is served, and reported. */
    REPORT,
    /** It is reported, and served only when no instance tells the other one any more. */
    HOLD
  }

  /**
   * What to do about all that is told.
   *
   * @param served of what is told
   * @param held of what is told, not to be called
   * @param found breaking changes that are new
   * @param gaveIn what is served although it breaks what was before, from now on, where such is
   *     held
   */
  record Verdict(
      List<Versions.Told> served,
      List<Versions.Told> held,
      List<BreakingChange> found,
      Optional<BreakingChange> gaveIn) {}

  /** A breaking change, and whether it is kept from callers now. */
  record Report(BreakingChange change, boolean held) {}

  /**
   * @param known the contract that was served before, if there is one
   */
  Compatibility(Policy policy, Optional<ServiceSchema> known) {
    this.policy = policy;
    this.known = known;
  }

  /**
   * Decides on what instances tell.
   *
   * @param complete whether every instance was asked, so that what is not told is not there
   */
  Verdict of(List<Versions.Told> told, boolean complete) {
    List<BreakingChange> found = new ArrayList<>();
    Optional<BreakingChange> gaveIn = Optional.empty();
    if (complete && !told.isEmpty()) {
      Optional<ServiceSchema> next = next(told, found);
      if (next.isPresent()) {
        gaveIn =
            policy == Policy.HOLD
                ? judged.getOrDefault(next.get().fingerprint(), Optional.empty())
                : Optional.empty();
        known = next;
        judged = new HashMap<>();
      }
    }
    List<Versions.Told> served = new ArrayList<>();
    List<Versions.Told> kept = new ArrayList<>();
    for (Versions.Told one : told) {
      boolean breaks = breaking(one.schema(), found).isPresent();
      (breaks && policy == Policy.HOLD ? kept : served).add(one);
    }
    judged.keySet().retainAll(told.stream().map(t -> t.schema().fingerprint()).toList());
    held = kept.stream().map(one -> one.schema().fingerprint()).collect(Collectors.toSet());
    return new Verdict(served, kept, found, gaveIn);
  }

  /** What takes the place of the known contract; empty as long as it is told. */
  private Optional<ServiceSchema> next(List<Versions.Told> told, List<BreakingChange> found) {
    if (told.stream().anyMatch(one -> isKnown(one.schema()))) {
      return Optional.empty();
    }
    List<Versions.Told> compatible =
        told.stream().filter(one -> breaking(one.schema(), found).isEmpty()).toList();
    return Optional.of(Versions.ranked(compatible.isEmpty() ? told : compatible).getFirst());
  }

  private boolean isKnown(ServiceSchema schema) {
    return known.map(ServiceSchema::fingerprint).equals(Optional.of(schema.fingerprint()));
  }

  private Optional<BreakingChange> breaking(ServiceSchema schema, List<BreakingChange> found) {
    if (known.isEmpty() || isKnown(schema)) {
      return Optional.empty();
    }
    Optional<BreakingChange> before = judged.get(schema.fingerprint());
    if (before != null) {
      return before;
    }
    Optional<BreakingChange> now = BreakingChange.between(known.get(), schema);
    judged.put(schema.fingerprint(), now);
    if (now.isPresent() && !reports.contains(now.get())) {
      found.add(now.get());
      reports.addFirst(now.get());
      if (reports.size() > REPORTS_MAX) {
        reports.removeLast();
      }
    }
    return now;
  }

  /** The same contracts are served in another way from now on, each as this makes it of one. */
  void remake(UnaryOperator<ServiceSchema> by) {
    known = known.map(by);
    judged = new HashMap<>();
  }

  /** The last breaking changes, the newest first. */
  List<Report> reports() {
    return reports.stream().map(change -> new Report(change, held.contains(change.to()))).toList();
  }
}
