package dev.weft.edge;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * One look-up of a path in the tree of routes: the best route with the right method, or the methods
 * of all that match. Used once, by one thread.
 */
final class RouteSearch {
  private final TreeSet<String> allowed = new TreeSet<>();
  private final List<String> segments;
  private final String verb;
  private final String httpMethod;
  private final Optional<String> owner;

  /**
   * @param segments of the path, decoded, without the verb
   * @param verb empty for none
   * @param owner whose routes alone are seen; empty for everybody's
   */
  RouteSearch(List<String> segments, String verb, String httpMethod, Optional<String> owner) {
    this.segments = segments;
    this.verb = verb;
    this.httpMethod = httpMethod;
    this.owner = owner;
  }

  /** The route; null if none has this path and this method. */
  @Nullable Route run(RouteNode root) {
    return find(root, 0);
  }

  /** Whether a route that was met has this path, and another method. */
  boolean metAnotherMethod() {
    return !allowed.isEmpty();
  }

  RouteTable.WrongMethod wrongMethod() {
    if (allowed.contains("GET")) {
      allowed.add("HEAD");
    }
    allowed.add("OPTIONS");
    return new RouteTable.WrongMethod(allowed);
  }

  // Each node is reached by one path only, so the work is bounded by the size of the table.
  private @Nullable Route find(RouteNode node, int depth) {
    Route found = depth == segments.size() ? pick(node.ends.get(verb)) : null;
    if (found == null && depth < segments.size()) {
      RouteNode literal = node.literals.get(segments.get(depth));
      found = literal == null ? null : find(literal, depth + 1);
      if (found == null && node.one != null) {
        found = find(node.one, depth + 1);
      }
    }
    if (found == null) {
      for (RouteNode.Tail tail : node.tails) {
        if (tail.verb().equals(verb) && tail.fits(segments, depth)) {
          found = pick(tail.byMethod());
          if (found != null) {
            break;
          }
        }
      }
    }
    return found;
  }

  private @Nullable Route pick(@Nullable Map<String, Route> byMethod) {
    if (byMethod == null) {
      return null;
    }
    Route route = mine(byMethod.get(httpMethod));
    if (route == null && httpMethod.equals("HEAD")) {
      route = mine(byMethod.get("GET"));
    }
    if (route == null) {
      route = mine(byMethod.get(Route.ANY_METHOD));
    }
    if (route == null) {
      byMethod.forEach(
          (method, other) -> {
            if (mine(other) != null) {
              allowed.add(method);
            }
          });
    }
    return route;
  }

  private @Nullable Route mine(@Nullable Route route) {
    return route == null || owner.isEmpty() || owner.get().equals(route.rpc().service())
        ? route
        : null;
  }
}
