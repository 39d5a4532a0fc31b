package dev.weft.transcoder;

import java.util.Collection;
import java.util.Locale;
import java.util.Optional;

/** Finds what somebody meant who mistyped a name. */
public final class Names {
  private static final int LENGTH_MAX = 64;
  private static final int CANDIDATES_MAX = 500;

  private Names() {}

  /**
   * The known name that is fewest edits away, case aside, if that is at most a third of its length.
   */
  public static Optional<String> nearest(String name, Collection<String> known) {
    if (name.length() > LENGTH_MAX) {
      return Optional.empty();
    }
    String wanted = name.toLowerCase(Locale.ROOT);
    String best = null;
    int least = Integer.MAX_VALUE;
    int tried = 0;
    for (String candidate : known) {
      if (candidate.length() > LENGTH_MAX || ++tried > CANDIDATES_MAX) {
        continue;
      }
      int distance = distance(wanted, candidate.toLowerCase(Locale.ROOT));
      if (distance < least && distance <= Math.max(1, candidate.length() / 3)) {
        least = distance;
        best = candidate;
      }
    }
    return Optional.ofNullable(best);
  }

  /** Levenshtein's distance, in two rows. */
  private static int distance(String a, String b) {
    int[] above = new int[b.length() + 1];
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      above[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int change = above[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        row[j] = Math.min(change, Math.min(above[j], row[j - 1]) + 1);
      }
      int[] swap = above;
      above = row;
      row = swap;
    }
    return above[b.length()];
  }
}
