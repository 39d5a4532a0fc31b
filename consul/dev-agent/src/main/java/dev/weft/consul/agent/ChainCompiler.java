package dev.weft.consul.agent;

import dev.weft.consul.agent.DiscoveryChain.Node;
import dev.weft.consul.agent.DiscoveryChain.Overrides;
import dev.weft.consul.agent.DiscoveryChain.Resolver;
import dev.weft.consul.agent.DiscoveryChain.Route;
import dev.weft.consul.agent.DiscoveryChain.Router;
import dev.weft.consul.agent.DiscoveryChain.Split;
import dev.weft.consul.agent.DiscoveryChain.Splitter;
import dev.weft.consul.agent.DiscoveryChain.Target;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Makes one {@link DiscoveryChain} of config entries: the service's router, then the splitters of
 * the services it names, then the resolvers of those the splitters name.
 *
 * <p>Used once, by one thread.
 */
final class ChainCompiler {
  /** The entries that count. */
  interface Entries {
    @Nullable ConfigEntry find(String kind, String name);
  }

  /**
   * For where a chain is.
   *
   * @param datacenter that of targets whose datacenter no entry says
   * @param own the one the agent is in, whose targets need no gateway
   */
  record Place(String datacenter, String own, String trustDomain) {}

  /** What there is to resolve: some instances of a service, by name. */
  private record Wanted(String service, String subset, String datacenter) {
    String id() {
      return (subset.isEmpty() ? "" : subset + ".") + scoped(service) + "." + datacenter;
    }

    /** This with whatever is not empty in place of its own; another service has other subsets. */
    Wanted instead(String newService, String newSubset, String newDatacenter) {
      boolean same = newService.isEmpty() || newService.equals(service);
      return new Wanted(
          same ? service : newService,
          newSubset.isEmpty() && same ? subset : newSubset,
          newDatacenter.isEmpty() ? datacenter : newDatacenter);
    }
  }

  private static final String TCP = "tcp";
  private static final Duration CONNECT_TIMEOUT = Duration.ofSeconds(5);

  /** Splitters of splitters multiply; nobody draws from more. */
  private static final int SPLITS_MAX = 10_000;

  /** Splitters of splitters are followed by recursion, and a thread's stack has an end. */
  private static final int SPLITTERS_DEEP_MAX = 100;

  private final Entries entries;
  private final Place place;
  private final String service;
  private final Overrides overrides;

  /** Whether there may be routes and splits. */
  private final boolean byRequest;

  private final Map<String, Node> nodes = new HashMap<>();
  private final SortedMap<String, Target> targets = new TreeMap<>();
  private String protocol = "";
  private boolean otherMeshGateway;
  private boolean otherProtocol;
  private boolean otherConnectTimeout;

  private ChainCompiler(Entries entries, Place place, String service, Overrides overrides) {
    this.entries = entries;
    this.place = place;
    this.service = service;
    this.overrides = overrides;
    byRequest = overrides.protocol().isEmpty() || DiscoveryChain.hasRequests(overrides.protocol());
  }

  /**
   * The service's chain.
   *
   * @throws ApiError if the entries contradict each other
   */
  static DiscoveryChain compile(Entries entries, Place place, String service, Overrides overrides) {
    return new ChainCompiler(entries, place, service, overrides).compile();
  }

  private DiscoveryChain compile() {
    String start = start();
    requireNoCircle(start, new LinkedHashSet<>(), new HashSet<>());
    SortedMap<String, Node> reached = new TreeMap<>();
    reach(start, reached);
    if (!DiscoveryChain.hasRequests(protocol) && !(reached.get(start) instanceof Resolver)) {
      throw wrong(
          "discovery chain \"%s\" uses a protocol \"%s\"".formatted(service, protocol)
              + " that does not permit advanced routing or splitting behavior");
    }
    String shownProtocol = overrides.protocol().isEmpty() ? protocol : overrides.protocol();
    otherProtocol |= !shownProtocol.equals(protocol);
    return new DiscoveryChain(
        service, place.datacenter(), customizationHash(), shownProtocol, start, reached, targets);
  }

  private String customizationHash() {
    if (!otherMeshGateway && !otherProtocol && !otherConnectTimeout) {
      return "";
    }
    return CustomizationHash.of(
        new Overrides(
            otherMeshGateway ? overrides.meshGateway() : "",
            otherProtocol ? overrides.protocol() : "",
            otherConnectTimeout ? overrides.connectTimeout() : Duration.ZERO));
  }

  // ---- From the entries to nodes; each method returns the key of a node

  private String start() {
    if (!(entries.find(ServiceRouter.KIND, service) instanceof ServiceRouter router)) {
      return splitterOrResolver(service);
    }
    if (!byRequest) {
      otherProtocol = true;
      return splitterOrResolver(service);
    }
    agreeOnProtocol(service);
    List<Route> routes = new ArrayList<>();
    for (ServiceRouter.Route route : router.routes()) {
      routes.add(new Route(route, next(route.destination())));
    }
    routes.add(new Route(everything(), splitterOrResolver(service)));
    return add(new Router(scoped(service), routes));
  }

  private String next(ServiceRouter.@Nullable Destination destination) {
    if (destination == null) {
      return splitterOrResolver(service);
    }
    String to = destination.service().isEmpty() ? service : destination.service();
    return destination.subset().isEmpty()
        ? splitterOrResolver(to)
        : resolver(new Wanted(to, destination.subset(), place.datacenter()));
  }

  private ServiceRouter.Route everything() {
    return new ServiceRouter.Route(
        Json.object("HTTP", Json.object("PathPrefix", "/")), ServiceRouter.Destination.of(service));
  }

  private String splitterOrResolver(String name) {
    String splitter = splitter(name, 1);
    return splitter == null ? resolver(new Wanted(name, "", place.datacenter())) : splitter;
  }

  /**
   * Null if the service has no splitter.
   *
   * @param depth of the splitter below the service's first one, which is 1
   */
  private @Nullable String splitter(String name, int depth) {
    if (!(entries.find(ServiceSplitter.KIND, name) instanceof ServiceSplitter entry)) {
      return null;
    }
    if (!byRequest) {
      otherProtocol = true;
      return null;
    }
    List<Split> splits = new ArrayList<>();
    Splitter splitter = new Splitter(scoped(name), splits);
    if (nodes.containsKey(splitter.key())) {
      return splitter.key();
    }
    if (depth > SPLITTERS_DEEP_MAX) {
      throw wrong(
          "discovery chain \"%s\" has splitters more than %d deep"
              .formatted(service, SPLITTERS_DEEP_MAX));
    }
    add(splitter); // before its splits, so that a circle of splitters ends here
    for (ServiceSplitter.Split split : entry.splits()) {
      String to = split.service().isEmpty() ? name : split.service();
      String inner = to.equals(name) || !split.subset().isEmpty() ? null : splitter(to, depth + 1);
      splits.add(
          new Split(
              split.weight(),
              inner == null
                  ? resolver(new Wanted(to, split.subset(), place.datacenter()))
                  : inner));
    }
    return splitter.key();
  }

  private String resolver(Wanted wanted) {
    Target target = settle(wanted);
    ServiceResolver entry = resolverOf(target.service());
    return add(
        new Resolver(
            target.id(), entry.isDefault(), connectTimeout(entry), failover(target, entry)));
  }

  private Duration connectTimeout(ServiceResolver entry) {
    return overrides.connectTimeout().isPositive()
        ? overrides.connectTimeout()
        : configuredTimeout(entry);
  }

  private static Duration configuredTimeout(ServiceResolver entry) {
    return entry.connectTimeout().isPositive() ? entry.connectTimeout() : CONNECT_TIMEOUT;
  }

  private List<String> failover(Target target, ServiceResolver entry) {
    List<String> others = new ArrayList<>();
    ServiceResolver.Failover failover = entry.failoverOf(target.serviceSubset());
    if (failover == null) {
      return others;
    }
    Wanted from = new Wanted(target.service(), target.serviceSubset(), target.datacenter());
    List<String> datacenters =
        failover.datacenters().isEmpty() ? List.of("") : failover.datacenters();
    for (String datacenter : datacenters) {
      Wanted other = from.instead(failover.service(), failover.subset(), datacenter);
      if (!other.equals(from)) {
        others.add(settle(other).id());
      }
    }
    return others;
  }

  private String add(Node node) {
    nodes.put(node.key(), node);
    return node.key();
  }

  // ---- Targets

  /** The target of what is wanted, once every redirect and default subset is followed. */
  private Target settle(Wanted wanted) {
    Set<String> path = new LinkedHashSet<>();
    while (true) {
      agreeOnProtocol(wanted.service());
      if (!path.add(wanted.id())) {
        throw wrong("detected circular resolver redirect: " + circle(path, wanted.id()));
      }
      ServiceResolver entry = resolverOf(wanted.service());
      Wanted instead = instead(wanted, entry);
      if (instead.equals(wanted)) {
        return target(wanted, entry);
      }
      wanted = instead;
    }
  }

  private static Wanted instead(Wanted wanted, ServiceResolver entry) {
    ServiceResolver.Redirect redirect = entry.redirect();
    if (redirect != null) {
      Wanted redirected =
          wanted.instead(redirect.service(), redirect.subset(), redirect.datacenter());
      if (!redirected.equals(wanted)) {
        return redirected;
      }
    }
    return wanted.subset().isEmpty() ? wanted.instead("", entry.defaultSubset(), "") : wanted;
  }

  private Target target(Wanted wanted, ServiceResolver entry) {
    if (!entry.hasSubset(wanted.subset())) {
      throw wrong(
          "service \"%s\" does not have a subset named \"%s\""
              .formatted(wanted.service(), wanted.subset()));
    }
    ServiceDefaults defaults = defaultsOf(wanted.service());
    String externalSni = defaults == null ? "" : defaults.externalSni();
    if (!externalSni.isEmpty()) {
      requirePlain(wanted.service(), entry);
    }
    String name = wanted.id() + ".internal." + place.trustDomain();
    Target target =
        new Target(
            wanted.id(),
            wanted.service(),
            wanted.subset(),
            wanted.datacenter(),
            externalSni.isEmpty() ? meshGateway(wanted, defaults) : "",
            entry.subsets().getOrDefault(wanted.subset(), ServiceResolver.Subset.ALL),
            !externalSni.isEmpty(),
            externalSni.isEmpty() ? name : externalSni,
            name);
    targets.put(target.id(), target);
    otherConnectTimeout |= !connectTimeout(entry).equals(configuredTimeout(entry));
    return target;
  }

  private static void requirePlain(String external, ServiceResolver entry) {
    Map<String, Boolean> defined = new LinkedHashMap<>();
    defined.put("redirects", entry.redirect() != null);
    defined.put("subsets", !entry.subsets().isEmpty());
    defined.put("failover", !entry.failover().isEmpty());
    defined.forEach(
        (what, isDefined) -> {
          if (isDefined) {
            throw wrong(
                "service \"%s\" has an external SNI set; cannot define %s for external services"
                    .formatted(external, what));
          }
        });
  }

  private String meshGateway(Wanted wanted, @Nullable ServiceDefaults defaults) {
    if (wanted.datacenter().equals(place.own())) {
      return "";
    }
    String mode = defaults == null ? "" : mode(defaults.meshGateway());
    ProxyDefaults proxies = proxyDefaults();
    if (mode.isEmpty() && proxies != null) {
      mode = mode(proxies.meshGateway());
    }
    if (!overrides.meshGateway().isEmpty() && !overrides.meshGateway().equals(mode)) {
      mode = overrides.meshGateway();
      otherMeshGateway = true;
    }
    return mode;
  }

  private static String mode(Map<String, @Nullable Object> meshGateway) {
    return meshGateway.get("Mode") instanceof String mode ? mode : "";
  }

  // ---- What must hold

  /** All services on the way have one protocol, that of the first. */
  private void agreeOnProtocol(String name) {
    String itsOwn = protocolOf(name).toLowerCase(Locale.ROOT);
    String known = itsOwn.isEmpty() ? TCP : itsOwn;
    if (protocol.isEmpty()) {
      protocol = known;
    } else if (!protocol.equals(known)) {
      throw wrong(
          "discovery chain \"%s\" uses inconsistent protocols;".formatted(service)
              + " service \"%s\" has \"%s\" which is not \"%s\"".formatted(name, known, protocol));
    }
  }

  /** A service with an entry of its own has what that says, be it nothing. */
  private String protocolOf(String name) {
    ServiceDefaults defaults = defaultsOf(name);
    if (defaults != null) {
      return defaults.protocol();
    }
    ProxyDefaults proxies = proxyDefaults();
    return proxies == null ? "" : proxies.protocol();
  }

  /**
   * Looks for a way that comes back to where it was. The last branch goes first, so that of several
   * circles the one is named that Consul names.
   */
  private void requireNoCircle(String key, Set<String> path, Set<String> done) {
    if (!path.add(key)) {
      throw wrong("detected circular reference: " + circle(path, key));
    }
    for (String next : node(key).next().reversed()) {
      if (!done.contains(next)) {
        requireNoCircle(next, path, done);
      }
    }
    path.remove(key);
    done.add(key);
  }

  /** Keeps the nodes that can be reached, splitters of splitters as one. */
  private void reach(String key, Map<String, Node> reached) {
    if (reached.containsKey(key)) {
      return;
    }
    Node node = node(key);
    Node kept =
        node instanceof Splitter splitter
            ? new Splitter(splitter.name(), flat(splitter, new HashMap<>()))
            : node;
    reached.put(key, kept);
    kept.next().forEach(next -> reach(next, reached));
  }

  private List<Split> flat(Splitter splitter, Map<String, List<Split>> known) {
    List<Split> before = known.get(splitter.key());
    if (before != null) {
      return before;
    }
    List<Split> flat = new ArrayList<>();
    for (Split split : splitter.splits()) {
      if (node(split.nextNode()) instanceof Splitter inner) {
        for (Split share : flat(inner, known)) {
          flat.add(
              new Split(ServiceSplitter.shareOf(split.weight(), share.weight()), share.nextNode()));
        }
      } else {
        flat.add(split);
      }
      if (flat.size() > SPLITS_MAX) {
        throw wrong("discovery chain \"" + service + "\" has more than " + SPLITS_MAX + " splits");
      }
    }
    known.put(splitter.key(), flat);
    return flat;
  }

  // ---- Look-ups

  private Node node(String key) {
    Node node = nodes.get(key);
    if (node == null) {
      throw new IllegalStateException(key + " is no node of the chain of " + service);
    }
    return node;
  }

  private ServiceResolver resolverOf(String name) {
    return entries.find(ServiceResolver.KIND, name) instanceof ServiceResolver entry
        ? entry
        : ServiceResolver.ofNone(name);
  }

  private @Nullable ServiceDefaults defaultsOf(String name) {
    return entries.find(ServiceDefaults.KIND, name) instanceof ServiceDefaults entry ? entry : null;
  }

  private @Nullable ProxyDefaults proxyDefaults() {
    return entries.find(ProxyDefaults.KIND, ProxyDefaults.NAME) instanceof ProxyDefaults entry
        ? entry
        : null;
  }

  private static String scoped(String name) {
    return name + "." + ConfigEntry.NAMESPACE;
  }

  private static String circle(Set<String> way, String back) {
    return "[" + String.join(" -> ", way) + " -> " + back + "]";
  }

  private static ApiError wrong(String what) {
    return new ApiError(500, what);
  }
}
