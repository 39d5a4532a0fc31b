package dev.weft.edge;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * All routes at one moment. Immutable: a request that began with one table ends with it, whatever
 * registers meanwhile. The next table shares what is the same in both, so that a service that
 * changes costs what it has itself, however many others there are.
 *
 * <p>A literal segment beats {@code *}, which beats {@code **}; of several {@code **} the longest
 * literal suffix wins. A verb is what follows the last colon, if some template with this verb
 * matches the path before it; otherwise the colon is data.
 */
final class RouteTable {
  private final Claims paths;
  private final Claims names;
  private final RouteOwners owners;

  /** By service, in the order they were first seen: who has a route keeps it. */
  private final SequencedMap<String, Part> parts;

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

  /**
   * What one service has in the table.
   *
   * @param rank lower than that of services seen later
   * @param named the ways to its RPCs by their names
   * @param served those of its routes that nobody else has
   * @param reserved those of its routes and names whose path belongs to another service
   */
  private record Part(
      long rank,
      List<Route> routes,
      List<Route> named,
      List<Route> served,
      List<Conflict> reserved) {}

  private RouteTable(
      Claims paths,
      Claims names,
      RouteOwners owners,
      SequencedMap<String, Part> parts,
      Optional<String> only) {
    this.paths = paths;
    this.names = names;
    this.owners = owners;
    this.parts = parts;
    this.only = only;
    List<Conflict> all = new ArrayList<>();
    parts.values().forEach(part -> all.addAll(part.reserved));
    paths.addTaken(all);
    names.addTaken(all);
    this.conflicts = List.copyOf(all);
  }

  static RouteTable empty(RouteOwners owners) {
    return new RouteTable(
        Claims.NONE, Claims.NONE, owners, new LinkedHashMap<>(), Optional.empty());
  }

  /**
   * A table of all routes of these services, in their order, but those whose path belongs to
   * another service, and those that one before them has already. A name that the issuer of tokens
   * has is the issuer's, whoever was first.
   */
  static RouteTable of(Collection<ServiceSchema> services, RouteOwners owners) {
    Edit edit = new Edit(empty(owners));
    services.forEach(edit::put);
    return edit.done();
  }

  /** The same, but that this is what its service has. */
  RouteTable with(ServiceSchema service) {
    Edit edit = new Edit(this);
    edit.put(service);
    return edit.done();
  }

  /** The same without one service. */
  RouteTable without(String service) {
    Edit edit = new Edit(this);
    edit.remove(service);
    return edit.done();
  }

  /** The same, but that only the routes of one service are found; empty if it has none. */
  Optional<RouteTable> onlyOf(String service) {
    Part part = parts.get(service);
    return part == null || part.served.isEmpty()
        ? Optional.empty()
        : Optional.of(new RouteTable(paths, Claims.NONE, owners, parts, Optional.of(service)));
  }

  /** Whether a path that no route has may be this service's. */
  boolean allows(RequestTarget target, String service) {
    return owners
        .owner(target.segments().stream().map(RequestTarget::decode).toList())
        .map(service::equals)
        .orElse(true);
  }

  /** The routes served, those of one service after the other. */
  List<Route> routes() {
    List<Route> all = new ArrayList<>();
    parts.values().forEach(part -> all.addAll(part.served));
    return all;
  }

  /** The way to an RPC whose name this path is, {@code /package.Service/Method}. */
  @Nullable Route named(String path) {
    int slash = path.lastIndexOf('/');
    if (slash < 1 || path.charAt(0) != '/') {
      return null;
    }
    Node service = names.root.literals.get(path.substring(1, slash));
    Node method = service == null ? null : service.literals.get(path.substring(slash + 1));
    Map<String, Route> byMethod = method == null ? null : method.ends.get("");
    return byMethod == null ? null : byMethod.get("POST");
  }

  /** The ways to all RPCs that have one by their names, those of one service after the other. */
  List<Route> rpcs() {
    List<Route> all = new ArrayList<>();
    for (Part part : parts.values()) {
      for (Route route : part.named) {
        if (route.equals(named(route.template().text()))) {
          all.add(route);
        }
      }
    }
    return all;
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
      Route route = withVerb.run(paths.root);
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
    Route route = search.run(paths.root);
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
                    .map(
                        template.decodesSlashes()
                            ? RequestTarget::decode
                            : RequestTarget::decodeKeepingSlashes)
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

  /**
   * Which routes have their places, and which would have them next. Immutable.
   *
   * @param waiting by {@link Route#key}, those that others have, in the order of their ranks
   */
  private record Claims(Node root, Map<String, List<Route>> waiting) {
    static final Claims NONE = new Claims(Node.EMPTY, Map.of());

    void addTaken(List<Conflict> conflicts) {
      waiting
          .values()
          .forEach(
              all ->
                  all.forEach(
                      one -> {
                        Route holder = root.at(one);
                        if (holder != null) {
                          conflicts.add(Conflict.taken(one, holder.rpc()));
                        }
                      }));
    }
  }

  /** Makes one table out of another. Used once, by one thread. */
  private static final class Edit {
    private final RouteOwners owners;
    private final SequencedMap<String, Part> parts;
    private final Set<String> touched = new HashSet<>();
    private final ClaimsEdit paths;
    private final ClaimsEdit names;

    Edit(RouteTable before) {
      owners = before.owners;
      parts = new LinkedHashMap<>(before.parts);
      paths = new ClaimsEdit(before.paths, this::rank, touched);
      names = new ClaimsEdit(before.names, this::rankByName, touched);
    }

    private long rank(Route route) {
      Part part = parts.get(route.rpc().service());
      return part == null ? Long.MAX_VALUE : part.rank;
    }

    private long rankByName(Route route) {
      return owners.isIssuer(route.rpc().service()) ? -1 : rank(route);
    }

    void put(ServiceSchema schema) {
      String service = schema.service();
      Part before = parts.get(service);
      long rank =
          before != null
              ? before.rank
              : parts.isEmpty() ? 0 : parts.sequencedValues().getLast().rank + 1;
      withdraw(service);
      List<Conflict> reserved = new ArrayList<>();
      Part part = new Part(rank, schema.routes(), schema.named(), List.of(), reserved);
      // In its place, if it has one.
      parts.put(service, part);
      claim(part.routes, paths, reserved);
      claim(part.named, names, reserved);
      touched.add(service);
    }

    private void claim(List<Route> routes, ClaimsEdit claims, List<Conflict> reserved) {
      for (Route route : routes) {
        if (owners.allows(route.template(), route.rpc().service())) {
          claims.add(route);
        } else {
          String owner = owners.owner(route.template().literalPrefix()).orElseThrow();
          reserved.add(Conflict.reserved(route, owner));
        }
      }
    }

    void remove(String service) {
      withdraw(service);
      parts.remove(service);
    }

    private void withdraw(String service) {
      Part part = parts.get(service);
      if (part != null) {
        part.routes.forEach(paths::remove);
        part.named.forEach(names::remove);
      }
    }

    RouteTable done() {
      Claims all = paths.done();
      for (String service : touched) {
        parts.computeIfPresent(
            service,
            (_, part) ->
                new Part(
                    part.rank,
                    part.routes,
                    part.named,
                    part.routes.stream().filter(route -> route.equals(all.root.at(route))).toList(),
                    List.copyOf(part.reserved)));
      }
      return new RouteTable(all, names.done(), owners, parts, Optional.empty());
    }
  }

  /** Makes claims out of others: the lowest rank has a place, of one service its first route. */
  private static final class ClaimsEdit {
    private final ToLongFunction<Route> rank;
    private final Set<String> touched;
    private final Map<String, List<Route>> waiting;

    /** In the nodes that it made; the nodes stay when this is gone. */
    private final Mark mark = new Mark();

    private Node root;

    /**
     * @param touched gets the services whose routes become served, or are no more
     */
    ClaimsEdit(Claims before, ToLongFunction<Route> rank, Set<String> touched) {
      this.root = before.root;
      this.waiting = new LinkedHashMap<>(before.waiting);
      this.rank = rank;
      this.touched = touched;
    }

    void add(Route route) {
      Route holder = root.at(route);
      if (holder == null) {
        root = root.changed(route, 0, route, mark);
        return;
      }
      List<Route> all = new ArrayList<>(waiting.getOrDefault(route.key(), List.of()));
      if (rank.applyAsLong(route) < rank.applyAsLong(holder)) {
        root = root.changed(route, 0, route, mark);
        touched.add(holder.rpc().service());
        // Whoever has had it comes before all that waited behind it.
        all.addFirst(holder);
      } else {
        int at = 0;
        while (at < all.size() && rank.applyAsLong(all.get(at)) <= rank.applyAsLong(route)) {
          at++;
        }
        all.add(at, route);
      }
      waiting.put(route.key(), List.copyOf(all));
    }

    void remove(Route route) {
      boolean held = route.equals(root.at(route));
      List<Route> behind =
          waiting.isEmpty() ? List.of() : waiting.getOrDefault(route.key(), List.of());
      if (behind.isEmpty()) {
        if (held) {
          root = root.changed(route, 0, null, mark);
        }
        return;
      }
      Route gone = held ? behind.getFirst() : route;
      List<Route> left = new ArrayList<>(behind);
      left.remove(gone);
      if (left.isEmpty()) {
        waiting.remove(route.key());
      } else {
        waiting.put(route.key(), List.copyOf(left));
      }
      if (held) {
        root = root.changed(route, 0, gone, mark);
        touched.add(gone.rpc().service());
      }
    }

    Claims done() {
      return new Claims(root, waiting);
    }
  }

  /** Tells one edit from another. */
  private static final class Mark {}

  /**
   * What may follow after some segments. It is changed only by the edit that made it; whatever
   * another edit changes is a copy.
   */
  private static final class Node {
    static final Node EMPTY = new Node(new Mark());

    final Map<String, Node> literals;
    final Map<String, Map<String, Route>> ends;
    final List<Tail> tails;
    @Nullable Node one;
    private final Mark edit;

    private Node(Mark edit) {
      this.edit = edit;
      this.literals = new HashMap<>();
      this.ends = new HashMap<>();
      this.tails = new ArrayList<>();
    }

    private Node(Node other, Mark edit) {
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
      Node node = this;
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
    Node changed(Route place, int at, @Nullable Route holder, Mark by) {
      Node mine = edit == by ? this : new Node(this, by);
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
          Node next = mine.literals.getOrDefault(text, EMPTY).changed(place, at + 1, holder, by);
          // Names come and go without end.
          if (next.isEmpty()) {
            mine.literals.remove(text);
          } else {
            mine.literals.put(text, next);
          }
        }
        case PathTemplate.One() -> {
          Node next = (mine.one == null ? EMPTY : mine.one).changed(place, at + 1, holder, by);
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
}
