package dev.weft.mesh;

import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.random.RandomGenerator;

/**
 * Endpoints of which one is taken for each call. Immutable but for the count of turns, and without
 * locks.
 */
final class Lot {
  private static final double UNIT = 0x1.0p-53;

  /** What the largest weight is scaled to. */
  private static final long FULL = 65_535;

  private final Endpoint[] endpoints;

  /** Of each; the largest is {@link #FULL}. */
  private final long[] weights;

  private final AtomicInteger turns;

  /** An endpoint and its weight, from 1 on. */
  record Weighted(Endpoint endpoint, int weight) {}

  /**
   * @param turns where it goes on; kept beyond this object, so that a change does not begin anew
   */
  Lot(List<Weighted> of, AtomicInteger turns) {
    this.turns = turns;
    this.endpoints = of.stream().map(Weighted::endpoint).toArray(Endpoint[]::new);
    int largest = of.stream().mapToInt(Weighted::weight).max().orElse(1);
    this.weights =
        of.stream().mapToLong(one -> Math.max(1, one.weight() * FULL / largest)).toArray();
  }

  int size() {
    return endpoints.length;
  }

  /**
   * Takes one; there must be any.
   *
   * @param hash of what the call goes by; for {@link LoadBalancing#RING_HASH} only
   */
  Endpoint take(LoadBalancing by, long hash, long now, RandomGenerator random) {
    if (endpoints.length == 1) {
      return endpoints[0];
    }
    return switch (by) {
      case ROUND_ROBIN -> endpoints[turn() % endpoints.length];
      case WEIGHTED -> byWeight();
      case RANDOM -> endpoints[random.nextInt(endpoints.length)];
      case LEAST_REQUEST -> betterOfTwo(now, random);
      case RING_HASH -> nearest(hash);
    };
  }

  private int turn() {
    return turns.getAndIncrement() & Integer.MAX_VALUE;
  }

  /**
   * Goes around, and passes by those that had their share: of 65,535 rounds an endpoint is taken in
   * as many as its weight says, evenly spread. (gRPC's static stride scheduler does it so.)
   */
  private Endpoint byWeight() {
    while (true) {
      long turn = turn();
      int i = (int) (turn % endpoints.length);
      long round = turn / endpoints.length;
      // Each begins elsewhere, so that those of equal weights do not all come in the same round.
      long at = (weights[i] * round + FULL / 2 * i) % FULL;
      if (at >= FULL - weights[i]) {
        return endpoints[i];
      }
    }
  }

  private Endpoint betterOfTwo(long now, RandomGenerator random) {
    int i = random.nextInt(endpoints.length);
    int j = random.nextInt(endpoints.length - 1);
    j += j >= i ? 1 : 0;
    return endpoints[i].load(now) / weights[i] <= endpoints[j].load(now) / weights[j]
        ? endpoints[i]
        : endpoints[j];
  }

  /**
   * The highest of what each endpoint makes of the key (rendezvous hashing): as stable as a ring
   * and more even, and for as many instances as a service has not slower.
   */
  private Endpoint nearest(long hash) {
    Endpoint best = endpoints[0];
    double highest = -1;
    for (int i = 0; i < endpoints.length; i++) {
      // Between 0 and 1, both excluded.
      double drawn = ((Hashes.of(hash, endpoints[i].hash()) >>> 11) + 0.5) * UNIT;
      double height = -weights[i] / Math.log(drawn);
      if (height > highest) {
        highest = height;
        best = endpoints[i];
      }
    }
    return best;
  }
}
