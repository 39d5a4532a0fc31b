package dev.weft.consul;

import java.util.List;

/**
 * All instances of a service at one moment, whatever their health, ordered by {@link
 * ServiceInstance#key()}.
 *
 * @param stale the agent cannot be reached, or its answer is not believed yet (see {@link
 *     Consul#watchService}): these are the last known instances. Empty and stale means that nothing
 *     was ever known.
 */
public record ServiceSnapshot(String service, List<ServiceInstance> instances, boolean stale) {
  public ServiceSnapshot {
    instances = List.copyOf(instances);
  }

  /**
   * The instances to call: those that pass, and those that warn unless their weight for that is 0.
   */
  public List<ServiceInstance> passing() {
    return instances.stream().filter(instance -> instance.weight() > 0).toList();
  }
}
