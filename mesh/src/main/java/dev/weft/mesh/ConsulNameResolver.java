package dev.weft.mesh;

import dev.weft.consul.Consul;
import dev.weft.consul.ServiceInstance;
import dev.weft.consul.ServiceSnapshot;
import dev.weft.consul.Subscription;
import io.grpc.EquivalentAddressGroup;
import io.grpc.NameResolver;
import io.grpc.Status;
import io.grpc.StatusOr;
import io.grpc.SynchronizationContext;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Resolves a service by the registry's shared watch of it: the instances to call, whenever they
 * change.
 *
 * <p>An agent that cannot be reached leaves the last known instances in place, the watch sees to
 * that; an empty list is only believed when the registry says so and stands by it. Then calls fail
 * at once with UNAVAILABLE.
 *
 * <p>As every NameResolver it is used from one SynchronizationContext only; the watch calls from
 * its own threads and is handed over.
 */
final class ConsulNameResolver extends NameResolver {
  private final String service;
  private final Consul consul;
  private final SynchronizationContext context;
  private final Runnable newInstance;
  private final Optional<InstanceSet> some;
  private Runnable changed = () -> {};
  private Set<SocketAddress> known = Set.of();
  private boolean answered;
  private @Nullable ServiceSnapshot latest;
  private @Nullable Subscription watch;

  /**
   * @param newInstance called when there is an instance that was not there in the answer before
   * @param some only these of them
   */
  ConsulNameResolver(
      String service,
      Consul consul,
      SynchronizationContext context,
      Runnable newInstance,
      Optional<InstanceSet> some) {
    this.service = service;
    this.consul = consul;
    this.context = context;
    this.newInstance = newInstance;
    this.some = some;
  }

  @Override
  public String getServiceAuthority() {
    return service;
  }

  @Override
  public void start(Listener2 listener) {
    changed = () -> context.execute(() -> publish(listener));
    some.ifPresent(set -> set.onChange(changed));
    watch =
        consul.watchService(
            service,
            snapshot ->
                context.execute(
                    () -> {
                      latest = snapshot;
                      publish(listener);
                    }));
  }

  // refresh() is left out: the watch hears of every change by itself.

  @Override
  public void shutdown() {
    if (watch != null) {
      watch.close();
      watch = null;
      some.ifPresent(set -> set.removeListener(changed));
    }
  }

  private void publish(Listener2 listener) {
    ServiceSnapshot snapshot = latest;
    if (watch == null || snapshot == null) {
      return;
    }
    List<SocketAddress> addresses =
        snapshot.passing().stream()
            .filter(instance -> some.isEmpty() || some.get().has(instance))
            .map(this::address)
            .toList();
    if (addresses.isEmpty() && snapshot.stale()) {
      if (!answered) {
        listener.onResult2(
            ResolutionResult.newBuilder()
                .setAddressesOrError(
                    StatusOr.fromStatus(
                        Status.UNAVAILABLE.withDescription(
                            "the registry cannot be asked for " + service)))
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
                .build());
    Set<SocketAddress> now = Set.copyOf(addresses);
    if (answered && !known.containsAll(now)) {
      newInstance.run();
    }
    known = now;
    answered = true;
  }

  private SocketAddress address(ServiceInstance instance) {
    return new InetSocketAddress(instance.host(), instance.port());
  }
}
