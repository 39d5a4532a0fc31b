package dev.weft.bench;

import java.util.List;
import java.util.Locale;

/** What several measurements of one thing gave. */
record Spread(double least, double median, double most) {
  /** Of at least one; the median of an even number is the higher of the two in the middle. */
  static Spread of(List<Double> measured) {
    List<Double> sorted = measured.stream().sorted().toList();
    return new Spread(sorted.getFirst(), sorted.get(sorted.size() / 2), sorted.getLast());
  }

  /** As {@code 1.25 [1.20 to 1.31]}: the median, with the least and the most. */
  @Override
  public String toString() {
    return String.format(Locale.ROOT, "%.2f [%.2f to %.2f]", median, least, most);
  }
}
