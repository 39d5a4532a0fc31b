package dev.weft.edge;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToLongFunction;

/**
 * Which routes have their places, and which would have them next. Immutable.
 *
 * @param waiting by {@link Route#key}, those that others have, in the order of their ranks
 */
record RouteClaims(RouteNode root, Map<String, List<Route>> waiting) {
  static final RouteClaims NONE = new RouteClaims(RouteNode.EMPTY, Map.of());

  /** Adds those that wait, each with who has its place. */
  void addTaken(List<RouteTable.Conflict> conflicts) {
    waiting
        .values()
        .forEach(
            all ->
                all.forEach(
                    one -> {
                      Route holder = root.at(one);
                      if (holder != null) {
                        conflicts.add(RouteTable.Conflict.taken(one, holder.rpc()));
                      }
                    }));
  }

  /**
   * Makes claims out of others: the lowest rank has a place, of one service its first route. Used
   * once, by one thread.
   */
  static final class Edit {
    private final ToLongFunction<Route> rank;
    private final Set<String> touched;
    private final Map<String, List<Route>> waiting;

    /** In the nodes that it made; the nodes stay when this is gone. */
    private final RouteNode.Mark mark = new RouteNode.Mark();

    private RouteNode root;

    /**
     * @param touched gets the services whose routes become served, or are no more
     */
    Edit(RouteClaims before, ToLongFunction<Route> rank, Set<String> touched) {
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

    RouteClaims done() {
      return new RouteClaims(root, waiting);
    }
  }
}
