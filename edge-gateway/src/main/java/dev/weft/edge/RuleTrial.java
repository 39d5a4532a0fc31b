package dev.weft.edge;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * How one rule compares with a request, told to people. What a request meets is {@link
 * RouteTable}'s to find, which tries few rules; this says of any rule why it is not that, by the
 * same meaning of segments, verbs and methods.
 *
 * @param why not; empty for a rule that matches
 * @param agreed how much of the path is as the rule has it, to tell near misses from others
 */
record RuleTrial(Route route, Verdict verdict, String why, int agreed) {
  /** More than any segment has characters that count. */
  private static final int SEGMENT = 1_000;

  /** From near to far. */
  enum Verdict {
    MATCHES,
    METHOD_DIFFERS,
    VERB_DIFFERS,
    LENGTH_DIFFERS,
    LITERAL_DIFFERS;

    String text() {
      return name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
  }

  static RuleTrial of(Route route, String httpMethod, RequestTarget target) {
    return new Comparison(route, httpMethod, target).run();
  }

  private static final class Comparison {
    private final Route route;
    private final String httpMethod;
    private final List<PathTemplate.Segment> wanted;
    private final List<String> segments = new ArrayList<>();

    /** Of the path, where the rule has one; empty if the path has none. */
    private final String verb;

    Comparison(Route route, String httpMethod, RequestTarget target) {
      this.route = route;
      this.httpMethod = httpMethod;
      this.wanted = route.template().segments();
      List<String> raw = new ArrayList<>(target.segments());
      String last = raw.getLast();
      int colon = last.lastIndexOf(':');
      boolean verbal = colon > 0 && route.template().verb().isPresent();
      verb = verbal ? RequestTarget.decode(last.substring(colon + 1)) : "";
      if (verbal) {
        raw.set(raw.size() - 1, last.substring(0, colon));
      }
      raw.forEach(segment -> segments.add(RequestTarget.decode(segment)));
    }

    RuleTrial run() {
      int rest = wanted.indexOf(new PathTemplate.Rest());
      int leading = rest < 0 ? wanted.size() : rest;
      for (int i = 0; i < leading; i++) {
        if (i == segments.size()) {
          return failed(
              Verdict.LENGTH_DIFFERS, "the path ends before " + text(wanted.get(i)), i * SEGMENT);
        }
        if (differs(wanted.get(i), i)) {
          return literal(wanted.get(i), i, i);
        }
      }
      if (rest < 0 && segments.size() > leading) {
        return failed(
            Verdict.LENGTH_DIFFERS,
            "the path goes on with \"" + Shown.text(segments.get(leading)) + "\"",
            leading * SEGMENT);
      }
      if (rest >= 0) {
        List<PathTemplate.Segment> behind = wanted.subList(rest + 1, wanted.size());
        int start = segments.size() - behind.size();
        if (start < leading) {
          return failed(Verdict.LENGTH_DIFFERS, "the path is too short for it", leading * SEGMENT);
        }
        for (int i = 0; i < behind.size(); i++) {
          if (differs(behind.get(i), start + i)) {
            return literal(behind.get(i), start + i, leading + i);
          }
        }
      }
      if (segments.contains("")) {
        return failed(Verdict.LITERAL_DIFFERS, "the path has an empty segment", 0);
      }
      return end();
    }

    /** The path is as the template has it. */
    private RuleTrial end() {
      int all = wanted.size() * SEGMENT;
      String expected = route.template().verb().orElse("");
      if (!verb.equals(expected)) {
        return failed(
            Verdict.VERB_DIFFERS,
            verb.isEmpty() ? "the path has no verb" : "the verb is \":" + Shown.text(verb) + "\"",
            all);
      }
      String method = route.httpMethod();
      boolean takes =
          method.equals(httpMethod)
              || method.equals(Route.ANY_METHOD)
              || (method.equals("GET") && httpMethod.equals("HEAD"));
      return takes
          ? new RuleTrial(route, Verdict.MATCHES, "", all)
          : failed(Verdict.METHOD_DIFFERS, "it takes " + method, all);
    }

    private boolean differs(PathTemplate.Segment segment, int at) {
      return segment instanceof PathTemplate.Literal(String literal)
          && !literal.equals(segments.get(at));
    }

    private RuleTrial literal(PathTemplate.Segment expected, int at, int agreed) {
      String is = segments.get(at);
      return failed(
          Verdict.LITERAL_DIFFERS,
          "\"" + Shown.text(is) + "\" is not " + text(expected),
          agreed * SEGMENT + common(is, ((PathTemplate.Literal) expected).text()));
    }

    private static int common(String a, String b) {
      int length = 0;
      while (length < Math.min(a.length(), b.length())
          && length < SEGMENT - 1
          && a.charAt(length) == b.charAt(length)) {
        length++;
      }
      return length;
    }

    private static String text(PathTemplate.Segment segment) {
      return switch (segment) {
        case PathTemplate.Literal(String literal) -> "\"" + literal + "\"";
        case PathTemplate.One() -> "another segment";
        case PathTemplate.Rest() -> "the rest";
      };
    }

    private RuleTrial failed(Verdict verdict, String why, int agreed) {
      return new RuleTrial(route, verdict, why, agreed);
    }
  }
}
