package dev.weft.edge;

import dev.weft.consul.ServiceInstance;
import dev.weft.consul.ServiceSnapshot;
import dev.weft.mesh.InstanceSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * A package of a service's contract, {@code library.v1}: which of its versions there are, where,
 * and how much of each is to be gone.
 *
 * @param name of the package
 * @param rpcs how many of it are served
 * @param deprecated how many of those have their end in sight
 * @param instances ids of those that can be called and serve some of it, sorted
 */
record ContractVersion(String name, int rpcs, int deprecated, List<String> instances) {

  /** All packages of a contract, sorted. */
  static List<ContractVersion> of(ServiceSchema schema, ServiceSnapshot snapshot) {
    Map<String, List<Rpc>> byPackage =
        schema.named().stream()
            .map(Route::rpc)
            .collect(
                Collectors.groupingBy(
                    ContractVersion::packageOf, TreeMap::new, Collectors.toList()));
    return byPackage.entrySet().stream()
        .map(
            each ->
                new ContractVersion(
                    each.getKey(),
                    each.getValue().size(),
                    (int)
                        each.getValue().stream().filter(rpc -> !rpc.endOfLife().isEmpty()).count(),
                    instances(each.getValue(), snapshot)))
        .toList();
  }

  private static List<String> instances(List<Rpc> rpcs, ServiceSnapshot snapshot) {
    return snapshot.passing().stream()
        .filter(instance -> rpcs.stream().anyMatch(rpc -> isAt(rpc, instance)))
        .map(ServiceInstance::id)
        .sorted()
        .toList();
  }

  private static boolean isAt(Rpc rpc, ServiceInstance instance) {
    return rpc.at().map(InstanceSet::keys).map(keys -> keys.contains(instance.key())).orElse(true);
  }

  private static String packageOf(Rpc rpc) {
    String service = rpc.name().substring(0, rpc.name().indexOf('/'));
    return service.substring(0, Math.max(0, service.lastIndexOf('.')));
  }
}
