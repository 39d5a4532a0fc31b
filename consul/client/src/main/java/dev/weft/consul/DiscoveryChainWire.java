package dev.weft.consul;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import dev.weft.consul.DiscoveryChain.Match;
import dev.weft.consul.DiscoveryChain.Node;
import dev.weft.consul.DiscoveryChain.Resolver;
import dev.weft.consul.DiscoveryChain.Retries;
import dev.weft.consul.DiscoveryChain.Route;
import dev.weft.consul.DiscoveryChain.Router;
import dev.weft.consul.DiscoveryChain.Split;
import dev.weft.consul.DiscoveryChain.Splitter;
import dev.weft.consul.DiscoveryChain.Target;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/** Consul's JSON of discovery chains to our records. What it does not know it ignores. */
final class DiscoveryChainWire {
  private DiscoveryChainWire() {}

  /** An answer of {@code /v1/discovery-chain}. */
  static DiscoveryChain chain(JsonElement body) {
    JsonObject chain = Wire.object(body.getAsJsonObject(), "Chain");
    Map<String, Node> nodes = new HashMap<>();
    Wire.object(chain, "Nodes")
        .asMap()
        .forEach((name, node) -> nodes.put(name, node(node.getAsJsonObject())));
    Map<String, Target> targets = new HashMap<>();
    Wire.object(chain, "Targets")
        .asMap()
        .forEach((id, target) -> targets.put(id, target(target.getAsJsonObject())));
    return new DiscoveryChain(
        Wire.text(chain, "ServiceName"),
        Wire.text(chain, "Datacenter"),
        Wire.text(chain, "Protocol"),
        Wire.text(chain, "StartNode"),
        nodes,
        targets);
  }

  private static Node node(JsonObject node) {
    String type = Wire.text(node, "Type");
    return switch (type) {
      case "router" -> new Router(objects(node, "Routes").map(DiscoveryChainWire::route).toList());
      case "splitter" ->
          new Splitter(
              objects(node, "Splits")
                  .map(split -> new Split(weight(split), Wire.text(split, "NextNode")))
                  .toList());
      case "resolver" -> resolver(Wire.object(node, "Resolver"));
      default -> throw new IllegalStateException("a node of type " + type);
    };
  }

  /** Consul leaves out one of 0, as of a version that has no calls any more. */
  private static double weight(JsonObject split) {
    return split.get("Weight") instanceof JsonPrimitive weight ? weight.getAsDouble() : 0;
  }

  private static Resolver resolver(JsonObject resolver) {
    return new Resolver(
        Wire.text(resolver, "Target"), Wire.strings(optional(resolver, "Failover").get("Targets")));
  }

  private static Route route(JsonObject route) {
    JsonObject definition = optional(route, "Definition");
    JsonObject destination = optional(definition, "Destination");
    return new Route(
        match(optional(optional(definition, "Match"), "HTTP")),
        GoDuration.positive(Wire.text(destination, "RequestTimeout")),
        retries(destination),
        Wire.text(destination, "PrefixRewrite"),
        Wire.text(route, "NextNode"));
  }

  private static Match match(JsonObject http) {
    return new Match(
        IntentionWire.path(http),
        Wire.flag(http, "CaseInsensitive"),
        objects(http, "Header").map(IntentionWire::header).toList(),
        Wire.strings(http.get("Methods")).stream()
            .map(method -> method.toUpperCase(Locale.ROOT))
            .toList(),
        !Wire.array(http.get("QueryParam")).isEmpty());
  }

  private static Retries retries(JsonObject destination) {
    return new Retries(
        Wire.number(destination, "NumRetries"),
        Wire.flag(destination, "RetryOnConnectFailure"),
        Wire.array(destination.get("RetryOnStatusCodes")).asList().stream()
            .map(JsonElement::getAsInt)
            .toList(),
        Wire.strings(destination.get("RetryOn")));
  }

  private static Target target(JsonObject target) {
    JsonObject subset = optional(target, "Subset");
    return new Target(
        Wire.text(target, "Service"),
        Wire.text(target, "ServiceSubset"),
        Wire.text(target, "Datacenter"),
        Wire.text(target, "Peer"),
        Wire.text(subset, "Filter"),
        Wire.flag(subset, "OnlyPassing"));
  }

  private static Stream<JsonObject> objects(JsonObject parent, String name) {
    List<JsonElement> elements = Wire.array(parent.get(name)).asList();
    return elements.stream().map(JsonElement::getAsJsonObject);
  }

  private static JsonObject optional(JsonObject parent, String name) {
    return parent.get(name) instanceof JsonObject object ? object : new JsonObject();
  }
}
