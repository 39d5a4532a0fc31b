package dev.weft.durable;

import dev.weft.durable.Fault.Point;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;

/**
 * Which faults a schedule has, and at which of its points: rolled as it goes, or given.
 *
 * <p>Each schedule leaves out some kinds at random and has a rate of its own, so that some see many
 * faults of one kind and others a bit of everything.
 */
final class FaultPlan {
  /** A schedule with fewer shows little. */
  static final int FAULTS_MIN = 2;

  private static final int POINTS_OF_A_SAGA = 60;

  /** There are fewer messages than awaits and commits. */
  private static final double MESSAGES_WORTH = 4;

  private final SplittableRandom dice;
  private final Optional<SortedMap<Integer, Fault>> given;
  private final SortedMap<Integer, Fault> injected = new TreeMap<>();
  private final Set<Fault> leftOut = EnumSet.noneOf(Fault.class);
  private final double rate;
  private final int most;
  private final int[] owed = new int[FAULTS_MIN];
  private int points;

  private FaultPlan(long seed, Optional<SortedMap<Integer, Fault>> given) {
    this.given = given;
    dice = new SplittableRandom(seed);
    for (Fault fault : Fault.values()) {
      if (dice.nextInt(3) == 0) {
        leftOut.add(fault);
      }
    }
    rate = Math.pow(10, -2.2 + 1.4 * dice.nextDouble());
    most = FAULTS_MIN + dice.nextInt(9);
    for (int i = 0; i < owed.length; i++) {
      owed[i] = dice.nextInt(POINTS_OF_A_SAGA);
    }
  }

  static FaultPlan rolled(long seed) {
    return new FaultPlan(seed, Optional.empty());
  }

  /**
   * Exactly these, by the number of their point; a fault that its point cannot have is left out.
   */
  static FaultPlan of(SortedMap<Integer, Fault> faults) {
    return new FaultPlan(0, Optional.of(faults));
  }

  /** The fault here, if there is one. */
  Optional<Fault> at(Point point) {
    int here = points++;
    Optional<Fault> fault =
        given.isPresent()
            ? Optional.ofNullable(given.get().get(here)).filter(point.faults::contains)
            : roll(point, here);
    fault.ifPresent(one -> injected.put(here, one));
    return fault;
  }

  /** What went wrong so far. */
  SortedMap<Integer, Fault> injected() {
    return injected;
  }

  private Optional<Fault> roll(Point point, int here) {
    int already = injected.size();
    boolean due = already < owed.length && here >= owed[already];
    double likely = point.message ? MESSAGES_WORTH * rate : rate;
    if (!due && (already >= most || dice.nextDouble() >= likely)) {
      return Optional.empty();
    }
    List<Fault> possible = point.faults;
    Fault chosen = possible.get(dice.nextInt(possible.size()));
    return !due && leftOut.contains(chosen) ? Optional.empty() : Optional.of(chosen);
  }
}
