package dev.weft.events;

import dev.weft.durable.Event;
import dev.weft.durable.EventGroups.Share;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Where a publisher is in each of the lanes it holds: what it has sent, what of that the broker has
 * answered for, and which lanes it is careful with. A lane goes back to the first event that the
 * broker did not take, and sends from there once more; a careful one sends one event and waits for
 * the answer. Pure, and not thread-safe.
 */
final class RelayLanes {
  private final Map<Integer, Lane> lanes = new HashMap<>();

  /** Routing keys of which the broker has taken an event since the connection was made. */
  private final Set<String> proven = new HashSet<>();

  private static final class Lane {
    final long generation;
    final NavigableSet<Long> unanswered = new TreeSet<>();
    long sent;
    long marked;

    /** While this one is unanswered, nothing is sent after it. */
    long awaited;

    boolean careful;
    long restsUntil;

    Lane(Share share) {
      generation = share.generation();
      sent = share.position();
      marked = share.position();
    }

    /** The broker has everything up to here. */
    long done() {
      return unanswered.isEmpty() ? sent : unanswered.first() - 1;
    }

    /** Nothing after the position counts as sent. */
    void backTo(long position) {
      sent = position;
      unanswered.tailSet(position, false).clear();
    }

    boolean mayStream() {
      return !careful && !unanswered.contains(awaited);
    }

    boolean mayProbe() {
      return careful && unanswered.isEmpty();
    }

    void sends(Event event) {
      unanswered.add(event.position());
      sent = event.position();
    }

    /** As that, and nothing after it before the answer. */
    void sendsAlone(Event event) {
      sends(event);
      awaited = event.position();
    }
  }

  /** Lanes that are at the same position, the earliest of those that send. */
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

  /** Where to go on reading for the lanes that send one event after another. */
  Optional<Front> front() {
    OptionalLong first =
        lanes.values().stream().filter(Lane::mayStream).mapToLong(lane -> lane.sent).min();
    return first.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new Front(
                first.getAsLong(),
                lanes.entrySet().stream()
                    .filter(one -> one.getValue().mayStream())
                    .filter(one -> one.getValue().sent == first.getAsLong())
                    .map(Map.Entry::getKey)
                    .sorted()
                    .toList()));
  }

  /**
   * The events of the front that are sent now. The first one of its routing key on a connection has
   * the rest of its lane wait: a broker that meets a queue for the first time may refuse one event
   * and take the next.
   *
   * @param read everything in the front's lanes from its position up to the end
   */
  List<Event> send(Front front, List<Event> read, long end) {
    List<Event> sent = new ArrayList<>();
    Set<Integer> waiting = new HashSet<>();
    for (Event event : read) {
      int number = event.aggregate().bucket();
      Lane lane = lanes.get(number);
      if (lane != null && !waiting.contains(number)) {
        sent.add(event);
        if (proven.contains(RabbitTopology.routingKey(event))) {
          lane.sends(event);
        } else {
          lane.sendsAlone(event);
          waiting.add(number);
        }
      }
    }
    for (int number : front.lanes()) {
      Lane lane = lanes.get(number);
      if (lane != null && !waiting.contains(number)) {
        lane.sent = end;
      }
    }
    return sent;
  }

  /** The lanes in doubt. */
  List<Integer> careful() {
    return lanes.entrySet().stream()
        .filter(one -> one.getValue().careful)
        .map(Map.Entry::getKey)
        .toList();
  }

  /** Careful lanes that can send their next event, with the positions they are at. */
  Map<Integer, Long> probes(long now) {
    return lanes.entrySet().stream()
        .filter(one -> one.getValue().mayProbe() && one.getValue().restsUntil - now <= 0)
        .collect(Collectors.toMap(Map.Entry::getKey, one -> one.getValue().sent));
  }

  /** When a careful lane can send its next event; in the time of {@link System#nanoTime}. */
  OptionalLong nextProbe() {
    return lanes.values().stream().filter(Lane::mayProbe).mapToLong(lane -> lane.restsUntil).min();
  }

  /**
   * Sends the event of a careful lane.
   *
   * @param next the first one after the lane's position; if there is none, nothing is to be careful
   *     with
   */
  void probe(int number, List<Event> next) {
    Lane lane = lanes.get(number);
    if (lane != null) {
      next.forEach(lane::sendsAlone);
      lane.careful = !next.isEmpty();
    }
  }

  /** The broker took it, or nobody wants it. */
  void taken(Event event) {
    Lane lane = lanes.get(event.aggregate().bucket());
    if (lane != null && lane.unanswered.remove(event.position())) {
      if (lane.careful && lane.awaited == event.position()) {
        lane.careful = false;
      } else {
        proven.add(RabbitTopology.routingKey(event));
      }
    }
  }

  /** The broker did not take it: it is sent again after the rest, and then what came after it. */
  void refused(Event event, long restsUntil) {
    Lane lane = lanes.get(event.aggregate().bucket());
    if (lane != null && lane.unanswered.contains(event.position())) {
      lane.backTo(event.position() - 1);
      lane.careful = true;
      lane.restsUntil = restsUntil;
    }
  }

  /** Lanes with something unanswered are careful from now on; the connection is given up. */
  void doubt(long now) {
    lanes.values().stream()
        .filter(lane -> !lane.unanswered.isEmpty())
        .forEach(
            lane -> {
              lane.careful = true;
              lane.restsUntil = now;
            });
  }

  /** What a careful lane has sent is sent again. */
  void probeAgain(int number) {
    Lane lane = lanes.get(number);
    if (lane != null && lane.careful) {
      lane.backTo(lane.done());
    }
  }

  /** The connection is lost: what is unanswered is sent again by the next one. */
  void startOver() {
    proven.clear();
    lanes.values().forEach(lane -> lane.backTo(lane.done()));
  }

  /** How far the broker has the lanes, where the log does not know it. */
  List<Share> unmarked() {
    return lanes.entrySet().stream()
        .filter(one -> one.getValue().done() > one.getValue().marked)
        .map(one -> new Share(one.getKey(), one.getValue().generation, one.getValue().done()))
        .toList();
  }

  /** The log knows it now. */
  void marked(List<Share> shares) {
    for (Share share : shares) {
      Lane lane = lanes.get(share.bucket());
      if (lane != null) {
        lane.marked = share.position();
      }
    }
  }
}
