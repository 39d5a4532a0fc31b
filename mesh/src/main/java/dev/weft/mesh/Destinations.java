package dev.weft.mesh;

import dev.weft.consul.Consul;
import dev.weft.consul.DiscoveryChain;
import dev.weft.consul.DiscoveryChain.Target;
import dev.weft.consul.Subscription;
import dev.weft.mesh.Choice.Outlet;
import dev.weft.mesh.Choice.Place;
import dev.weft.mesh.Pool.Subset;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where the calls to one service go: to its own instances, and to whatever else its discovery chain
 * names, each service and datacenter over a channel of its own, because each has to prove another
 * name. A change of the chain takes effect with the next call; calls that run go on where they are.
 *
 * <p>The chain is asked for only while there is a {@code service-router}, {@code -splitter} or
 * {@code -resolver} for the service: without one it leads to all instances of the service, and
 * Consul would be asked about every service by every process for nothing. While the registry is
 * away, what was known last stands.
 *
 * <p>Thread-safe.
 */
final class Destinations extends Channel {
  private static final Logger log = LoggerFactory.getLogger(Destinations.class);

  private static final List<String> KINDS =
      List.of("service-router", "service-splitter", "service-resolver");

  /** For so long calls wait for the registry's first word before they go without. */
  private static final int PATIENCE_MILLIS = 1_000;

  /** For so long a channel is kept that no call is routed to any more: for calls being repeated. */
  private static final int LEAVING_SECONDS = 60;

  private final String service;
  private final Consul consul;
  private final Timer timer;
  private final Function<Outside, Outlet> open;
  private final Outlet own;

  // Guarded by this.
  private final List<Subscription> watches = new ArrayList<>();
  private final Map<String, Boolean> entries = new HashMap<>();
  private final Map<Outside, Outlet> outside = new HashMap<>();
  private final Set<Outside> named = new HashSet<>();
  private final List<Runnable> waiting = new ArrayList<>();
  private @Nullable Subscription chain;
  private boolean usingOwn;
  private boolean closed;

  private volatile @Nullable RouteTable table;

  /**
   * Another service, or this one elsewhere.
   *
   * @param datacenter empty for the agent's own
   */
  record Outside(String service, String datacenter) {}

  /**
   * @param open makes a way to a service in a datacenter; its channel is closed here
   */
  Destinations(String service, Consul consul, Timer timer, Function<Outside, Outlet> open) {
    this.service = service;
    this.consul = consul;
    this.timer = timer;
    this.open = open;
    this.own = open.apply(new Outside(service, ""));
  }

  /** Begins to follow what the registry says about the service. */
  synchronized void follow() {
    for (String kind : KINDS) {
      watches.add(
          consul.configEntries().watch(kind, service, entry -> heard(kind, entry.isPresent())));
    }
    var _ = timer.after(PATIENCE_MILLIS, TimeUnit.MILLISECONDS, this::goOn);
  }

  /** Goes to all instances of the service, whatever the registry says. */
  void followNothing() {
    goOn();
  }

  /** All instances of the service itself: where calls go about which nothing is decided. */
  Place ownPlace() {
    return new Place(own, Subset.ALL);
  }

  /** What is decided about calls; null until the registry has said it, a second at most. */
  @Nullable RouteTable table() {
    return table;
  }

  /** Runs the task once {@link #table} is there. */
  void whenKnown(Runnable task) {
    synchronized (this) {
      if (table == null) {
        waiting.add(task);
        return;
      }
    }
    task.run();
  }

  /** The field of requests that calls to this service go by; empty for none. */
  String hashField() {
    return own.pool().view().balancing().hashField();
  }

  private synchronized void goOn() {
    if (table == null) {
      use(RouteTable.PLAIN, Map.of(), Set.of());
    }
  }

  private synchronized void heard(String kind, boolean present) {
    if (closed) {
      return;
    }
    entries.put(kind, present);
    if (entries.containsValue(true)) {
      if (chain == null) {
        chain = consul.chains().watch(service, this::heard);
      }
    } else if (entries.size() == KINDS.size()) {
      if (chain != null) {
        chain.close();
        chain = null;
      }
      use(RouteTable.PLAIN, Map.of(), Set.of());
    }
  }

  private synchronized void heard(Optional<DiscoveryChain> said) {
    if (closed || chain == null) {
      return;
    }
    Map<Outside, Set<Subset>> wanted = new HashMap<>();
    Set<Subset> here = new HashSet<>();
    try {
      RouteTable next =
          said.map(now -> RouteTable.of(now, target -> place(now, target, here, wanted)))
              .orElse(RouteTable.PLAIN);
      use(next, wanted, here);
    } catch (IllegalArgumentException | com.google.re2j.PatternSyntaxException e) {
      log.warn(
          "the discovery chain of {} cannot be followed, what was known before stays in use: {}",
          service,
          e.getMessage());
      goOn();
      leaveLater();
    }
  }

  private Place place(
      DiscoveryChain now, Target target, Set<Subset> here, Map<Outside, Set<Subset>> wanted) {
    Subset subset = new Subset(target.filter(), target.onlyPassing());
    Outside to =
        new Outside(
            target.service(),
            target.datacenter().equals(now.datacenter()) ? "" : target.datacenter());
    if (to.equals(new Outside(service, ""))) {
      here.add(subset);
      return new Place(own, subset);
    }
    wanted.computeIfAbsent(to, _ -> new HashSet<>()).add(subset);
    return new Place(
        outside.computeIfAbsent(
            to,
            name -> {
              Outlet outlet = open.apply(name);
              // Calls have to know whether there is anybody before they go there.
              outlet.pool().use();
              return outlet;
            }),
        subset);
  }

  private synchronized void use(
      RouteTable next, Map<Outside, Set<Subset>> wanted, Set<Subset> here) {
    if (closed) {
      return;
    }
    // First whom to follow, then who goes there.
    if (!next.isPlain() && !usingOwn) {
      usingOwn = true;
      own.pool().use();
    }
    own.pool().want(here);
    wanted.forEach((to, subsets) -> outlet(to).pool().want(subsets));
    table = next;
    if (next.isPlain() && usingOwn) {
      usingOwn = false;
      own.pool().leave();
    }
    named.clear();
    named.addAll(wanted.keySet());
    leaveLater();
    goOnWaiting();
  }

  private void goOnWaiting() {
    waiting.forEach(timer.threads()::execute);
    waiting.clear();
  }

  private void leaveLater() {
    if (outside.size() > named.size()) {
      var _ = timer.after(LEAVING_SECONDS, TimeUnit.SECONDS, this::leave);
    }
  }

  private Outlet outlet(Outside to) {
    Outlet outlet = outside.get(to);
    if (outlet == null) {
      throw new IllegalStateException("no way to " + to);
    }
    return outlet;
  }

  /** Ends what was not named for a while. */
  private synchronized void leave() {
    if (closed) {
      return;
    }
    outside
        .entrySet()
        .removeIf(
            entry -> {
              boolean gone = !named.contains(entry.getKey());
              if (gone) {
                entry.getValue().channel().shutdown();
                entry.getValue().pool().leave();
              }
              return gone;
            });
  }

  @Override
  public <ReqT, RespT> ClientCall<ReqT, RespT> newCall(
      MethodDescriptor<ReqT, RespT> method, CallOptions options) {
    Choice choice = options.getOption(Choice.KEY);
    Outlet outlet = choice == null ? own : choice.place().outlet();
    return outlet.way().newCall(method, options);
  }

  @Override
  public String authority() {
    return own.channel().authority();
  }

  /** All channels there are at the moment. */
  synchronized List<ManagedChannel> channels() {
    List<ManagedChannel> channels = new ArrayList<>();
    channels.add(own.channel());
    outside.values().forEach(outlet -> channels.add(outlet.channel()));
    return channels;
  }

  /** Ends the waits before the next attempts to connect. */
  void reconnect() {
    channels().forEach(ManagedChannel::resetConnectBackoff);
  }

  /**
   * Takes no more calls and follows nothing more; calls that run go on. {@link #channels} still
   * tells who has to end.
   */
  void shutdown() {
    synchronized (this) {
      closed = true;
      watches.forEach(Subscription::close);
      watches.clear();
      if (chain != null) {
        chain.close();
        chain = null;
      }
      outside.values().forEach(outlet -> outlet.pool().leave());
      if (usingOwn) {
        usingOwn = false;
        own.pool().leave();
      }
      if (table == null) {
        table = RouteTable.PLAIN;
      }
      goOnWaiting();
    }
    channels().forEach(ManagedChannel::shutdown);
  }
}
