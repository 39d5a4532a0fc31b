package dev.weft.order;

import java.util.List;

/** What lines cost now, by the catalogue. The total is always their sum, in one currency. */
record Quote(List<OrderLine> lines, Amount total) {
  Quote {
    lines = List.copyOf(lines);
    long sum = lines.stream().mapToLong(OrderLine::totalMinor).reduce(0, Math::addExact);
    if (lines.isEmpty() || sum != total.minor()) {
      throw new IllegalArgumentException(
          "a total of " + total.minor() + " for lines of " + sum + " (expected: their sum)");
    }
  }
}
