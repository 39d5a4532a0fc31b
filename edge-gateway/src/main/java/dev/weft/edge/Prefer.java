package dev.weft.edge;

import java.util.List;
import java.util.Locale;

/**
 * What a client would like but does not depend on (RFC 7240). What is not known here, or cannot be
 * read, is ignored, as the RFC has it.
 *
 * @param minimal whether an answer to a change needs no body
 * @param timing whether the answer shall say how long its parts took
 */
record Prefer(boolean minimal, boolean timing) {
  static final Prefer NOTHING = new Prefer(false, false);

  static Prefer parse(List<String> values) {
    if (values.isEmpty()) {
      return NOTHING;
    }
    String kind = "";
    boolean timing = false;
    for (String value : values) {
      for (String element : value.split(",", -1)) {
        int end = element.indexOf(';');
        String preference =
            (end < 0 ? element : element.substring(0, end)).strip().toLowerCase(Locale.ROOT);
        timing |= preference.equals("server-timing");
        // Of one that is stated twice the first counts.
        if (kind.isEmpty() && preference.startsWith("return=")) {
          kind = preference.substring("return=".length()).replace("\"", "");
        }
      }
    }
    return new Prefer(kind.equals("minimal"), timing);
  }
}
