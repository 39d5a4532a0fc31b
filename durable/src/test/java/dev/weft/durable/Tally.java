package dev.weft.durable;

import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** How often each of some things came. */
final class Tally<E extends Enum<E>> {
  private final Map<E, long[]> counts;

  Tally(Class<E> things) {
    counts = new EnumMap<>(things);
    Arrays.stream(things.getEnumConstants()).forEach(one -> counts.put(one, new long[1]));
  }

  void add(E one) {
    add(one, 1);
  }

  void add(Tally<E> other) {
    other.counts.forEach((one, count) -> add(one, count[0]));
  }

  private void add(E one, long times) {
    counts.computeIfAbsent(one, _ -> new long[1])[0] += times;
  }

  List<E> never() {
    return counts.keySet().stream().filter(one -> count(one) == 0).toList();
  }

  long count(E one) {
    return counts.computeIfAbsent(one, _ -> new long[1])[0];
  }

  /** A line each, for people. */
  String text(String label) {
    StringBuilder text = new StringBuilder();
    counts.forEach((one, count) -> text.append("  %s %,12d  %s%n".formatted(label, count[0], one)));
    return text.toString();
  }
}
