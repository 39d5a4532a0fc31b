package dev.weft.prove;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What judges found.
 *
 * @param checked how many orders, products, events or ledger lines each invariant was held against
 */
record Verdict(Map<Invariant, List<String>> violations, Map<Invariant, Long> checked) {
  boolean holds() {
    return violations.isEmpty();
  }

  /** This one and what another judge found, of other invariants or of the same. */
  Verdict and(Verdict other) {
    Findings all = new Findings();
    all.take(this);
    all.take(other);
    return all.verdict();
  }

  /** What a judge has found so far. */
  static final class Findings {
    private final Map<Invariant, List<String>> violations = new TreeMap<>();
    private final Map<Invariant, Long> checked = new TreeMap<>();

    /** Holds something against an invariant. */
    void check(Invariant invariant, boolean holds, String otherwise) {
      tried(invariant, 1);
      if (!holds) {
        violated(invariant, otherwise);
      }
    }

    /** It was held against so many more things, elsewhere. */
    void tried(Invariant invariant, long times) {
      checked.merge(invariant, times, Long::sum);
    }

    void violated(Invariant invariant, String what) {
      violations.computeIfAbsent(invariant, _ -> new ArrayList<>()).add(what);
    }

    Verdict verdict() {
      return new Verdict(violations, checked);
    }

    private void take(Verdict one) {
      one.checked.forEach(this::tried);
      one.violations.forEach((invariant, all) -> all.forEach(what -> violated(invariant, what)));
    }
  }
}
