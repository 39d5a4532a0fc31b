package dev.weft.mesh;

import static io.grpc.ConnectivityState.CONNECTING;
import static io.grpc.ConnectivityState.IDLE;
import static io.grpc.ConnectivityState.READY;
import static io.grpc.ConnectivityState.SHUTDOWN;
import static io.grpc.ConnectivityState.TRANSIENT_FAILURE;

import dev.weft.mesh.Pool.Members;
import dev.weft.mesh.Pool.Subset;
import io.grpc.ConnectivityState;
import io.grpc.ConnectivityStateInfo;
import io.grpc.EquivalentAddressGroup;
import io.grpc.LoadBalancer;
import io.grpc.LoadBalancerProvider;
import io.grpc.LoadBalancerRegistry;
import io.grpc.Status;
import io.grpc.protobuf.services.HealthCheckingLoadBalancerUtil;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Holds a connection to each instance of a {@link Pool}, and chooses one for each call: of the
 * subset that the call was routed to, by the {@link Balancing} of its service. What changes in the
 * registry moves no connection to an address that stays.
 *
 * <p>As every LoadBalancer it is used from one SynchronizationContext only; calls are sent by the
 * {@link Picker} it makes.
 */
final class Balancer extends LoadBalancer {
  /**
   * As Envoy's overprovisioning: as long as seven of ten instances of a zone are well, it takes all
   * of its calls; then a part of them goes elsewhere.
   */
  private static final double SPARE = 1.4;

  /** Its name in a channel's configuration. */
  static final String NAME = "weft_balancer";

  private final Helper helper;
  private final LongSupplier nanoTime;
  private final Supplier<RandomGenerator> random;
  private final Map<SocketAddress, Endpoint> endpoints = new LinkedHashMap<>();
  private final Map<Subset, AtomicInteger> turns = new HashMap<>();
  private Pool.@Nullable View view;

  Balancer(Helper helper, LongSupplier nanoTime, Supplier<RandomGenerator> random) {
    this.helper = helper;
    this.nanoTime = nanoTime;
    this.random = random;
  }

  /** Makes it known to gRPC, which finds policies by their names only. */
  static void register() {
    LoadBalancerRegistry registry = LoadBalancerRegistry.getDefaultRegistry();
    if (registry.getProvider(NAME) == null) {
      registry.register(new Provider());
    }
    OutlierDetection.register(registry);
  }

  /** Makes them around a watch of each instance's own word about its health. */
  private static final class Provider extends LoadBalancerProvider {
    @Override
    public boolean isAvailable() {
      return true;
    }

    @Override
    public int getPriority() {
      return 5;
    }

    @Override
    public String getPolicyName() {
      return NAME;
    }

    @Override
    public LoadBalancer newLoadBalancer(Helper helper) {
      return HealthCheckingLoadBalancerUtil.newHealthCheckingLoadBalancer(
          new Factory() {
            @Override
            public LoadBalancer newLoadBalancer(Helper watching) {
              return new Balancer(watching, System::nanoTime, ThreadLocalRandom::current);
            }
          },
          helper);
    }
  }

  @Override
  public Status acceptResolvedAddresses(ResolvedAddresses resolved) {
    Pool.View next = resolved.getAttributes().get(Pool.View.KEY);
    if (next == null) {
      return Status.INTERNAL.withDescription("no instances but addresses");
    }
    view = next;
    turns.keySet().retainAll(next.subsets().keySet());
    List<SocketAddress> addresses = next.addresses();
    Set<SocketAddress> gone = new HashSet<>(endpoints.keySet());
    addresses.forEach(gone::remove);
    for (SocketAddress address : gone) {
      Endpoint endpoint = endpoints.remove(address);
      if (endpoint != null) {
        endpoint.subchannel().shutdown();
      }
    }
    for (SocketAddress address : addresses) {
      if (!endpoints.containsKey(address)) {
        connect(address);
      }
    }
    show();
    return Status.OK;
  }

  private void connect(SocketAddress address) {
    Subchannel subchannel =
        helper.createSubchannel(
            CreateSubchannelArgs.newBuilder()
                .setAddresses(new EquivalentAddressGroup(address))
                .build());
    Endpoint endpoint = new Endpoint(address, subchannel, nanoTime);
    endpoints.put(address, endpoint);
    subchannel.start(state -> heard(endpoint, state));
    subchannel.requestConnection();
  }

  private void heard(Endpoint endpoint, ConnectivityStateInfo now) {
    if (now.getState() == SHUTDOWN || endpoints.get(endpoint.address()) != endpoint) {
      return;
    }
    if (now.getState() == IDLE) {
      // A connection that came to its age: the next one, before a call has to wait for it.
      endpoint.subchannel().requestConnection();
    }
    if (endpoint.state(now.getState(), now.getStatus())) {
      show();
    }
  }

  @Override
  public void handleNameResolutionError(Status error) {
    if (endpoints.isEmpty()) {
      helper.updateBalancingState(
          TRANSIENT_FAILURE, new FixedResultPicker(PickResult.withError(error)));
    }
  }

  @Override
  public void shutdown() {
    endpoints.values().forEach(endpoint -> endpoint.subchannel().shutdown());
    endpoints.clear();
    if (view != null) {
      view.of().disconnected(this);
    }
  }

  private void show() {
    Pool.View now = view;
    if (now == null) {
      return;
    }
    Map<Subset, Group> groups = new HashMap<>();
    Set<Subset> down = new HashSet<>();
    // What was down is down until there is a connection: calls shall not wait for each attempt.
    Set<Subset> before = now.of().downNow();
    now.subsets()
        .forEach(
            (subset, members) -> {
              Group group = group(now, subset, members);
              groups.put(subset, group);
              if (members.known()
                  && (group.isDown() || (group.isEmpty() && before.contains(subset)))) {
                down.add(subset);
              }
            });
    now.of().down(Set.copyOf(down));
    now.of().connected(this, List.copyOf(endpoints.values()));
    helper.updateBalancingState(state(), new Picker(now, Map.copyOf(groups), nanoTime, random));
  }

  private ConnectivityState state() {
    boolean connecting = false;
    for (Endpoint endpoint : endpoints.values()) {
      if (endpoint.isReady()) {
        return READY;
      }
      connecting |= endpoint.state() != TRANSIENT_FAILURE;
    }
    return connecting ? CONNECTING : TRANSIENT_FAILURE;
  }

  private Group group(Pool.View now, Subset subset, Members members) {
    if (!members.known()) {
      return Group.waiting();
    }
    AtomicInteger turn = turns.computeIfAbsent(subset, _ -> new AtomicInteger());
    List<Lot.Weighted> near = new ArrayList<>();
    List<Lot.Weighted> far = new ArrayList<>();
    Set<SocketAddress> seen = new HashSet<>();
    boolean connecting = false;
    Status failure = null;
    for (Pool.Member member : members.list()) {
      Endpoint endpoint = endpoints.get(member.address());
      if (endpoint == null || !seen.add(member.address())) {
        continue;
      }
      if (endpoint.isReady()) {
        boolean here = !now.balancing().ownZoneFirst() || now.zone().equals(member.zone());
        (here ? near : far).add(new Lot.Weighted(endpoint, member.weight()));
      } else if (endpoint.state() == TRANSIENT_FAILURE) {
        failure = endpoint.failure();
      } else {
        connecting = true;
      }
    }
    if (!near.isEmpty() || !far.isEmpty()) {
      return Group.of(new Lot(near, turn), new Lot(far, turn), members.here());
    }
    return connecting ? Group.waiting() : Group.failing(failure == null ? nobody(now) : failure);
  }

  private static Status nobody(Pool.View now) {
    return Status.UNAVAILABLE.withDescription(
        "the registry has no instance of " + now.of().service() + " to call");
  }

  /**
   * The share of calls that stays near, from 0 to 1.
   *
   * @param near how many can be called in the caller's zone
   * @param far how many elsewhere
   * @param here how many there are in the caller's zone, fit to be called or not
   */
  static double nearShare(int near, int far, int here) {
    if (near == 0) {
      return 0;
    }
    return far == 0 ? 1 : here == 0 ? 0 : Math.min(1, SPARE * near / here);
  }

  /** The endpoints of a subset that can be called now, or what becomes of calls without any. */
  private static final class Group {
    private static final Lot NOBODY = new Lot(List.of(), new AtomicInteger());

    private final Lot near;
    private final Lot far;
    private final double nearShare;
    private final PickResult without;

    private Group(Lot near, Lot far, double nearShare, PickResult without) {
      this.near = near;
      this.far = far;
      this.nearShare = nearShare;
      this.without = without;
    }

    static Group waiting() {
      return new Group(NOBODY, NOBODY, 1, PickResult.withNoResult());
    }

    static Group failing(Status status) {
      return new Group(NOBODY, NOBODY, 1, PickResult.withError(status));
    }

    static Group of(Lot near, Lot far, int here) {
      return new Group(
          near, far, nearShare(near.size(), far.size(), here), PickResult.withNoResult());
    }

    boolean isEmpty() {
      return near.size() == 0 && far.size() == 0;
    }

    boolean isDown() {
      return isEmpty() && without.getStatus().getCode() != Status.Code.OK;
    }

    Lot lot(RandomGenerator random) {
      return nearShare >= 1 || (nearShare > 0 && random.nextDouble() < nearShare) ? near : far;
    }
  }

  /** Sends calls, without locks. */
  private static final class Picker extends SubchannelPicker {
    private static final int SLOW_START_TRIES = 3;
    private static final double LEAST_WARMTH = 0.1;
    private static final Status UNROUTED =
        Status.UNAVAILABLE.withDescription("no route leads any more where the call was routed to");

    private final Pool pool;
    private final Balancing balancing;
    private final Map<Subset, Group> groups;
    private final Group all;
    private final long slowStart;
    private final LongSupplier nanoTime;
    private final Supplier<RandomGenerator> random;

    Picker(
        Pool.View view,
        Map<Subset, Group> groups,
        LongSupplier nanoTime,
        Supplier<RandomGenerator> random) {
      this.pool = view.of();
      this.balancing = view.balancing();
      this.groups = groups;
      this.all = groups.getOrDefault(Subset.ALL, Group.waiting());
      this.slowStart = balancing.slowStart().toNanos();
      this.nanoTime = nanoTime;
      this.random = random;
    }

    @Override
    public PickResult pickSubchannel(PickSubchannelArgs call) {
      Choice choice = call.getCallOptions().getOption(Choice.KEY);
      Group group = choice == null ? all : group(choice);
      if (group.isEmpty()) {
        return group.without;
      }
      LoadBalancing said = call.getCallOptions().getOption(LoadBalancing.KEY);
      LoadBalancing by = said == null ? balancing.policy() : said;
      String key = by == LoadBalancing.RING_HASH ? key(call) : null;
      if (by == LoadBalancing.RING_HASH && key == null) {
        by = LoadBalancing.ROUND_ROBIN;
      }
      RandomGenerator drawing = random.get();
      Lot lot = group.lot(drawing);
      boolean counts =
          by == LoadBalancing.LEAST_REQUEST || balancing.policy() == LoadBalancing.LEAST_REQUEST;
      long now = counts || slowStart > 0 ? nanoTime.getAsLong() : 0;
      Endpoint endpoint = lot.take(by, key == null ? 0 : Hashes.of(key), now, drawing);
      if (slowStart > 0 && key == null) {
        for (int i = 0; i < SLOW_START_TRIES && isTooCold(endpoint, now, drawing); i++) {
          endpoint = lot.take(by, 0, now, drawing);
        }
      }
      if (!counts) {
        return endpoint.plain();
      }
      return call.getMethodDescriptor().getType().clientSendsOneMessage()
              && call.getMethodDescriptor().getType().serverSendsOneMessage()
          ? endpoint.timed()
          : endpoint.counted();
    }

    /** The first of the places in this pool where somebody answers. */
    private Group group(Choice choice) {
      Group first = null;
      for (Choice.Place place : choice.places()) {
        if (place.outlet().pool() != pool) {
          continue;
        }
        Group group = group(place.subset());
        if (!group.isDown()) {
          return group;
        }
        first = first == null ? group : first;
      }
      return first == null ? all : first;
    }

    /**
     * A subset that is not there any more was named by routes of more than a minute ago. A call
     * that was for it goes to all instances where no route leads to some of them any more; else
     * some may be for no calls at all.
     */
    private Group group(Subset subset) {
      Group group = groups.get(subset);
      if (group != null) {
        return group;
      }
      Pool.View newest = pool.view();
      if (newest.subsets().containsKey(subset)) {
        // It has just come to be there, and waits for the picker that knows it. Of what is stale
        // there may be none.
        return newest.stale() ? all : Group.waiting();
      }
      return groups.size() == 1 ? all : Group.failing(UNROUTED);
    }

    private @Nullable String key(PickSubchannelArgs call) {
      String key = call.getCallOptions().getOption(LoadBalancing.HASH_KEY);
      return key == null && balancing.hashHeader() != null
          ? call.getHeaders().get(balancing.hashHeader())
          : key;
    }

    /** A new instance is let off, the more often the newer it is. */
    private boolean isTooCold(Endpoint endpoint, long now, RandomGenerator drawing) {
      long ready = endpoint.readyNanos(now);
      return ready < slowStart
          && drawing.nextDouble() > Math.max(LEAST_WARMTH, (double) ready / slowStart);
    }
  }
}
