package dev.weft.edge;

import java.util.List;
import java.util.Optional;

/**
 * Where a request would go, found as {@link Gateway} finds it and told for an explanation.
 *
 * @param target as rules see it, of a mount without its prefix
 * @param routes that were looked at
 * @param match what was met; of a path that names an RPC its route
 * @param mount by which it leads there
 */
record Way(
    Kind kind,
    RequestTarget target,
    RouteTable routes,
    RouteTable.Match match,
    Optional<Mount> mount) {

  /** How it leads there. */
  enum Kind {
    RULE,
    /** The path names an RPC. */
    NAME,
    WEBSOCKET,
    /** To a service that speaks HTTP. */
    PROXY,
    /** A page of the edge's own. */
    PAGE,
    NOWHERE
  }

  static Way of(Exchange exchange, Explain.Edge edge, RequestTarget target) {
    RouteTable routes = edge.services().routes();
    if (isPage(edge.api(), target.path())) {
      return new Way(Kind.PAGE, target, routes, new RouteTable.Unknown(), Optional.empty());
    }
    Route named = routes.named(target.path());
    if (named != null) {
      return named(exchange, routes, target, named);
    }
    Way way = matched(exchange, routes, target, Optional.empty());
    if (way.kind != Kind.NOWHERE || !edge.caughtUp().getAsBoolean()) {
      return way;
    }
    Optional<Mount> mount =
        edge.services().mounts().at(target).filter(one -> routes.allows(target, one.service()));
    if (mount.isEmpty()) {
      return way;
    }
    return routes
        .onlyOf(mount.get().service())
        .map(of -> matched(exchange, of, target.at(mount.get().inside(target)), mount))
        .orElseGet(() -> new Way(Kind.PROXY, target, routes, new RouteTable.Unknown(), mount));
  }

  private static boolean isPage(ApiConfig api, String path) {
    return (api.tools() && path.equals(Mcp.PATH))
        || (api.shown()
            && ApiPages.PATHS.stream()
                .anyMatch(page -> path.equals(page) || path.startsWith(page + "/")));
  }

  private static Way named(
      Exchange exchange, RouteTable routes, RequestTarget target, Route route) {
    List<String> methods = RpcRequests.methods(route);
    boolean upgrades = upgrades(exchange, routes, target).isPresent();
    return new Way(
        upgrades ? Kind.WEBSOCKET : Kind.NAME,
        target,
        routes,
        upgrades || (methods.contains(exchange.method()) && !exchange.method().equals("OPTIONS"))
            ? new RouteTable.Found(route, List.of())
            : new RouteTable.WrongMethod(methods),
        Optional.empty());
  }

  private static Way matched(
      Exchange exchange, RouteTable routes, RequestTarget target, Optional<Mount> mount) {
    RouteTable.Match match = routes.match(exchange.method(), target);
    if (match instanceof RouteTable.Unknown) {
      return new Way(Kind.NOWHERE, target, routes, match, mount);
    }
    if (match instanceof RouteTable.Found found && found.route().rpc().unary()) {
      return new Way(Kind.RULE, target, routes, match, mount);
    }
    Optional<RouteTable.Found> stream = upgrades(exchange, routes, target);
    return stream.isPresent()
        ? new Way(Kind.WEBSOCKET, target, routes, stream.get(), mount)
        : new Way(Kind.RULE, target, routes, match, mount);
  }

  /** The stream that a WebSocket would be opened to. */
  private static Optional<RouteTable.Found> upgrades(
      Exchange exchange, RouteTable routes, RequestTarget target) {
    return WebSockets.areAskedFor(exchange.request())
        ? WebSockets.stream(routes, target)
        : Optional.empty();
  }

  /** The route that is met, if one is. */
  Optional<RouteTable.Found> found() {
    return match instanceof RouteTable.Found found ? Optional.of(found) : Optional.empty();
  }
}
