package dev.weft.mesh;

import dev.weft.consul.DiscoveryChain.Match;
import dev.weft.consul.Intention.HeaderMatch;
import dev.weft.consul.Intention.PathMatch;
import java.util.ArrayList;
import java.util.List;

/** The conditions of routes in words, for operators. */
final class MatchText {
  private MatchText() {}

  /** All that a route asks of a call. */
  static String of(Match match) {
    List<String> conditions = new ArrayList<>();
    conditions.add(path(match.path()) + (match.ignoreCase() ? ", in any case" : ""));
    match.headers().forEach(header -> conditions.add(header(header)));
    if (!match.methods().isEmpty()) {
      conditions.add("method " + String.join(" or ", match.methods()));
    }
    if (match.byQuery()) {
      conditions.add("parameters of the URL");
    }
    return String.join(" and ", conditions);
  }

  private static String path(PathMatch match) {
    return switch (match.kind()) {
      case ANY -> "any path";
      case EXACT -> "path " + match.value();
      case PREFIX -> "path " + match.value() + "…";
      case REGEX -> "path like " + match.value();
    };
  }

  /** What is asked of a header. */
  static String header(HeaderMatch match) {
    String text =
        "header "
            + match.name()
            + switch (match.kind()) {
              case PRESENT -> "";
              case EXACT -> " = " + match.value();
              case PREFIX -> " = " + match.value() + "…";
              case SUFFIX -> " = …" + match.value();
              case CONTAINS -> " = …" + match.value() + "…";
              case REGEX -> " like " + match.value();
            };
    String cased = match.ignoreCase() ? text + ", in any case" : text;
    return match.invert() ? "no " + cased : cased;
  }
}
