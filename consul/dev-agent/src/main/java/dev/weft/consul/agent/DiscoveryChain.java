package dev.weft.consul.agent;

import static dev.weft.consul.agent.Json.object;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import org.jspecify.annotations.Nullable;

/**
 * How to reach a service, worked out from all config entries that have a say in it: a graph that is
 * walked from its start to a resolver, which names the target.
 *
 * @param customizationHash tells chains of one service apart that were compiled with different
 *     {@link Overrides}; empty if they made no difference
 * @param startNode a key of {@code nodes}
 * @param nodes by {@link Node#key()}
 * @param targets by {@link Target#id()}
 */
record DiscoveryChain(
    String service,
    String datacenter,
    String customizationHash,
    String protocol,
    String startNode,
    SortedMap<String, Node> nodes,
    SortedMap<String, Target> targets) {
  /** A place on the way. */
  sealed interface Node {
    String type();

    String name();

    default String key() {
      return type() + ":" + name();
    }

    /** The keys of the nodes that may come next. */
    List<String> next();

    /** The field that only nodes of this type have, and its value. */
    Map<String, @Nullable Object> json();
  }

  /** The first route that matches decides; the last one matches everything. */
  record Router(String name, List<Route> routes) implements Node {
    @Override
    public String type() {
      return "router";
    }

    @Override
    public List<String> next() {
      return routes.stream().map(Route::nextNode).toList();
    }

    @Override
    public Map<String, @Nullable Object> json() {
      return object("Routes", routes.stream().map(Route::json).toList());
    }
  }

  /** A rule, and the node for what it matches. */
  record Route(ServiceRouter.Route definition, String nextNode) {
    Map<String, @Nullable Object> json() {
      return object("Definition", definition.json(), "NextNode", nextNode);
    }
  }

  /** One of the splits is drawn for each call, by weight. */
  record Splitter(String name, List<Split> splits) implements Node {
    @Override
    public String type() {
      return "splitter";
    }

    @Override
    public List<String> next() {
      return splits.stream().map(Split::nextNode).toList();
    }

    @Override
    public Map<String, @Nullable Object> json() {
      return object("Splits", splits.stream().map(Split::json).toList());
    }
  }

  /**
   * A share.
   *
   * @param weight in hundredths of a per cent
   */
  record Split(int weight, String nextNode) {
    Map<String, @Nullable Object> json() {
      Map<String, @Nullable Object> json = object();
      if (weight != 0) {
        json.put("Weight", ServiceSplitter.percent(weight));
      }
      json.put("NextNode", nextNode);
      return json;
    }
  }

  /**
   * The end of the way.
   *
   * @param isDefault whether no entry has a say in how the target is resolved
   * @param target a key of the chain's targets
   * @param failover the targets for when nobody of that one answers, the next best first
   */
  record Resolver(String target, boolean isDefault, Duration connectTimeout, List<String> failover)
      implements Node {
    @Override
    public String type() {
      return "resolver";
    }

    @Override
    public String name() {
      return target;
    }

    @Override
    public List<String> next() {
      return List.of();
    }

    @Override
    public Map<String, @Nullable Object> json() {
      Map<String, @Nullable Object> json =
          object("ConnectTimeout", GoDuration.format(connectTimeout));
      if (isDefault) {
        json.put("Default", true);
      }
      json.put("Target", target);
      if (!failover.isEmpty()) {
        json.put("Failover", object("Targets", failover));
      }
      return object("Resolver", json);
    }
  }

  /**
   * Some instances of a service in a datacenter.
   *
   * @param serviceSubset empty for all
   * @param meshGateway how requests get to another datacenter; empty for directly
   * @param external whether it is outside of the mesh
   * @param sni what a TLS handshake asks for
   * @param uniqueName of the target among all
   */
  record Target(
      String id,
      String service,
      String serviceSubset,
      String datacenter,
      String meshGateway,
      ServiceResolver.Subset subset,
      boolean external,
      String sni,
      String uniqueName) {
    Map<String, @Nullable Object> json() {
      Map<String, @Nullable Object> json = object("ID", id, "Service", service);
      ConfigEntry.putText(json, "ServiceSubset", serviceSubset);
      json.put("Namespace", ConfigEntry.NAMESPACE);
      json.put("Datacenter", datacenter);
      Map<String, @Nullable Object> gateway = object();
      ConfigEntry.putText(gateway, "Mode", meshGateway);
      json.put("MeshGateway", gateway);
      json.put("Subset", subset.json());
      if (external) {
        json.put("External", true);
      }
      json.put("SNI", sni);
      json.put("Name", uniqueName);
      return json;
    }
  }

  /**
   * What whoever asks for a chain wants otherwise than the entries say.
   *
   * @param meshGateway for all targets in other datacenters; empty for what the entries say
   * @param protocol of the chain, which has no routes and splits if that is none of HTTP's; empty
   *     for what the entries say
   * @param connectTimeout of every resolver; zero for what the entries say
   */
  record Overrides(String meshGateway, String protocol, Duration connectTimeout) {
    static final Overrides NONE = new Overrides("", "", Duration.ZERO);
  }

  /** Whether requests of the protocol can be told apart by routes. */
  static boolean hasRequests(String protocol) {
    return protocol.equals("http") || protocol.equals("http2") || protocol.equals("grpc");
  }

  /** As {@code /v1/discovery-chain} shows it. */
  Map<String, @Nullable Object> json() {
    Map<String, @Nullable Object> json =
        object(
            "ServiceName", service, "Namespace", ConfigEntry.NAMESPACE, "Datacenter", datacenter);
    ConfigEntry.putText(json, "CustomizationHash", customizationHash);
    json.put("Protocol", protocol);
    json.put("StartNode", startNode);
    Map<String, @Nullable Object> shownNodes = object();
    nodes.forEach(
        (key, node) -> {
          Map<String, @Nullable Object> shown = object("Type", node.type(), "Name", node.name());
          shown.putAll(node.json());
          shownNodes.put(key, shown);
        });
    json.put("Nodes", shownNodes);
    Map<String, @Nullable Object> shownTargets = object();
    targets.forEach((id, target) -> shownTargets.put(id, target.json()));
    json.put("Targets", shownTargets);
    return object("Chain", json);
  }
}
