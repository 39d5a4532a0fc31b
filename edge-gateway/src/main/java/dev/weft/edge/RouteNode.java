package dev.weft.edge;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What may follow after some segments of a path: a node of the tree of routes. It is changed only
 * by the edit that made it, and by nobody once a table has it; whatever another edit changes is a
 * copy.
 */
final class RouteNode {
  static final RouteNode EMPTY = new RouteNode(new Mark());

  final Map<String, RouteNode> literals;

  /** The routes that end here, by their verb, which is empty for none, and their method. */
  final Map<String, Map<String, Route>> ends;

  /** Those with the longest suffix first. */
  final List<Tail> tails;

  /** What follows any segment. */
  @Nullable RouteNode one;

  private final Mark edit;

  /** Tells one edit from another. */
  static final class Mark {}

  /** {@code **} and the literals behind it. */
  record Tail(List<String> suffix, String verb, Map<String, Route> byMethod) {
    boolean fits(List<String> segments, int from) {
      int start = segments.size() - suffix.size();
      return start >= from && segments.subList(start, segments.size()).equals(suffix);
    }
  }

  private RouteNode(Mark edit) {
    this.edit = edit;
    this.literals = new HashMap<>();
    this.ends = new HashMap<>();
    this.tails = new ArrayList<>();
  }

  private RouteNode(RouteNode other, Mark edit) {
    this.edit = edit;
    this.literals = new HashMap<>(other.literals);
    this.ends = new HashMap<>(other.ends);
    this.tails = new ArrayList<>(other.tails);
    this.one = other.one;
  }

  private boolean isEmpty() {
    return literals.isEmpty() && ends.isEmpty() && tails.isEmpty() && one == null;
  }

  /** What has the place of this route: its method at the shape of its template. */
  @Nullable Route at(Route place) {
    RouteNode node = this;
    String verb = place.template().verb().orElse("");
    List<PathTemplate.Segment> segments = place.template().segments();
    for (int i = 0; i < segments.size() && node != null; i++) {
      switch (segments.get(i)) {
        case PathTemplate.Literal(String text) -> node = node.literals.get(text);
        case PathTemplate.One() -> node = node.one;
        case PathTemplate.Rest() -> {
          Tail tail = node.tail(suffix(segments, i), verb);
          return tail == null ? null : tail.byMethod.get(place.httpMethod());
        }
      }
    }
    Map<String, Route> byMethod = node == null ? null : node.ends.get(verb);
    return byMethod == null ? null : byMethod.get(place.httpMethod());
  }

  /**
   * This node, or a copy of it, with another holder of the place of a route.
   *
   * @param at how many of its segments lie behind
   * @param holder null for none
   */
  RouteNode changed(Route place, int at, @Nullable Route holder, Mark by) {
    RouteNode mine = edit == by ? this : new RouteNode(this, by);
    List<PathTemplate.Segment> segments = place.template().segments();
    String verb = place.template().verb().orElse("");
    if (at == segments.size()) {
      Map<String, Route> byMethod =
          changed(mine.ends.getOrDefault(verb, Map.of()), place.httpMethod(), holder);
      if (byMethod.isEmpty()) {
        mine.ends.remove(verb);
      } else {
        mine.ends.put(verb, byMethod);
      }
      return mine;
    }
    switch (segments.get(at)) {
      case PathTemplate.Literal(String text) -> {
        RouteNode next = mine.literals.getOrDefault(text, EMPTY).changed(place, at + 1, holder, by);
        // Names come and go without end.
        if (next.isEmpty()) {
          mine.literals.remove(text);
        } else {
          mine.literals.put(text, next);
        }
      }
      case PathTemplate.One() -> {
        RouteNode next = (mine.one == null ? EMPTY : mine.one).changed(place, at + 1, holder, by);
        mine.one = next.isEmpty() ? null : next;
      }
      case PathTemplate.Rest() -> mine.changeTail(suffix(segments, at), verb, place, holder);
    }
    return mine;
  }

  private void changeTail(List<String> suffix, String verb, Route place, @Nullable Route holder) {
    Tail known = tail(suffix, verb);
    Map<String, Route> byMethod =
        changed(known == null ? Map.of() : known.byMethod, place.httpMethod(), holder);
    if (known != null) {
      tails.remove(known);
    }
    if (!byMethod.isEmpty()) {
      tails.add(new Tail(suffix, verb, byMethod));
      tails.sort(Comparator.comparingInt((Tail tail) -> tail.suffix.size()).reversed());
    }
  }

  private @Nullable Tail tail(List<String> suffix, String verb) {
    for (Tail tail : tails) {
      if (tail.suffix.equals(suffix) && tail.verb.equals(verb)) {
        return tail;
      }
    }
    return null;
  }

  private static List<String> suffix(List<PathTemplate.Segment> segments, int rest) {
    return segments.subList(rest + 1, segments.size()).stream()
        .map(segment -> ((PathTemplate.Literal) segment).text())
        .toList();
  }

  private static Map<String, Route> changed(
      Map<String, Route> byMethod, String method, @Nullable Route holder) {
    Map<String, Route> changed = new HashMap<>(byMethod);
    if (holder == null) {
      changed.remove(method);
    } else {
      changed.put(method, holder);
    }
    return Map.copyOf(changed);
  }
}
