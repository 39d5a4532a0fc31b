package dev.weft.consul.agent;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import org.jspecify.annotations.Nullable;

/**
 * Consul's {@code ?filter=} expressions: {@code ==}, {@code !=}, {@code in}, {@code contains},
 * {@code matches}, {@code is empty}, each with its {@code not}, joined by {@code and}, {@code or},
 * {@code not} and parentheses.
 *
 * <p>A selector is checked against the fields of the endpoint's rows before any row is looked at,
 * so a wrong name is an error even when there are no rows.
 */
final class Filter {
  /** What a selector can reach. */
  sealed interface Type {
    /** A leaf, or a collection of leaves. */
    enum Leaf implements Type {
      TEXT,
      NUMBER,
      FLAG,
      TEXTS,
      TEXT_BY_NAME
    }

    record Struct(Map<String, Type> fields) implements Type {}

    record Structs(Struct element) implements Type {}

    record StructByName(Struct element) implements Type {}
  }

  private enum Operator {
    EQUAL("Equal"),
    NOT_EQUAL("Not Equal"),
    IN("In"),
    NOT_IN("Not In"),
    EMPTY("Is Empty"),
    NOT_EMPTY("Is Not Empty"),
    MATCHES("Matches"),
    NOT_MATCHES("Not Matches");

    final String title;

    Operator(String title) {
      this.title = title;
    }

    boolean negative() {
      return switch (this) {
        case NOT_EQUAL, NOT_IN, NOT_EMPTY, NOT_MATCHES -> true;
        case EQUAL, IN, EMPTY, MATCHES -> false;
      };
    }
  }

  private static final Type.Struct ADDRESS =
      new Type.Struct(Map.of("Address", Type.Leaf.TEXT, "Port", Type.Leaf.NUMBER));
  private static final Type.Struct WEIGHTS =
      new Type.Struct(Map.of("Passing", Type.Leaf.NUMBER, "Warning", Type.Leaf.NUMBER));
  private static final Type.Struct CONNECT = new Type.Struct(Map.of("Native", Type.Leaf.FLAG));

  private static final Type.Struct NODE =
      new Type.Struct(
          Map.of(
              "ID", Type.Leaf.TEXT,
              "Node", Type.Leaf.TEXT,
              "Address", Type.Leaf.TEXT,
              "Datacenter", Type.Leaf.TEXT,
              "TaggedAddresses", Type.Leaf.TEXT_BY_NAME,
              "Meta", Type.Leaf.TEXT_BY_NAME));

  static final Type.Struct AGENT_SERVICE =
      new Type.Struct(
          Map.ofEntries(
              Map.entry("ID", Type.Leaf.TEXT),
              Map.entry("Service", Type.Leaf.TEXT),
              Map.entry("Tags", Type.Leaf.TEXTS),
              Map.entry("Address", Type.Leaf.TEXT),
              Map.entry("TaggedAddresses", new Type.StructByName(ADDRESS)),
              Map.entry("Meta", Type.Leaf.TEXT_BY_NAME),
              Map.entry("Port", Type.Leaf.NUMBER),
              Map.entry("Weights", WEIGHTS),
              Map.entry("EnableTagOverride", Type.Leaf.FLAG),
              Map.entry("Connect", CONNECT)));

  static final Type.Struct CHECK =
      new Type.Struct(
          Map.of(
              "Node", Type.Leaf.TEXT,
              "CheckID", Type.Leaf.TEXT,
              "Name", Type.Leaf.TEXT,
              "Status", Type.Leaf.TEXT,
              "Notes", Type.Leaf.TEXT,
              "Output", Type.Leaf.TEXT,
              "ServiceID", Type.Leaf.TEXT,
              "ServiceName", Type.Leaf.TEXT,
              "ServiceTags", Type.Leaf.TEXTS));

  static final Type.Struct HEALTH =
      new Type.Struct(
          Map.of("Node", NODE, "Service", AGENT_SERVICE, "Checks", new Type.Structs(CHECK)));
  static final Type.Struct CATALOG_SERVICE =
      new Type.Struct(
          Map.ofEntries(
              Map.entry("ID", Type.Leaf.TEXT),
              Map.entry("Node", Type.Leaf.TEXT),
              Map.entry("Address", Type.Leaf.TEXT),
              Map.entry("Datacenter", Type.Leaf.TEXT),
              Map.entry("TaggedAddresses", Type.Leaf.TEXT_BY_NAME),
              Map.entry("NodeMeta", Type.Leaf.TEXT_BY_NAME),
              Map.entry("ServiceKind", Type.Leaf.TEXT),
              Map.entry("ServiceID", Type.Leaf.TEXT),
              Map.entry("ServiceName", Type.Leaf.TEXT),
              Map.entry("ServiceTags", Type.Leaf.TEXTS),
              Map.entry("ServiceAddress", Type.Leaf.TEXT),
              Map.entry("ServiceTaggedAddresses", new Type.StructByName(ADDRESS)),
              Map.entry("ServiceWeights", WEIGHTS),
              Map.entry("ServiceMeta", Type.Leaf.TEXT_BY_NAME),
              Map.entry("ServicePort", Type.Leaf.NUMBER),
              Map.entry("ServiceEnableTagOverride", Type.Leaf.FLAG),
              Map.entry("ServiceConnect", CONNECT)));

  static final Type.Struct INTENTION =
      new Type.Struct(
          Map.ofEntries(
              Map.entry("ID", Type.Leaf.TEXT),
              Map.entry("Description", Type.Leaf.TEXT),
              Map.entry("SourceNS", Type.Leaf.TEXT),
              Map.entry("SourceName", Type.Leaf.TEXT),
              Map.entry("DestinationNS", Type.Leaf.TEXT),
              Map.entry("DestinationName", Type.Leaf.TEXT),
              Map.entry("SourceType", Type.Leaf.TEXT),
              Map.entry("Action", Type.Leaf.TEXT),
              Map.entry("Meta", Type.Leaf.TEXT_BY_NAME),
              Map.entry("Precedence", Type.Leaf.NUMBER)));

  private static final int LENGTH_MAX = 4_096;
  private static final int DEPTH_MAX = 64;
  private static final Pattern TOKEN =
      Pattern.compile(
          "\\s*(?:(?<op>==|!=|[()])|\"(?<string>(?:[^\"\\\\]|\\\\.)*)\"|`(?<raw>[^`]*)`"
              + "|(?<number>-?\\d+(?:\\.\\d+)?)"
              + "|(?<word>[a-zA-Z][a-zA-Z0-9_/]*(?:\\.[a-zA-Z0-9_/]+|\\[\"[^\"]*\"])*))");
  private static final Pattern PART = Pattern.compile("\\[\"([^\"]*)\"]|[^.\\[]+");

  private record Token(String kind, String text) {
    boolean is(String other) {
      return !kind.equals("string") && text.equals(other);
    }
  }

  private final Type.Struct rows;
  private final List<Token> tokens = new ArrayList<>();
  private int at;

  private Filter(String expression, Type.Struct rows) {
    if (expression.length() > LENGTH_MAX) {
      throw wrong("the expression is longer than " + LENGTH_MAX + " characters");
    }
    this.rows = rows;
    String text = expression.strip();
    Matcher matcher = TOKEN.matcher(text);
    int end = 0;
    while (end < text.length()) {
      if (!matcher.find(end) || matcher.start() != end) {
        throw wrong("1:" + (end + 1) + " (" + end + "): no match found");
      }
      end = matcher.end();
      tokens.add(token(matcher));
    }
  }

  private static Token token(Matcher matcher) {
    for (String kind : List.of("op", "number", "word")) {
      String text = matcher.group(kind);
      if (text != null) {
        return new Token(kind, text);
      }
    }
    String raw = matcher.group("raw");
    return new Token(
        "string", raw != null ? raw : matcher.group("string").replaceAll("\\\\(.)", "$1"));
  }

  /** The test that the request's {@code filter} puts to each row; true for all without one. */
  static Predicate<@Nullable Object> of(Request request, Type.Struct rows) {
    String expression = request.query("filter");
    return expression.isBlank() ? _ -> true : parse(expression, rows);
  }

  static Predicate<@Nullable Object> parse(String expression, Type.Struct rows) {
    Filter filter = new Filter(expression, rows);
    Predicate<@Nullable Object> test = filter.or(0);
    if (filter.at < filter.tokens.size()) {
      throw wrong("unexpected \"" + filter.tokens.get(filter.at).text() + "\"");
    }
    return test;
  }

  private static ApiError wrong(String what) {
    return new ApiError(500, "Failed to create boolean expression evaluator: " + what);
  }

  // ---- The grammar

  private Predicate<@Nullable Object> or(int depth) {
    if (depth > DEPTH_MAX) {
      throw wrong("the expression is nested deeper than " + DEPTH_MAX);
    }
    Predicate<@Nullable Object> left = and(depth);
    while (accept("or")) {
      left = left.or(and(depth));
    }
    return left;
  }

  private Predicate<@Nullable Object> and(int depth) {
    Predicate<@Nullable Object> left = not(depth);
    while (accept("and")) {
      left = left.and(not(depth));
    }
    return left;
  }

  private Predicate<@Nullable Object> not(int depth) {
    if (accept("not")) {
      return not(depth).negate();
    }
    if (accept("(")) {
      Predicate<@Nullable Object> inner = or(depth + 1);
      if (!accept(")")) {
        throw wrong("rule \"grouping\": Unmatched parentheses");
      }
      return inner;
    }
    return match();
  }

  private Predicate<@Nullable Object> match() {
    Token first = next();
    if (accept("==")) {
      return match(first, Operator.EQUAL, next().text());
    }
    if (accept("!=")) {
      return match(first, Operator.NOT_EQUAL, next().text());
    }
    if (accept("is")) {
      boolean not = accept("not");
      expect("empty");
      return match(first, not ? Operator.NOT_EMPTY : Operator.EMPTY, "");
    }
    boolean not = accept("not");
    if (accept("in")) {
      return match(next(), not ? Operator.NOT_IN : Operator.IN, first.text());
    }
    if (accept("contains")) {
      return match(first, not ? Operator.NOT_IN : Operator.IN, next().text());
    }
    expect("matches");
    return match(first, not ? Operator.NOT_MATCHES : Operator.MATCHES, next().text());
  }

  private Token next() {
    if (at >= tokens.size()) {
      throw wrong("the expression ends too early");
    }
    return tokens.get(at++);
  }

  private boolean accept(String text) {
    boolean there = at < tokens.size() && tokens.get(at).is(text);
    at += there ? 1 : 0;
    return there;
  }

  private void expect(String text) {
    if (!accept(text)) {
      throw wrong(
          "no match found, expected: \"!=\", \"==\", \"contains\", \"in\", \"is\", \"matches\" or"
              + " \"not\"");
    }
  }

  // ---- Meaning

  private Predicate<@Nullable Object> match(Token selector, Operator operator, String value) {
    if (!selector.kind().equals("word")) {
      throw wrong("Selector \"" + selector.text() + "\" is not valid");
    }
    List<String> path = new ArrayList<>();
    Matcher part = PART.matcher(selector.text());
    while (part.find()) {
      path.add(part.group(1) == null ? part.group() : part.group(1));
    }
    Type type = typeOf(selector.text(), path);
    check(selector.text(), type, operator, value);
    Pattern pattern =
        operator == Operator.MATCHES || operator == Operator.NOT_MATCHES ? regex(value) : null;
    return row -> reaches(row, path, 0, operator, value, pattern);
  }

  private Type typeOf(String selector, List<String> path) {
    Type type = rows;
    for (String name : path) {
      Type inner =
          switch (type) {
            case Type.Struct struct -> struct.fields().get(name);
            case Type.Structs structs -> structs.element().fields().get(name);
            case Type.StructByName byName -> byName.element();
            case Type.Leaf leaf -> leaf == Type.Leaf.TEXT_BY_NAME ? Type.Leaf.TEXT : null;
          };
      if (inner == null) {
        throw wrong("Selector \"" + selector + "\" is not valid");
      }
      type = inner;
    }
    return type;
  }

  private static void check(String selector, Type type, Operator operator, String value) {
    boolean allowed =
        switch (operator) {
          case EQUAL, NOT_EQUAL ->
              type == Type.Leaf.TEXT || type == Type.Leaf.NUMBER || type == Type.Leaf.FLAG;
          case IN, NOT_IN ->
              type == Type.Leaf.TEXT
                  || type == Type.Leaf.TEXTS
                  || type == Type.Leaf.TEXT_BY_NAME
                  || type instanceof Type.StructByName;
          case EMPTY, NOT_EMPTY ->
              type == Type.Leaf.TEXTS
                  || type == Type.Leaf.TEXT_BY_NAME
                  || type instanceof Type.StructByName
                  || type instanceof Type.Structs;
          case MATCHES, NOT_MATCHES -> type == Type.Leaf.TEXT;
        };
    if (!allowed) {
      throw wrong(
          "Invalid match operator \"" + operator.title + "\" for selector \"" + selector + "\"");
    }
    if (type == Type.Leaf.NUMBER && !value.matches("-?\\d{1,18}")) {
      throw uncoerced(selector, value, "ParseInt");
    }
    if (type == Type.Leaf.FLAG && !value.equals("true") && !value.equals("false")) {
      throw uncoerced(selector, value, "ParseBool");
    }
  }

  private static ApiError uncoerced(String selector, String value, String parser) {
    return wrong(
        "Failed to coerce value \""
            + value
            + "\" for selector \""
            + selector
            + "\": strconv."
            + parser
            + ": parsing \""
            + value
            + "\": invalid syntax");
  }

  private static Pattern regex(String value) {
    try {
      return Pattern.compile(value);
    } catch (PatternSyntaxException e) {
      throw wrong("Failed to compile regular expression \"" + value + "\": " + e.getDescription());
    }
  }

  /** Whether the operator holds at the end of the path; for a list on the way, in any element. */
  private static boolean reaches(
      @Nullable Object value,
      List<String> path,
      int depth,
      Operator operator,
      String expected,
      @Nullable Pattern pattern) {
    if (depth == path.size()) {
      return holds(value, operator, expected, pattern);
    }
    return switch (value) {
      case Map<?, ?> map ->
          map.containsKey(path.get(depth))
              ? reaches(map.get(path.get(depth)), path, depth + 1, operator, expected, pattern)
              : absent(operator);
      case List<?> list ->
          list.stream()
              .anyMatch(element -> reaches(element, path, depth, operator, expected, pattern));
      case null -> absent(operator);
      case Object _ -> false;
    };
  }

  private static boolean absent(Operator operator) {
    return operator == Operator.EMPTY || (operator.negative() && operator != Operator.NOT_EMPTY);
  }

  private static boolean holds(
      @Nullable Object value, Operator operator, String expected, @Nullable Pattern pattern) {
    boolean positive =
        switch (operator) {
          case EQUAL, NOT_EQUAL -> String.valueOf(value).equals(expected);
          case IN, NOT_IN ->
              switch (value) {
                case List<?> list -> list.contains(expected);
                case Map<?, ?> map -> map.containsKey(expected);
                case null -> false;
                case Object text -> text.toString().contains(expected);
              };
          case EMPTY, NOT_EMPTY ->
              switch (value) {
                case List<?> list -> list.isEmpty();
                case Map<?, ?> map -> map.isEmpty();
                case null -> true;
                case Object _ -> false;
              };
          case MATCHES, NOT_MATCHES -> pattern != null && found(pattern, String.valueOf(value));
        };
    return positive != operator.negative();
  }

  private static boolean found(Pattern pattern, String text) {
    try {
      return pattern.matcher(new Glanced(text)).find();
    } catch (StackOverflowError e) {
      throw wrong("the regular expression \"" + pattern + "\" is too deep");
    }
  }

  /**
   * A text that may be looked at only so often, because the row is matched under the agent's lock:
   * Go's expressions take linear time, Java's may take exponential.
   */
  private static final class Glanced implements CharSequence {
    private static final int GLANCES_MAX = 1_000_000;

    private final String text;
    private int glances;

    Glanced(String text) {
      this.text = text;
    }

    @Override
    public int length() {
      return text.length();
    }

    @Override
    public char charAt(int index) {
      if (++glances > GLANCES_MAX) {
        throw wrong("the regular expression takes too long");
      }
      return text.charAt(index);
    }

    @Override
    public CharSequence subSequence(int start, int end) {
      return text.subSequence(start, end);
    }

    @Override
    public String toString() {
      return text;
    }
  }
}
