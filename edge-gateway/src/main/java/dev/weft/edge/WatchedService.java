package dev.weft.edge;

import dev.weft.consul.ServiceInstance;
import dev.weft.consul.ServiceSnapshot;
import dev.weft.consul.Subscription;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * One service of the registry, its instances that can be called, and what they told. Guarded by the
 * {@link SchemaWatch} that has it.
 */
final class WatchedService {
  /** So often an instance that does not answer keeps the edge from being up to date. */
  static final int WAITED_FOR = 3;

  /** By {@link #key}. */
  final Map<String, Instance> instances = new HashMap<>();

  final Versions versions = new Versions();
  final Compatibility compatibility;
  @Nullable Subscription subscription;
  @Nullable ServiceSnapshot snapshot;

  WatchedService(Compatibility compatibility) {
    this.compatibility = compatibility;
  }

  /** Another key is another program: an instance that came back may serve something else. */
  static String key(ServiceInstance instance) {
    return instance.key() + " " + instance.host() + ":" + instance.port() + " " + instance.meta();
  }

  /** Whether its instances are known. */
  boolean heard() {
    return snapshot != null;
  }

  /** Whether each of them told its contract, or was asked often enough. */
  boolean asked() {
    return instances.values().stream().allMatch(Instance::asked);
  }

  /** Whether some of them told one. */
  boolean tells() {
    return instances.values().stream().anyMatch(instance -> instance.schema != null);
  }

  /** What they tell now. */
  List<Versions.Told> told() {
    List<Versions.Told> told = new ArrayList<>();
    for (Instance instance : instances.values()) {
      if (instance.schema != null) {
        told.add(new Versions.Told(instance.schema, instance.key, instance.learned));
      }
    }
    return told;
  }

  /** One instance that can be called. */
  static final class Instance {
    final CountDownLatch gone = new CountDownLatch(1);

    /** By which the registry knows it. */
    final String key;

    @Nullable ServiceSchema schema;

    /** Why it told none; empty as long as it is only not done yet. */
    String problem = "";

    int failures;

    /** When it told its contract, by a number that rises. */
    long learned;

    Instance(String key) {
      this.key = key;
    }

    boolean isGone() {
      return gone.getCount() == 0;
    }

    boolean asked() {
      return schema != null || failures >= WAITED_FOR;
    }
  }
}
