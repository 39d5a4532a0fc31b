package dev.weft.mesh;

import dev.weft.consul.DiscoveryChain.Match;
import dev.weft.consul.Intention.HeaderMatch;
import dev.weft.consul.Intention.PathMatch;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;

/**
 * The conditions of routes in words, for operators: not what is asked of headers by which callers
 * prove something, as that may be what proves it.
 */
final class MatchText {
  private static final String HIDDEN = "***";

  private static final Pattern SECRET =
      Pattern.compile("authorization|cookie|token|secret|password|credential|signature|api-?key");

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
    String value =
        SECRET.matcher(match.name().toLowerCase(Locale.ROOT)).find() ? HIDDEN : match.value();
    String text =
        "header "
            + match.name()
            + switch (match.kind()) {
              case PRESENT -> "";
              case EXACT -> " = " + value;
              case PREFIX -> " = " + value + "…";
              case SUFFIX -> " = …" + value;
              case CONTAINS -> " = …" + value + "…";
              case REGEX -> " like " + value;
            };
    String cased = match.ignoreCase() ? text + ", in any case" : text;
    return match.invert() ? "no " + cased : cased;
  }
}
