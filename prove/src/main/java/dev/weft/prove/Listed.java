package dev.weft.prove;

import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.NavigableSet;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** What lists showed so far, and what they must therefore show from now on. */
final class Listed {
  private final History history;
  private final Map<String, Long> versions = new HashMap<>(); // by order
  private final Map<String, NavigableSet<String>> orders = new HashMap<>(); // by customer

  Listed(History history) {
    this.history = history;
  }

  /** An order in a list; ids rise with time. */
  record Row(String order, long version) {}

  /** A list, or a page of one, showed this. */
  void shows(String customer, List<Row> page) {
    for (Row row : page) {
      @Nullable Long before = versions.put(row.order(), row.version());
      if (before != null && row.version() < before) {
        history.violated(
            "Q3",
            "order %s was listed at version %d, then at %d"
                .formatted(row.order(), before, row.version()));
      }
      known(customer).add(row.order());
    }
  }

  /**
   * Somebody turned pages, newest orders first.
   *
   * @param before what lists had shown when they began
   * @param ended whether they came to the last page
   */
  void turned(NavigableSet<String> before, List<Row> pages, boolean ended) {
    List<String> read = pages.stream().map(Row::order).toList();
    if (new HashSet<>(read).size() < read.size()) {
      history.violated("Q5", "pages show an order twice: " + read);
    }
    NavigableSet<String> missed =
        new TreeSet<>(ended ? before : before.tailSet(read.getLast(), true));
    read.forEach(missed::remove);
    if (!missed.isEmpty()) {
      history.violated("Q5", "pages left out what lists had shown: " + missed);
    }
  }

  /** The history of an order showed a version to somebody who said that they had seen another. */
  void showsAfter(String order, long seen, long shown) {
    if (shown < seen) {
      history.violated(
          "Q4",
          "order %s was at version %d, and who said so was shown version %d"
              .formatted(order, seen, shown));
    }
  }

  /** What lists have shown a customer. */
  NavigableSet<String> known(String customer) {
    return orders.computeIfAbsent(customer, _ -> new TreeSet<>());
  }
}
