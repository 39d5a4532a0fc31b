package dev.weft.card;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Events that were told for a while and not taken, in the order they are tried in: where in the
 * journal each is, and no more. Holds {@value #MAX} at most; then no more can be set aside. It is
 * written down as lines of {@code <place> <event id>}. Thread-safe.
 */
final class Aside {
  static final int MAX = 10_000;

  private final Map<String, Long> places = new LinkedHashMap<>();
  private long changes;

  /**
   * An event that is set aside.
   *
   * @param place where the page of the journal begins that holds it
   */
  record Entry(String id, long place) {}

  /** False when there is no room. */
  synchronized boolean add(String id, long place) {
    if (places.size() >= MAX && !places.containsKey(id)) {
      return false;
    }
    places.put(id, place);
    changes++;
    return true;
  }

  synchronized void remove(String id) {
    places.remove(id);
    changes++;
  }

  /** Tries all others first; needs not be written down. */
  synchronized void toTheEnd(String id) {
    Long place = places.remove(id);
    if (place != null) {
      places.put(id, place);
    }
  }

  synchronized List<Entry> entries() {
    return places.entrySet().stream().map(e -> new Entry(e.getKey(), e.getValue())).toList();
  }

  synchronized int size() {
    return places.size();
  }

  /** Another number whenever the lines are others. */
  synchronized long changes() {
    return changes;
  }

  synchronized String lines() {
    return places.entrySet().stream()
        .map(entry -> entry.getValue() + " " + entry.getKey() + "\n")
        .collect(Collectors.joining());
  }

  static boolean isLine(String line) {
    return line.matches("[0-9]{1,18} evt_[0-9a-f-]{36}");
  }

  void addLine(String line) {
    int blank = line.indexOf(' ');
    add(line.substring(blank + 1), Long.parseLong(line, 0, blank, 10));
  }
}
