package dev.weft.mesh;

import dev.weft.consul.ServiceInstance;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * Some instances of a service, others from moment to moment: those that can do what others of the
 * same name cannot, as while a new version is rolled out. Has a channel of its own ({@link
 * Mesh#channel(String, InstanceSet)}) until it is released.
 *
 * <p>Thread-safe. Equal to itself only.
 */
public final class InstanceSet {
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
  private volatile Set<String> keys = Set.of();
  private volatile boolean released;

  /**
   * From now on it is these.
   *
   * @param instances by their {@link ServiceInstance#key}
   */
  public void set(Set<String> instances) {
    if (!keys.equals(instances)) {
      keys = Set.copyOf(instances);
      listeners.forEach(Runnable::run);
    }
  }

  /** Their keys. */
  public Set<String> keys() {
    return keys;
  }

  boolean has(ServiceInstance instance) {
    return keys.contains(instance.key());
  }

  void onChange(Runnable listener) {
    listeners.add(listener);
  }

  void removeListener(Runnable listener) {
    listeners.remove(listener);
  }

  void release() {
    released = true;
  }

  boolean released() {
    return released;
  }
}
