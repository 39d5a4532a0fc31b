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
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where the calls to one service go: to its own instances, and to whatever else its discovery chain
 * names, each service and datacenter over a channel of its own, because each has to prove another
 * name. A change of the chain takes effect with the next call; calls that run go on where they are,
 * and are repeated there for a minute ({@link NamedWays}). The {@link Terms} of its calls count
 * from the next call on, too.
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

  private final String service;
  private final Consul consul;
  private final Timer timer;
  private final Function<Outside, Outlet> open;
  private final Outlet own;
  private final Outside itself;

  // Guarded by this.
  private final List<Subscription> watches = new ArrayList<>();
  private final Map<String, Boolean> entries = new HashMap<>();
  private final Map<Outside, Outlet> outside = new HashMap<>();
  private final NamedWays ways = new NamedWays();
  private final Settings said;
  private final List<Runnable> waiting = new ArrayList<>();
  private @Nullable Subscription chain;
  private boolean usingOwn;
  private boolean termsAreKnown;
  private boolean closed;

  private volatile @Nullable RouteTable table;
  private volatile Terms terms = Terms.DEFAULT;

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
    this.itself = new Outside(service, "");
    this.own = open.apply(itself);
    this.said = new Settings(service);
  }

  /**
   * Begins to follow what the registry says about the service.
   *
   * @param agreed is told the terms of its calls, whenever they change
   */
  synchronized void follow(Consumer<Terms> agreed) {
    followTerms(agreed);
    for (String kind : KINDS) {
      watches.add(
          consul.configEntries().watch(kind, service, entry -> heard(kind, entry.isPresent())));
    }
    var _ = timer.after(PATIENCE_MILLIS, TimeUnit.MILLISECONDS, this::goOn);
  }

  /**
   * Goes to all instances of the service, whatever the registry says; its terms hold all the same.
   */
  synchronized void followTermsOnly(Consumer<Terms> agreed) {
    followTerms(agreed);
    goOn();
  }

  private void followTerms(Consumer<Terms> agreed) {
    watches.add(consul.configEntries().watchSettings(service, words -> heard(words, agreed)));
  }

  private synchronized void heard(Map<String, String> words, Consumer<Terms> agreed) {
    if (closed) {
      return;
    }
    terms = Terms.of(said.hear(words));
    agreed.accept(terms);
    termsAreKnown = true;
    goOnIfPlain();
  }

  /** On which terms calls to this service are made. */
  Terms terms() {
    return terms;
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

  /**
   * Asks when it is known where calls go and who is there, also if there were none yet; waits for
   * that a second at most for the one and for the other.
   */
  <T> T whenInformed(Supplier<T> question) {
    Pool pool = own.pool();
    pool.use();
    try {
      CountDownLatch known = new CountDownLatch(1);
      whenKnown(known::countDown);
      boolean _ = known.await(PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
      pool.awaitKnown(Duration.ofMillis(PATIENCE_MILLIS));
      return question.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return question.get();
    } finally {
      pool.leave();
    }
  }

  /** The field of requests that calls to this service go by; empty for none. */
  String hashField() {
    return own.pool().view().balancing().hashField();
  }

  private synchronized void goOn() {
    if (table == null) {
      use(RouteTable.PLAIN, Map.of());
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
    } else {
      goOnIfPlain();
    }
  }

  private void goOnIfPlain() {
    if (entries.size() == KINDS.size() && !entries.containsValue(true) && termsAreKnown) {
      if (chain != null) {
        chain.close();
        chain = null;
      }
      use(RouteTable.PLAIN, Map.of());
    }
  }

  private synchronized void heard(Optional<DiscoveryChain> compiled) {
    if (closed || chain == null) {
      return;
    }
    Map<Outside, Set<Subset>> wanted = new HashMap<>();
    try {
      RouteTable next =
          compiled
              .map(now -> RouteTable.of(now, target -> place(now, target, wanted)))
              .orElse(RouteTable.PLAIN);
      use(next, wanted);
    } catch (IllegalArgumentException | com.google.re2j.PatternSyntaxException e) {
      log.warn(
          "the discovery chain of {} cannot be followed, what was known before stays in use: {}",
          service,
          e.getMessage());
      goOn();
      // What was opened for it.
      wantAndLeave();
    }
  }

  private Place place(DiscoveryChain now, Target target, Map<Outside, Set<Subset>> wanted) {
    Subset subset = new Subset(target.filter(), target.onlyPassing());
    Outside to =
        new Outside(
            target.service(),
            target.datacenter().equals(now.datacenter()) ? "" : target.datacenter());
    wanted.computeIfAbsent(to, _ -> new HashSet<>()).add(subset);
    if (to.equals(itself)) {
      return new Place(own, subset);
    }
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

  private synchronized void use(RouteTable next, Map<Outside, Set<Subset>> wanted) {
    if (closed) {
      return;
    }
    // First whom to follow, then who goes there.
    if (!next.isPlain() && !usingOwn) {
      usingOwn = true;
      own.pool().use();
    }
    ways.name(wanted, System.nanoTime());
    wantAndLeave();
    table = next;
    if (next.isPlain() && usingOwn) {
      usingOwn = false;
      own.pool().leave();
    }
    if (ways.linger()) {
      var _ = timer.after(NamedWays.LINGERING_SECONDS, TimeUnit.SECONDS, this::leaveWhatLingered);
    }
    goOnWaiting();
  }

  private void goOnWaiting() {
    waiting.forEach(timer.threads()::execute);
    waiting.clear();
  }

  private synchronized void leaveWhatLingered() {
    if (!closed) {
      wantAndLeave();
    }
  }

  /** Follows where calls may be, and gives up the rest. */
  private void wantAndLeave() {
    Map<Outside, Set<Subset>> kept = ways.kept(System.nanoTime());
    own.pool().want(kept.getOrDefault(itself, Set.of()));
    outside
        .entrySet()
        .removeIf(
            entry -> {
              Outlet outlet = entry.getValue();
              Set<Subset> subsets = kept.get(entry.getKey());
              if (subsets == null) {
                outlet.channel().shutdown();
                outlet.pool().leave();
                return true;
              }
              outlet.pool().want(subsets);
              return false;
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
