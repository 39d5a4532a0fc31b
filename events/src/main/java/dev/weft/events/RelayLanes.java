package dev.weft.events;

import dev.weft.durable.EventGroups.Share;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Where a publisher is in each of the lanes it holds, and which of them rest because the broker did
 * not take what is next in them. Not thread-safe.
 */
final class RelayLanes {
  private static final int DOUBLINGS_MAX = 10;

  private final Map<Integer, Lane> lanes = new HashMap<>();

  private static final class Lane {
    final long generation;
    long position;
    long restsUntil;
    boolean rests;
    int inVain;

    Lane(Share share) {
      generation = share.generation();
      position = share.position();
    }
  }

  /** Lanes that are at the same position, the earliest of those that do not rest. */
  record Front(long position, List<Integer> lanes) {}

  /** From now on these and no others; those that stayed go on where they are. */
  void hold(Collection<Share> shares) {
    Map<Integer, Lane> before = Map.copyOf(lanes);
    lanes.clear();
    for (Share share : shares) {
      Lane known = before.get(share.bucket());
      boolean stayed = known != null && known.generation == share.generation();
      lanes.put(share.bucket(), stayed ? known : new Lane(share));
    }
  }

  Optional<Front> front(long now) {
    List<Map.Entry<Integer, Lane>> awake =
        lanes.entrySet().stream()
            .filter(entry -> !entry.getValue().rests || entry.getValue().restsUntil - now <= 0)
            .toList();
    if (awake.isEmpty()) {
      return Optional.empty();
    }
    long position = awake.stream().mapToLong(entry -> entry.getValue().position).min().orElse(0);
    return Optional.of(
        new Front(
            position,
            awake.stream()
                .filter(entry -> entry.getValue().position == position)
                .map(Map.Entry::getKey)
                .sorted()
                .toList()));
  }

  /** The broker has all of the lane up to the position; this is what says so. */
  Optional<Share> done(int number, long position) {
    Lane lane = lanes.get(number);
    if (lane == null || lane.position >= position) {
      return Optional.empty();
    }
    lane.position = position;
    lane.rests = false;
    lane.inVain = 0;
    return Optional.of(new Share(number, lane.generation, position));
  }

  /** The lane is left alone for so long. */
  void rest(int number, Duration pause) {
    Lane lane = lanes.get(number);
    if (lane != null) {
      lane.rests = true;
      lane.restsUntil = System.nanoTime() + pause.toNanos();
    }
  }

  /** As that, for twice as long each time until something of the lane is done. */
  void restLonger(int number, Duration first, Duration most) {
    Lane lane = lanes.get(number);
    if (lane != null) {
      Duration doubled = first.multipliedBy(1L << Math.min(lane.inVain, DOUBLINGS_MAX));
      lane.inVain++;
      rest(number, doubled.compareTo(most) < 0 ? doubled : most);
    }
  }

  boolean resting() {
    return lanes.values().stream().anyMatch(lane -> lane.rests);
  }
}
