package dev.weft.edge;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * A path template of {@code google.api.http}, such as <code>/v1/orders/{order_id}:cancel</code>.
 *
 * <p>Stricter than the grammar where it is ambiguous: a second wildcard after {@code **}, a
 * variable named twice and a variable inside a variable are refused. More generous in one place:
 * {@code **} may be followed by literal segments.
 *
 * @param text as in the contract
 * @param segments at most one {@link Rest}, and after it only literals
 * @param verb what follows the colon, without it
 * @param variables in the order of the path
 * @param decodesSlashes whether variables of several segments are decoded with their slashes
 */
record PathTemplate(
    String text,
    List<Segment> segments,
    Optional<String> verb,
    List<Variable> variables,
    boolean decodesSlashes) {

  private static final int SEGMENTS_MAX = 64;

  /** What one part of a path between slashes must be. */
  sealed interface Segment {}

  /** Exactly this text. */
  record Literal(String text) implements Segment {}

  /** {@code *}: any one segment. */
  record One() implements Segment {}

  /** {@code **}: any number of segments, none included. */
  record Rest() implements Segment {}

  /**
   * A part of the path that goes into a field.
   *
   * @param fieldPath proto names, from the request message down
   * @param start index of its first segment in {@link #segments}
   * @param end index after its last segment
   * @param multi whether its pattern is more than a single {@code *}; then an encoded slash stays
   *     encoded, unless the template says otherwise
   */
  record Variable(List<String> fieldPath, int start, int end, boolean multi) {
    String name() {
      return String.join(".", fieldPath);
    }
  }

  PathTemplate {
    segments = List.copyOf(segments);
    variables = List.copyOf(variables);
  }

  /** Reads a template. Throws {@link InvalidRule} that says what is wrong with it. */
  static PathTemplate parse(String text) {
    return new Parser(text).parse();
  }

  /** The same, but that variables of several segments are decoded with their slashes. */
  PathTemplate decodingSlashes() {
    return new PathTemplate(text, segments, verb, variables, true);
  }

  /** The leading literal segments: what every path of this template begins with. */
  List<String> literalPrefix() {
    List<String> prefix = new ArrayList<>();
    for (Segment segment : segments) {
      if (!(segment instanceof Literal(String literal))) {
        break;
      }
      prefix.add(literal);
    }
    return prefix;
  }

  /** Without the names of variables: two templates of one shape match the same paths. */
  String shape() {
    StringBuilder shape = new StringBuilder();
    for (Segment segment : segments) {
      shape.append('/');
      switch (segment) {
        case Literal(String literal) -> shape.append(literal);
        case One() -> shape.append('*');
        case Rest() -> shape.append("**");
      }
    }
    verb.ifPresent(v -> shape.append(':').append(v));
    return shape.toString();
  }

  /** Recursive descent over the grammar in google/api/http.proto. */
  private static final class Parser {
    private final String text;
    private final List<Segment> segments = new ArrayList<>();
    private final List<Variable> variables = new ArrayList<>();
    private final Set<String> names = new HashSet<>();
    private boolean restSeen;
    private int at;

    Parser(String text) {
      this.text = text;
    }

    PathTemplate parse() {
      expect('/');
      segments(false);
      Optional<String> verb = Optional.empty();
      if (at < text.length() && text.charAt(at) == ':') {
        at++;
        verb = Optional.of(literal());
      }
      if (at < text.length()) {
        throw wrong("unexpected '" + text.charAt(at) + "' at " + at);
      }
      return new PathTemplate(text, segments, verb, variables, false);
    }

    private void segments(boolean insideVariable) {
      segment(insideVariable);
      while (at < text.length() && text.charAt(at) == '/') {
        at++;
        segment(insideVariable);
      }
    }

    private void segment(boolean insideVariable) {
      char c = at < text.length() ? text.charAt(at) : '/';
      switch (c) {
        case '*' -> wildcard();
        case '{' -> {
          if (insideVariable) {
            throw wrong("a variable inside a variable");
          }
          variable();
        }
        default -> add(new Literal(literal()));
      }
    }

    private void wildcard() {
      at++;
      if (at < text.length() && text.charAt(at) == '*') {
        at++;
        add(new Rest());
        restSeen = true;
      } else {
        add(new One());
      }
    }

    private void variable() {
      at++;
      List<String> path = new ArrayList<>();
      path.add(identifier());
      while (at < text.length() && text.charAt(at) == '.') {
        at++;
        path.add(identifier());
      }
      int start = segments.size();
      if (at < text.length() && text.charAt(at) == '=') {
        at++;
        segments(true);
      } else {
        add(new One());
      }
      expect('}');
      boolean multi = segments.size() - start > 1 || segments.get(start) instanceof Rest;
      Variable variable = new Variable(List.copyOf(path), start, segments.size(), multi);
      if (!names.add(variable.name())) {
        throw wrong("variable " + variable.name() + " appears twice");
      }
      variables.add(variable);
    }

    private void add(Segment segment) {
      if (restSeen && !(segment instanceof Literal)) {
        throw wrong("a wildcard after **");
      }
      if (segments.size() == SEGMENTS_MAX) {
        throw wrong("more than " + SEGMENTS_MAX + " segments");
      }
      segments.add(segment);
    }

    private String identifier() {
      int start = at;
      while (at < text.length() && isIdentifier(text.charAt(at), at == start)) {
        at++;
      }
      if (at == start) {
        throw wrong("a field name is missing at " + at);
      }
      return text.substring(start, at);
    }

    private String literal() {
      int start = at;
      while (at < text.length() && "/:{}*=".indexOf(text.charAt(at)) < 0) {
        if (text.charAt(at) <= ' ' || text.charAt(at) >= 0x7f || text.charAt(at) == '%') {
          throw wrong("'" + text.charAt(at) + "' in a literal");
        }
        at++;
      }
      if (at == start) {
        throw wrong("a segment or verb is empty at " + at);
      }
      return text.substring(start, at);
    }

    private void expect(char c) {
      if (at >= text.length() || text.charAt(at) != c) {
        throw wrong("'" + c + "' is missing at " + at);
      }
      at++;
    }

    private static boolean isIdentifier(char c, boolean first) {
      return c == '_'
          || (c >= 'a' && c <= 'z')
          || (c >= 'A' && c <= 'Z')
          || (!first && c >= '0' && c <= '9');
    }

    private InvalidRule wrong(String what) {
      return new InvalidRule("path template \"" + text + "\": " + what);
    }
  }
}
