package dev.weft.mesh;

import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** Discovery chains as Consul writes them, of a service {@code echo-svc}. */
final class Chains {
  private Chains() {}

  /** A target, its id and what is beside that. */
  static String target(String id, String service, String datacenter, String filter) {
    return """
    "%s":{"ID":"%s","Service":"%s","Datacenter":"%s","Subset":{"Filter":"%s"}}"""
        .formatted(id, id, service, datacenter, filter);
  }

  /** The instances of a version. */
  static String version(String version) {
    return target(version, "echo-svc", "dc1", "Service.Meta.version == " + version);
  }

  static String resolver(String target, String... failover) {
    String then =
        List.of(failover).stream().map("\"%s\""::formatted).collect(Collectors.joining(","));
    return """
    "resolver:%s":{"Type":"resolver","Resolver":{"Target":"%s","Failover":{"Targets":[%s]}}}"""
        .formatted(target, target, then);
  }

  /** Shares of targets, which add up to 100. */
  static String splitter(String name, Object... targetsAndWeights) {
    String splits =
        IntStream.range(0, targetsAndWeights.length / 2)
            .mapToObj(
                i ->
                    """
                    {"Weight":%s,"NextNode":"resolver:%s"}"""
                        .formatted(targetsAndWeights[2 * i + 1], targetsAndWeights[2 * i]))
            .collect(Collectors.joining(","));
    return """
    "%s":{"Type":"splitter","Splits":[%s]}"""
        .formatted(name, splits);
  }

  static String router(String name, String... routes) {
    return """
    "%s":{"Type":"router","Routes":[%s]}"""
        .formatted(name, String.join(",", routes));
  }

  /**
   * A route.
   *
   * @param match what it asks of a call, as fields of HTTP
   * @param destination what it says about it, as fields
   */
  static String route(String match, String destination, String next) {
    return """
    {"Definition":{"Match":{"HTTP":{%s}},"Destination":{%s}},"NextNode":"%s"}"""
        .formatted(match, destination, next);
  }

  /** The chain itself. */
  static String chain(String start, List<String> nodes, String... targets) {
    return """
    {"Chain":{"ServiceName":"echo-svc","Datacenter":"dc1","Protocol":"grpc","StartNode":"%s",
     "Nodes":{%s},"Targets":{%s}}}"""
        .formatted(start, String.join(",", nodes), String.join(",", targets));
  }
}
