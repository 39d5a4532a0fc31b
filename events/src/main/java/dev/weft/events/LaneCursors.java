package dev.weft.events;

import dev.weft.durable.EventGroups.Share;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** Where a member of a group is in each of the lanes it holds. Not thread-safe. */
final class LaneCursors {
  private final Map<Integer, Cursor> cursors = new HashMap<>();

  /** A lane in our hands: what was read of it, and the last position the member can acknowledge. */
  private static final class Cursor {
    final long generation;
    long read;
    long told;

    Cursor(Share share) {
      generation = share.generation();
      read = share.position();
      told = share.position();
    }
  }

  /** Lanes that are at the same position, the earliest of all. */
  record Front(long position, Set<Integer> lanes) {}

  /** From now on these and no others; those that stayed go on where they are. */
  void hold(List<Share> shares) {
    Map<Integer, Cursor> before = Map.copyOf(cursors);
    cursors.clear();
    for (Share share : shares) {
      Cursor known = before.get(share.bucket());
      boolean stayed = known != null && known.generation == share.generation();
      cursors.put(share.bucket(), stayed ? known : new Cursor(share));
    }
  }

  boolean empty() {
    return cursors.isEmpty();
  }

  Front front() {
    long position = cursors.values().stream().mapToLong(cursor -> cursor.read).min().orElseThrow();
    return new Front(
        position,
        cursors.entrySet().stream()
            .filter(entry -> entry.getValue().read == position)
            .map(Map.Entry::getKey)
            .collect(Collectors.toSet()));
  }

  /** Everything up to here was read in the front's lanes. */
  void advance(Front front, long position) {
    front.lanes().forEach(lane -> cursor(lane).read = position);
  }

  /** The member is told of a position in a lane; this is what it can acknowledge it by. */
  Share tell(int lane, long position) {
    Cursor cursor = cursor(lane);
    cursor.told = position;
    return new Share(lane, cursor.generation, position);
  }

  /** Tells of all positions that were read and had nothing for the member. */
  List<Share> tellRest() {
    List<Share> rest = new ArrayList<>();
    cursors.forEach(
        (lane, cursor) -> {
          if (cursor.read > cursor.told) {
            rest.add(tell(lane, cursor.read));
          }
        });
    return rest;
  }

  private Cursor cursor(int lane) {
    Cursor cursor = cursors.get(lane);
    if (cursor == null) {
      throw new IllegalStateException("lane " + lane + " is not held");
    }
    return cursor;
  }
}
