package dev.weft.edge;

import dev.weft.mesh.InstanceSet;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What the instances of one service tell of their contracts. While they differ, as when a new
 * version is rolled out, all of their RPCs are served: each as most instances tell it that have it,
 * of equally many the one learned last, and it is called at those that have it and no others.
 *
 * <p>To be used by one thread at a time.
 */
final class Versions {
  /** The instances that have an RPC, by the contracts that do; as long as not all of them do. */
  private Map<Set<String>, InstanceSet> sets = new HashMap<>();

  /** RPCs in the order in which they were first told: of those that want one path, it has it. */
  private final Set<String> known = new LinkedHashSet<>();

  /**
   * What an instance tells.
   *
   * @param instance by its key
   * @param learned when, by a number that rises
   */
  record Told(ServiceSchema schema, String instance, long learned) {}

  /**
   * What is served.
   *
   * @param left sets of instances that it needs no more
   */
  record Served(ServiceSchema schema, List<InstanceSet> left) {}

  /** The contracts that are told, that of most instances first. */
  static List<ServiceSchema> ranked(List<Told> told) {
    return byContract(told).values().stream()
        .sorted(
            Comparator.<List<Told>>comparingInt(List::size)
                .thenComparingLong(Versions::newest)
                .reversed())
        .map(same -> same.getFirst().schema())
        .toList();
  }

  private static Map<String, List<Told>> byContract(List<Told> told) {
    return told.stream().collect(Collectors.groupingBy(one -> one.schema().fingerprint()));
  }

  /**
   * What is served of all that is told; empty if nothing is.
   *
   * @param held what other instances tell, which are not to be called
   */
  Optional<Served> of(List<Told> told, List<Told> held) {
    if (told.isEmpty()) {
      return Optional.empty();
    }
    Map<String, List<Told>> byContract = byContract(told);
    List<ServiceSchema> ranked = ranked(told);
    Map<Set<String>, InstanceSet> before = sets;
    sets = new HashMap<>();
    ServiceSchema schema =
        ServiceSchema.together(
            ranked,
            having ->
                held.isEmpty() && having.size() == ranked.size()
                    ? Optional.empty()
                    : Optional.of(
                        sets.computeIfAbsent(
                            having,
                            contracts -> before.getOrDefault(contracts, new InstanceSet()))));
    sets.forEach((contracts, set) -> set.set(instances(byContract, contracts)));
    List<InstanceSet> left = new ArrayList<>(before.values());
    left.removeAll(sets.values());
    return Optional.of(new Served(inOrder(schema), left));
  }

  private ServiceSchema inOrder(ServiceSchema schema) {
    List<String> rpcs = schema.named().stream().map(route -> route.rpc().name()).toList();
    known.retainAll(Set.copyOf(rpcs));
    known.addAll(rpcs);
    return schema.contracts().size() == 1 ? schema : schema.inOrder(List.copyOf(known));
  }

  private static long newest(List<Told> told) {
    return told.stream().mapToLong(Told::learned).max().orElseThrow();
  }

  private static Set<String> instances(Map<String, List<Told>> told, Set<String> contracts) {
    return contracts.stream()
        .flatMap(contract -> told.getOrDefault(contract, List.of()).stream())
        .map(Told::instance)
        .collect(Collectors.toSet());
  }

  /** All sets of instances, which nobody needs any more. */
  List<InstanceSet> end() {
    List<InstanceSet> left = List.copyOf(sets.values());
    sets = new HashMap<>();
    return left;
  }
}
