package dev.weft.mesh;

import io.grpc.Attributes;
import io.grpc.EquivalentAddressGroup;
import io.grpc.NameResolver;
import io.grpc.Status;
import io.grpc.StatusOr;
import io.grpc.SynchronizationContext;
import java.net.SocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Resolves a service by its {@link Pool}: the instances to call, whenever they change, and how
 * calls are spread over them.
 *
 * <p>An agent that cannot be reached leaves the last known instances in place, the watch sees to
 * that; an empty list is only believed when the registry says so and stands by it. Then calls fail
 * at once with UNAVAILABLE.
 *
 * <p>As every NameResolver it is used from one SynchronizationContext only; the watch calls from
 * its own threads and is handed over.
 */
final class ConsulNameResolver extends NameResolver {
  /**
   * Instances that say of themselves that they do not serve are left out: sooner than the
   * registry's probe could know, as when one begins to drain.
   */
  private static final Map<String, ?> HEALTH = Map.of("serviceName", "");

  private final Pool pool;
  private final SynchronizationContext context;
  private final ServiceConfigParser parser;
  private final Runnable newInstance;
  private Runnable changed = () -> {};
  private Set<SocketAddress> known = Set.of();
  private boolean answered;
  private boolean running;

  /**
   * @param newInstance called when there is an instance that was not there in the answer before
   */
  ConsulNameResolver(
      Pool pool, SynchronizationContext context, ServiceConfigParser parser, Runnable newInstance) {
    this.pool = pool;
    this.context = context;
    this.parser = parser;
    this.newInstance = newInstance;
  }

  @Override
  public String getServiceAuthority() {
    return pool.service();
  }

  @Override
  public void start(Listener2 listener) {
    running = true;
    changed = () -> context.execute(() -> publish(listener));
    pool.onChange(changed);
    pool.use();
    // What is known already, to somebody else.
    changed.run();
  }

  // refresh() is left out: the watch hears of every change by itself.

  @Override
  public void shutdown() {
    if (running) {
      running = false;
      pool.removeListener(changed);
      pool.leave();
    }
  }

  private void publish(Listener2 listener) {
    Pool.View view = pool.view();
    if (!running || !view.all().known()) {
      return;
    }
    List<SocketAddress> addresses = view.addresses();
    if (addresses.isEmpty() && view.stale()) {
      if (!answered) {
        listener.onResult2(
            ResolutionResult.newBuilder()
                .setAddressesOrError(
                    StatusOr.fromStatus(
                        Status.UNAVAILABLE.withDescription(
                            "the registry cannot be asked for " + pool.service())))
                .build());
      }
      return;
    }
    Status _ =
        listener.onResult2(
            ResolutionResult.newBuilder()
                .setAddressesOrError(
                    StatusOr.fromValue(
                        addresses.stream().map(EquivalentAddressGroup::new).toList()))
                .setAttributes(Attributes.newBuilder().set(Pool.View.KEY, view).build())
                .setServiceConfig(parser.parseServiceConfig(config(view.balancing())))
                .build());
    Set<SocketAddress> now = Set.copyOf(addresses);
    if (answered && !known.containsAll(now)) {
      newInstance.run();
    }
    known = now;
    answered = true;
  }

  private static Map<String, ?> config(Balancing balancing) {
    Map<String, ?> policy =
        balancing
            .outliers()
            .<Map<String, ?>>map(outliers -> outliers.around(Balancer.NAME))
            .orElse(Map.of(Balancer.NAME, Map.of()));
    return Map.of("loadBalancingConfig", List.of(policy), "healthCheckConfig", HEALTH);
  }
}
