package dev.weft.mesh;

import static java.util.Objects.requireNonNull;

import dev.weft.consul.Consul;
import dev.weft.consul.Health;
import dev.weft.consul.ServiceInstance;
import dev.weft.consul.ServiceSnapshot;
import dev.weft.consul.Subscription;
import io.grpc.Attributes;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The instances of one service in one datacenter as the registry shows them, all of them and those
 * subsets that calls are routed to. The connections are those of the whole, so that a subset that
 * comes or changes costs none.
 *
 * <p>It follows the registry while somebody uses it, and keeps what it knew last.
 *
 * <p>Thread-safe. Listeners are called without its lock: they go on into a channel, and from there
 * to whoever decides what this pool is to follow.
 */
final class Pool {
  /** The key of the instance's Meta that says where it is. */
  static final String ZONE = "zone";

  /**
   * Some of the instances.
   *
   * @param filter in Consul's language; empty for all
   * @param onlyPassing without those whose checks warn
   */
  record Subset(String filter, boolean onlyPassing) {
    static final Subset ALL = new Subset("", false);
  }

  /** An instance to call. */
  record Member(SocketAddress address, int weight, String zone) {}

  /**
   * Those of a subset.
   *
   * @param known false as long as the registry has said nothing about it
   * @param here how many of them are in the caller's zone, fit to be called or not
   */
  record Members(List<Member> list, boolean known, int here) {
    static final Members UNKNOWN = new Members(List.of(), false, 0);

    Members {
      list = List.copyOf(list);
    }
  }

  /**
   * What is known at one moment.
   *
   * @param zone the caller's own
   * @param stale the registry cannot be asked, or is not believed
   */
  record View(
      Pool of, Map<Subset, Members> subsets, Balancing balancing, String zone, boolean stale) {
    static final Attributes.Key<View> KEY = Attributes.Key.create("weft-pool");

    View {
      subsets = Map.copyOf(subsets);
    }

    Members all() {
      return subsets.getOrDefault(Subset.ALL, Members.UNKNOWN);
    }

    /** Each address once, those of all instances first. */
    List<SocketAddress> addresses() {
      return Stream.concat(Stream.of(all()), subsets.values().stream())
          .flatMap(members -> members.list.stream())
          .map(Member::address)
          .distinct()
          .toList();
    }
  }

  /**
   * An instance in the registry.
   *
   * @param whyNot why it is not among the {@link Members}; empty if it is
   * @param weight its share of the calls
   */
  record Shown(ServiceInstance instance, SocketAddress address, String whyNot, int weight) {}

  /** Who holds connections, and which. */
  private record Connections(Object holder, List<Endpoint> endpoints) {
    static final Connections NONE = new Connections(new Object(), List.of());
  }

  private final Consul consul;
  private final String service;
  private final String datacenter;
  private final String zone;
  private final Optional<InstanceSet> some;
  private final Upstreams upstreams;
  private final Runnable changed = this::recomputeAndTell;
  private final List<Runnable> listeners = new CopyOnWriteArrayList<>();

  private Set<Subset> wanted = Set.of(Subset.ALL);
  private int users;
  private final Map<String, Subscription> watches = new HashMap<>();
  private final Map<String, ServiceSnapshot> snapshots = new HashMap<>();
  private @Nullable Subscription settings;
  private final Settings said;
  private Balancing balancing = Balancing.DEFAULT;

  private volatile View view;
  private volatile Set<Subset> down = Set.of();
  private volatile Runnable wake = () -> {};
  private final AtomicReference<Connections> connections = new AtomicReference<>(Connections.NONE);

  /**
   * @param datacenter empty for the agent's own
   * @param zone the caller's; empty if it is not known
   * @param some only these of the instances
   */
  Pool(Consul consul, String service, String datacenter, String zone, Optional<InstanceSet> some) {
    this(consul, service, datacenter, zone, some, Upstreams.NONE);
  }

  /**
   * As the other one.
   *
   * @param upstreams whose addresses count in place of the registry's
   */
  Pool(
      Consul consul,
      String service,
      String datacenter,
      String zone,
      Optional<InstanceSet> some,
      Upstreams upstreams) {
    this.upstreams = upstreams;
    this.consul = consul;
    this.service = service;
    this.datacenter = datacenter;
    this.zone = zone;
    this.some = some;
    this.said = new Settings(service);
    this.view = new View(this, Map.of(Subset.ALL, Members.UNKNOWN), Balancing.DEFAULT, zone, false);
  }

  String service() {
    return service;
  }

  String datacenter() {
    return datacenter;
  }

  View view() {
    return view;
  }

  /** Calls the listener after each change, on any thread; {@link #view} then tells the newest. */
  void onChange(Runnable listener) {
    listeners.add(listener);
  }

  void removeListener(Runnable listener) {
    listeners.remove(listener);
  }

  /** Follows the registry until {@link #leave} was called as often as this. */
  synchronized void use() {
    if (users++ == 0) {
      some.ifPresent(set -> set.onChange(changed));
      settings = consul.configEntries().watchSettings(service, this::heard);
      watch();
    }
  }

  /** Ends a {@link #use}. */
  synchronized void leave() {
    if (--users == 0) {
      some.ifPresent(set -> set.removeListener(changed));
      watches.values().forEach(Subscription::close);
      watches.clear();
      if (settings != null) {
        settings.close();
        settings = null;
      }
    }
  }

  /** From now on these subsets can be called, beside all. */
  void want(Set<Subset> subsets) {
    Set<Subset> all = new HashSet<>(subsets);
    all.add(Subset.ALL);
    synchronized (this) {
      if (all.equals(wanted)) {
        return;
      }
      wanted = Set.copyOf(all);
      if (users > 0) {
        watch();
      }
      recompute();
    }
    tell();
  }

  /**
   * Waits until the registry has said something of all that can be called, so long at most. It is
   * asked only while somebody uses this.
   */
  void awaitKnown(Duration atMost) {
    CountDownLatch known = new CountDownLatch(1);
    Runnable look =
        () -> {
          if (view.subsets.values().stream().allMatch(Members::known)) {
            known.countDown();
          }
        };
    onChange(look);
    try {
      look.run();
      boolean _ = known.await(atMost.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } finally {
      removeListener(look);
    }
  }

  private void watch() {
    Set<String> filters = new HashSet<>();
    wanted.forEach(subset -> filters.add(subset.filter));
    watches
        .entrySet()
        .removeIf(
            watch -> {
              boolean gone = !filters.contains(watch.getKey());
              if (gone) {
                watch.getValue().close();
                snapshots.remove(watch.getKey());
              }
              return gone;
            });
    for (String filter : filters) {
      watches.computeIfAbsent(filter, this::watch);
    }
  }

  private Subscription watch(String filter) {
    return upstreams.has(service)
        ? upstreams.watch(service, snapshot -> heard(filter, snapshot))
        : consul.watchService(service, datacenter, filter, snapshot -> heard(filter, snapshot));
  }

  private void heard(String filter, ServiceSnapshot snapshot) {
    synchronized (this) {
      if (!watches.containsKey(filter)) {
        return;
      }
      snapshots.put(filter, snapshot);
      recompute();
    }
    tell();
  }

  private void heard(Map<String, String> words) {
    synchronized (this) {
      Balancing now = Balancing.of(said.hear(words));
      if (now.equals(balancing)) {
        return;
      }
      balancing = now;
      recompute();
    }
    tell();
  }

  private void recomputeAndTell() {
    recompute();
    tell();
  }

  private void tell() {
    listeners.forEach(Runnable::run);
  }

  private synchronized void recompute() {
    Map<Subset, Members> subsets = new HashMap<>();
    boolean stale = false;
    for (Subset subset : wanted) {
      ServiceSnapshot snapshot = snapshots.get(subset.filter);
      subsets.put(subset, snapshot == null ? Members.UNKNOWN : members(snapshot, subset));
      stale |= snapshot != null && snapshot.stale();
    }
    view = new View(this, subsets, balancing, zone, stale);
  }

  private Members members(ServiceSnapshot snapshot, Subset subset) {
    List<ServiceInstance> all = possible(snapshot);
    List<ServiceInstance> fit = all.stream().filter(one -> isFit(one, subset)).toList();
    boolean panic = isPanic(fit, all);
    List<Member> members = new ArrayList<>();
    for (ServiceInstance one : panic ? all : fit) {
      members.add(new Member(address(one), weight(one, panic), one.meta().getOrDefault(ZONE, "")));
    }
    int here =
        (int)
            all.stream()
                .filter(one -> !zone.isEmpty() && zone.equals(one.meta().get(ZONE)))
                .count();
    return new Members(members, true, here);
  }

  private List<ServiceInstance> possible(ServiceSnapshot snapshot) {
    return snapshot.instances().stream()
        .filter(instance -> instance.health() != Health.MAINTENANCE)
        .filter(instance -> some.isEmpty() || some.get().has(instance))
        .toList();
  }

  private boolean isPanic(List<ServiceInstance> fit, List<ServiceInstance> all) {
    return fit.size() * 100 < all.size() * balancing.panicPercent();
  }

  private static SocketAddress address(ServiceInstance instance) {
    return new InetSocketAddress(instance.host(), instance.port());
  }

  private static int weight(ServiceInstance instance, boolean panic) {
    return panic ? instance.weights().passing() : instance.weight();
  }

  /**
   * All instances that the registry has, and why those are left out that a subset is without. Empty
   * as long as the registry has said nothing about it.
   */
  synchronized List<Shown> shown(Subset subset) {
    ServiceSnapshot all = snapshots.get(Subset.ALL.filter);
    ServiceSnapshot filtered = snapshots.get(subset.filter);
    if (all == null || filtered == null) {
      return List.of();
    }
    List<ServiceInstance> possible = possible(filtered);
    boolean panic = isPanic(possible.stream().filter(one -> isFit(one, subset)).toList(), possible);
    Set<String> matching = new HashSet<>();
    filtered.instances().forEach(one -> matching.add(one.key()));
    return all.instances().stream()
        .map(
            one ->
                new Shown(
                    one,
                    address(one),
                    whyNot(one, subset, matching.contains(one.key()), panic),
                    weight(one, panic)))
        .toList();
  }

  private String whyNot(ServiceInstance one, Subset subset, boolean matches, boolean panic) {
    if (!matches) {
      return "the filter does not match it";
    }
    if (one.health() == Health.MAINTENANCE) {
      return "it is in maintenance";
    }
    if (some.isPresent() && !some.get().has(one)) {
      return "this channel is to others of the instances";
    }
    if (panic || isFit(one, subset)) {
      return "";
    }
    if (one.health() == Health.CRITICAL) {
      return "its checks fail";
    }
    return one.weight() > 0
        ? "its checks warn, and only those that pass are wanted"
        : "its checks warn, and its weight is 0 then";
  }

  private static boolean isFit(ServiceInstance instance, Subset subset) {
    return instance.weight() > 0 && (!subset.onlyPassing || instance.health() == Health.PASSING);
  }

  /** Those of its subsets that cannot be called although the registry has instances of them. */
  void down(Set<Subset> subsets) {
    down = subsets;
  }

  /** As {@link #down(Set)} said it last. */
  Set<Subset> downNow() {
    return down;
  }

  /** Somebody holds connections to these from now on. */
  void connected(Object holder, List<Endpoint> endpoints) {
    connections.set(new Connections(holder, endpoints));
  }

  /**
   * Somebody ended its connections; those of whoever holds them now stay. What is down stays so as
   * long as somebody goes by it, and is tried again: a channel without calls goes to sleep.
   */
  void disconnected(Object holder) {
    Connections before =
        connections.getAndUpdate(now -> now.holder.equals(holder) ? Connections.NONE : now);
    if (!requireNonNull(before).holder.equals(holder)) {
      return;
    }
    if (isUsed() && !down.isEmpty()) {
      wake.run();
    } else {
      down = Set.of();
    }
  }

  private synchronized boolean isUsed() {
    return users > 0;
  }

  /** What has somebody connect again. */
  void onAsleep(Runnable connect) {
    wake = connect;
  }

  /** The connections there are, whatever their state. */
  List<Endpoint> endpoints() {
    return requireNonNull(connections.get()).endpoints;
  }

  /**
   * Whether there is somebody to call, or nobody knows yet: the registry has instances, and not all
   * of them refuse connections or say that they do not serve.
   */
  boolean usable(Subset subset) {
    Members members = view.subsets.getOrDefault(subset, Members.UNKNOWN);
    return !members.known || (!members.list.isEmpty() && !down.contains(subset));
  }
}
