package dev.weft.edge;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;
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
  private final RouteClaims paths;
  private final RouteClaims names;
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
      RouteClaims paths,
      RouteClaims names,
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
        RouteClaims.NONE, RouteClaims.NONE, owners, new LinkedHashMap<>(), Optional.empty());
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
        : Optional.of(new RouteTable(paths, RouteClaims.NONE, owners, parts, Optional.of(service)));
  }

  /** Whether a path that no route has may be this service's. */
  boolean allows(RequestTarget target, String service) {
    return owners
        .owner(target.segments().stream().map(RequestTarget::decode).toList())
        .map(service::equals)
        .orElse(true);
  }

  /** Whether this service issues the tokens that callers show. */
  boolean isIssuer(String service) {
    return owners.isIssuer(service);
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
    RouteNode service = names.root().literals.get(path.substring(1, slash));
    RouteNode method = service == null ? null : service.literals.get(path.substring(slash + 1));
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
      RouteSearch withVerb = new RouteSearch(segments, verb, httpMethod, owner);
      Route route = withVerb.run(paths.root());
      if (route != null) {
        List<String> shorter = new ArrayList<>(raw);
        shorter.set(last, raw.get(last).substring(0, colon));
        return new Found(route, variables(route.template(), segments, shorter));
      }
      if (withVerb.metAnotherMethod()) {
        return withVerb.wrongMethod();
      }
      segments.set(last, whole);
    }
    RouteSearch search = new RouteSearch(segments, "", httpMethod, owner);
    Route route = search.run(paths.root());
    if (route != null) {
      return new Found(route, variables(route.template(), segments, raw));
    }
    return search.metAnotherMethod() ? search.wrongMethod() : new Unknown();
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

  /** Makes one table out of another. Used once, by one thread. */
  private static final class Edit {
    private final RouteOwners owners;
    private final SequencedMap<String, Part> parts;
    private final Set<String> touched = new HashSet<>();
    private final RouteClaims.Edit paths;
    private final RouteClaims.Edit names;

    Edit(RouteTable before) {
      owners = before.owners;
      parts = new LinkedHashMap<>(before.parts);
      paths = new RouteClaims.Edit(before.paths, this::rank, touched);
      names = new RouteClaims.Edit(before.names, this::rankByName, touched);
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

    private void claim(List<Route> routes, RouteClaims.Edit claims, List<Conflict> reserved) {
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
      RouteClaims all = paths.done();
      for (String service : touched) {
        parts.computeIfPresent(
            service,
            (_, part) ->
                new Part(
                    part.rank,
                    part.routes,
                    part.named,
                    part.routes.stream()
                        .filter(route -> route.equals(all.root().at(route)))
                        .toList(),
                    List.copyOf(part.reserved)));
      }
      return new RouteTable(all, names.done(), owners, parts, Optional.empty());
    }
  }
}
