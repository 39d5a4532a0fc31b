package dev.weft.edge;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * All routes at one moment. Immutable: a request that began with one table ends with it, whatever
 * registers meanwhile.
 *
 * <p>A literal segment beats {@code *}, which beats {@code **}; of several {@code **} the longest
 * literal suffix wins. A verb is what follows the last colon, if some template with this verb
 * matches the path before it; otherwise the colon is data.
 */
final class RouteTable {
  private final Node root;
  private final Map<String, Route> named;
  private final RouteOwners owners;
  private final List<Route> routes;
  private final List<Conflict> conflicts;

  /** Whose routes alone are seen; mostly everybody's. */
  private final Optional<String> only;

  /**
   * A route that is not served.
   *
   * @param owner the service that has it, or to which its path belongs
   * @param holder the RPC that has it; empty where the path is reserved for its owner
   */
  record Conflict(Route refused, String owner, Optional<String> holder) {
    static Conflict reserved(Route refused, String owner) {
      return new Conflict(refused, owner, Optional.empty());
    }

    static Conflict taken(Route refused, Rpc holder) {
      return new Conflict(refused, holder.service(), Optional.of(holder.name()));
    }
  }

  /** What a request meets. */
  sealed interface Match {}

  /**
   * A route.
   *
   * @param variables decoded, in the order of the template
   */
  record Found(Route route, List<String> variables) implements Match {}

  /** The path is known, the method is not: these are. */
  record WrongMethod(Collection<String> allowed) implements Match {}

  /** No route has this path. */
  record Unknown() implements Match {}

  private RouteTable(
      Node root,
      Map<String, Route> named,
      RouteOwners owners,
      List<Route> routes,
      List<Conflict> conflicts,
      Optional<String> only) {
    this.root = root;
    this.named = named;
    this.owners = owners;
    this.routes = List.copyOf(routes);
    this.conflicts = List.copyOf(conflicts);
    this.only = only;
  }

  /** The same, but that only the routes of one service are found; empty if it has none. */
  Optional<RouteTable> onlyOf(String service) {
    return routes.stream().anyMatch(route -> route.rpc().service().equals(service))
        ? Optional.of(
            new RouteTable(root, Map.of(), owners, routes, conflicts, Optional.of(service)))
        : Optional.empty();
  }

  /** Whether a path that no route has may be this service's. */
  boolean allows(RequestTarget target, String service) {
    return owners
        .owner(target.segments().stream().map(RequestTarget::decode).toList())
        .map(service::equals)
        .orElse(true);
  }

  static RouteTable empty(RouteOwners owners) {
    return of(List.of(), List.of(), owners);
  }

  /**
   * A table of all these routes but those whose path belongs to another service, and those that one
   * before them has already.
   *
   * @param named the ways to RPCs by their names; a name that the issuer of tokens has is the
   *     issuer's, whoever was first
   */
  static RouteTable of(List<Route> candidates, List<Route> named, RouteOwners owners) {
    Node root = new Node();
    Map<String, Route> taken = new LinkedHashMap<>();
    List<Conflict> conflicts = new ArrayList<>();
    for (Route route : candidates) {
      PathTemplate template = route.template();
      String service = route.rpc().service();
      if (!owners.allows(template, service)) {
        conflicts.add(
            Conflict.reserved(route, owners.owner(template.literalPrefix()).orElseThrow()));
        continue;
      }
      Route holder = taken.putIfAbsent(route.key(), route);
      if (holder != null) {
        conflicts.add(Conflict.taken(route, holder.rpc()));
        continue;
      }
      root.add(template.segments(), 0, template.verb().orElse(""), route);
    }
    root.freeze();
    Map<String, Route> byName = byName(named, owners, conflicts);
    return new RouteTable(
        root, byName, owners, List.copyOf(taken.values()), conflicts, Optional.empty());
  }

  private static Map<String, Route> byName(
      List<Route> named, RouteOwners owners, List<Conflict> conflicts) {
    Map<String, Route> byName = new HashMap<>();
    for (boolean issuers : new boolean[] {true, false}) {
      for (Route route : named) {
        String service = route.rpc().service();
        if (owners.isIssuer(service) != issuers) {
          continue;
        }
        if (!owners.allows(route.template(), service)) {
          String owner = owners.owner(route.template().literalPrefix()).orElseThrow();
          conflicts.add(Conflict.reserved(route, owner));
          continue;
        }
        Route holder = byName.putIfAbsent(route.template().text(), route);
        if (holder != null) {
          conflicts.add(Conflict.taken(route, holder.rpc()));
        }
      }
    }
    return byName;
  }

  /** The routes served, in the order they were claimed. */
  List<Route> routes() {
    return routes;
  }

  /** The way to an RPC whose name this path is, {@code /package.Service/Method}. */
  @Nullable Route named(String path) {
    return named.get(path);
  }

  List<Conflict> conflicts() {
    return conflicts;
  }

  /** Finds what a request meets. HEAD is answered by a route of GET unless it has its own. */
  Match match(String httpMethod, RequestTarget target) {
    List<String> raw = target.segments();
    List<String> segments = new ArrayList<>(raw.size());
    for (String segment : raw) {
      if (segment.isEmpty()) {
        return new Unknown();
      }
      segments.add(RequestTarget.decode(segment));
    }
    Optional<String> owner = only.isPresent() ? only : owners.owner(segments);
    int last = raw.size() - 1;
    int colon = raw.get(last).lastIndexOf(':');
    if (colon > 0) {
      String whole = segments.set(last, RequestTarget.decode(raw.get(last).substring(0, colon)));
      String verb = RequestTarget.decode(raw.get(last).substring(colon + 1));
      Search withVerb = new Search(segments, verb, httpMethod, owner);
      Route route = withVerb.run(root);
      if (route != null) {
        List<String> shorter = new ArrayList<>(raw);
        shorter.set(last, raw.get(last).substring(0, colon));
        return new Found(route, variables(route.template(), segments, shorter));
      }
      if (!withVerb.allowed.isEmpty()) {
        return withVerb.wrongMethod();
      }
      segments.set(last, whole);
    }
    Search search = new Search(segments, "", httpMethod, owner);
    Route route = search.run(root);
    if (route != null) {
      return new Found(route, variables(route.template(), segments, raw));
    }
    return search.allowed.isEmpty() ? new Unknown() : search.wrongMethod();
  }

  private static List<String> variables(
      PathTemplate template, List<String> segments, List<String> raw) {
    // How many segments ** stands for moves everything behind it.
    int shift = segments.size() - template.segments().size();
    int rest = template.segments().indexOf(new PathTemplate.Rest());
    List<String> values = new ArrayList<>(template.variables().size());
    for (PathTemplate.Variable variable : template.variables()) {
      int start = variable.start() + (rest >= 0 && variable.start() > rest ? shift : 0);
      int end = variable.end() + (rest >= 0 && variable.end() > rest ? shift : 0);
      if (!variable.multi()) {
        values.add(segments.get(start));
      } else {
        values.add(
            String.join(
                "/",
                raw.subList(start, end).stream()
                    .map(RequestTarget::decodeKeepingSlashes)
                    .toList()));
      }
    }
    return values;
  }

  /** One look-up: the best route with the right method, or the methods of all that match. */
  private static final class Search {
    final TreeSet<String> allowed = new TreeSet<>();
    private final List<String> segments;
    private final String verb;
    private final String httpMethod;
    private final Optional<String> owner;

    Search(List<String> segments, String verb, String httpMethod, Optional<String> owner) {
      this.segments = segments;
      this.verb = verb;
      this.httpMethod = httpMethod;
      this.owner = owner;
    }

    @Nullable Route run(Node root) {
      return find(root, 0);
    }

    WrongMethod wrongMethod() {
      if (allowed.contains("GET")) {
        allowed.add("HEAD");
      }
      allowed.add("OPTIONS");
      return new WrongMethod(allowed);
    }

    // Each node is reached by one path only, so the work is bounded by the size of the table.
    private @Nullable Route find(Node node, int depth) {
      Route found = depth == segments.size() ? pick(node.ends.get(verb)) : null;
      if (found == null && depth < segments.size()) {
        Node literal = node.literals.get(segments.get(depth));
        found = literal == null ? null : find(literal, depth + 1);
        if (found == null && node.one != null) {
          found = find(node.one, depth + 1);
        }
      }
      if (found == null) {
        for (Tail tail : node.tails) {
          if (tail.verb.equals(verb) && tail.fits(segments, depth)) {
            found = pick(tail.byMethod);
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

  /** {@code **} and the literals behind it. */
  private record Tail(List<String> suffix, String verb, Map<String, Route> byMethod) {
    boolean fits(List<String> segments, int from) {
      int start = segments.size() - suffix.size();
      return start >= from && segments.subList(start, segments.size()).equals(suffix);
    }
  }

  /** What may follow after some segments. */
  private static final class Node {
    final Map<String, Node> literals = new HashMap<>();
    final Map<String, Map<String, Route>> ends = new HashMap<>();
    final List<Tail> tails = new ArrayList<>();
    @Nullable Node one;

    void add(List<PathTemplate.Segment> segments, int at, String verb, Route route) {
      if (at == segments.size()) {
        ends.computeIfAbsent(verb, _ -> new HashMap<>()).put(route.httpMethod(), route);
        return;
      }
      switch (segments.get(at)) {
        case PathTemplate.Literal(String text) ->
            literals.computeIfAbsent(text, _ -> new Node()).add(segments, at + 1, verb, route);
        case PathTemplate.One() -> {
          if (one == null) {
            one = new Node();
          }
          one.add(segments, at + 1, verb, route);
        }
        case PathTemplate.Rest() -> addTail(segments.subList(at + 1, segments.size()), verb, route);
      }
    }

    private void addTail(List<PathTemplate.Segment> behind, String verb, Route route) {
      List<String> suffix =
          behind.stream().map(segment -> ((PathTemplate.Literal) segment).text()).toList();
      Tail tail =
          tails.stream()
              .filter(known -> known.suffix.equals(suffix) && known.verb.equals(verb))
              .findFirst()
              .orElse(null);
      if (tail == null) {
        tail = new Tail(suffix, verb, new HashMap<>());
        tails.add(tail);
      }
      tail.byMethod.put(route.httpMethod(), route);
    }

    void freeze() {
      tails.sort(Comparator.comparingInt((Tail tail) -> tail.suffix.size()).reversed());
      literals.values().forEach(Node::freeze);
      if (one != null) {
        one.freeze();
      }
    }
  }
}
