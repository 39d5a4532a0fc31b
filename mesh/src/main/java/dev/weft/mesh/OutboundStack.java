package dev.weft.mesh;

import dev.failsafe.CircuitBreaker;
import dev.weft.consul.Consul;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ChannelCredentials;
import io.grpc.ClientInterceptor;
import io.grpc.ClientInterceptors;
import io.grpc.ConnectivityState;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.Meter;
import io.opentelemetry.api.metrics.ObservableLongMeasurement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.BinaryOperator;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The path of a call out of this process, a channel for each service it calls.
 *
 * <p>Thread-safe.
 */
final class OutboundStack implements AutoCloseable {
  static final int METADATA_BYTES_MAX = 8 * 1024;
  static final int MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

  private static final Duration KEEPALIVE = Duration.ofSeconds(20);

  /**
   * What servers allow who were told nothing: more than one in five minutes ends the connection
   * (gRFC A8).
   */
  private static final Duration KEEPALIVE_OF_OTHERS = Duration.ofMinutes(6);

  private static final int KEEPALIVE_ANSWER_SECONDS = 5;

  private static final AttributeKey<String> STATE = AttributeKey.stringKey("state");

  private static final Map<MethodDescriptor<?, ?>, CallPolicy> POLICIES = new ConcurrentHashMap<>();

  private final Transport transport;
  private final Consul consul;
  private final Telemetry telemetry;
  private final Timer timer;
  private final ServiceTokens services;
  private final Optional<MeshTls> tls;
  private final FaultRules faults;
  private final String zone;
  private final Upstreams upstreams;
  private final LongSupplier nanoTime = System::nanoTime;
  private final Map<String, Route> unary = new ConcurrentHashMap<>();
  private final Map<String, Route> streams = new ConcurrentHashMap<>();

  /** To some of the instances; mostly none. */
  private final Map<InstanceSet, Route> unaryToSome = new ConcurrentHashMap<>();

  private final Map<InstanceSet, Route> streamsToSome = new ConcurrentHashMap<>();

  /** For mirrored calls alone, whose failures are not those of others who call the service. */
  private final Map<String, Route> mirrors = new ConcurrentHashMap<>();

  private final List<Target> targets = new CopyOnWriteArrayList<>();

  /** Released ones on which calls still run. */
  private final Set<ManagedChannel> leaving = ConcurrentHashMap.newKeySet();

  /** What is known of a service from calling it. */
  record Target(
      String service,
      Circuits circuits,
      RetryBudget budget,
      RetryBudget hedges,
      BulkheadInterceptor bulkhead) {
    /** Its calls are on these terms from now on. */
    void agree(Terms terms) {
      budget.share(terms.retryPercent() / 100.0);
      hedges.share(terms.hedgePercent() / 100.0);
    }
  }

  /** What of a service a circuit is for. */
  private record Guarded(String service, String method) {}

  /** Channels of our own, and what callers get of them. */
  private record Route(Destinations destinations, Channel channel, Target target) {}

  OutboundStack(
      Transport transport,
      Consul consul,
      Telemetry telemetry,
      Timer timer,
      ServiceTokens services,
      Optional<MeshTls> tls,
      FaultRules faults,
      String zone,
      Upstreams upstreams) {
    this.transport = transport;
    this.consul = consul;
    this.telemetry = telemetry;
    this.timer = timer;
    this.services = services;
    this.tls = tls;
    this.faults = faults;
    this.zone = zone;
    this.upstreams = upstreams;
    Balancer.register();
    // What could not connect for want of a certificate would wait before it tries again.
    tls.ifPresent(own -> own.identity().onFirst(this::reconnect));
    faults.onChange(this::leaveMirrors);
    measure(telemetry.meter("dev.weft.mesh"));
  }

  private void measure(Meter meter) {
    meter
        .counterBuilder("weft.rpc.client.retries")
        .setUnit("{retry}")
        .setDescription("Calls that were sent again after a failure.")
        .buildWithCallback(out -> record(out, Target::budget));
    meter
        .counterBuilder("weft.rpc.client.hedges")
        .setUnit("{call}")
        .setDescription("Calls that were sent a second time because the answer took long.")
        .buildWithCallback(out -> record(out, Target::hedges));
    meter
        .gaugeBuilder("weft.rpc.client.circuit")
        .ofLongs()
        .setDescription("State of the circuit: 0 closed, 1 open, 2 half open.")
        .buildWithCallback(this::recordStates);
    meter
        .counterBuilder("weft.rpc.client.circuit.transitions")
        .setUnit("{transition}")
        .setDescription("How often the circuit came to a state: open, half_open, closed.")
        .buildWithCallback(this::recordTransitions);
    meter
        .counterBuilder("weft.rpc.client.fallbacks")
        .setUnit("{call}")
        .setDescription("Calls that were answered with what their contract declares for failures.")
        .buildWithCallback(out -> recordByMethod(out, circuits(Circuit::fallbacks, Long::sum)));
  }

  /** One value per service, of which there may be a channel for calls and one for streams. */
  private void record(ObservableLongMeasurement out, Function<Target, RetryBudget> budget) {
    Map<String, Long> values = new HashMap<>();
    targets.forEach(t -> values.merge(t.service, budget.apply(t).granted(), Long::sum));
    values.forEach(
        (service, n) -> out.record(n, Attributes.of(RpcTelemetry.SERVER_ADDRESS, service)));
  }

  private void recordStates(ObservableLongMeasurement out) {
    Map<Guarded, Long> numbers = new HashMap<>();
    circuits(Circuit::state, CircuitState::worse)
        .forEach((of, state) -> numbers.put(of, (long) state.number()));
    recordByMethod(out, numbers);
  }

  private static void recordByMethod(ObservableLongMeasurement out, Map<Guarded, Long> values) {
    values.forEach(
        (of, n) ->
            out.record(
                n,
                Attributes.of(
                    RpcTelemetry.SERVER_ADDRESS, of.service, RpcTelemetry.METHOD, of.method)));
  }

  private void recordTransitions(ObservableLongMeasurement out) {
    for (CircuitBreaker.State state : CircuitBreaker.State.values()) {
      circuits(circuit -> circuit.turnsTo(state), Long::sum)
          .forEach(
              (of, n) ->
                  out.record(
                      n,
                      Attributes.of(
                          RpcTelemetry.SERVER_ADDRESS,
                          of.service,
                          RpcTelemetry.METHOD,
                          of.method,
                          STATE,
                          state.name().toLowerCase(Locale.ROOT))));
    }
  }

  /** One value for each method, to which there may be several channels. */
  private <T> Map<Guarded, T> circuits(Function<Circuit, T> value, BinaryOperator<T> together) {
    Map<Guarded, T> values = new HashMap<>();
    for (Target target : targets) {
      target.circuits.forEach(
          (method, circuit) ->
              values.merge(new Guarded(target.service, method), value.apply(circuit), together));
    }
    return values;
  }

  /** What is known about calling this method: from the call itself, else from its contract. */
  static CallPolicy policy(MethodDescriptor<?, ?> method, CallOptions options) {
    CallPolicy policy = options.getOption(CallPolicy.KEY);
    if (policy != null) {
      return policy;
    }
    // Only generated descriptors live as long as this map; others would pile up in it.
    if (method.getSchemaDescriptor() == null) {
      return CallPolicy.of(method);
    }
    // Which does not lock; each call comes here several times.
    CallPolicy known = POLICIES.get(method);
    return known == null ? POLICIES.computeIfAbsent(method, CallPolicy::of) : known;
  }

  /** For unary calls; streams are let through with their limits. */
  Channel channel(String service) {
    return unary.computeIfAbsent(service, this::connect).channel;
  }

  /** On connections of its own, so that many streams do not use up the calls of a connection. */
  Channel streamChannel(String service) {
    return streams.computeIfAbsent(service, this::connect).channel;
  }

  /** As {@link #channel(String)}, to these of its instances; to all once they are released. */
  Channel channel(String service, InstanceSet some) {
    return route(unary, unaryToSome, service, Optional.of(some)).channel;
  }

  /**
   * As {@link #streamChannel(String)}, to these of its instances; to all once they are released.
   */
  Channel streamChannel(String service, InstanceSet some) {
    return route(streams, streamsToSome, service, Optional.of(some)).channel;
  }

  /**
   * The worst of a method's circuits, to all or some of the instances; closed before the first
   * call.
   */
  CircuitState circuit(String service, String method) {
    CircuitState worst = CircuitState.CLOSED;
    for (Target target : targets) {
      if (target.service.equals(service)) {
        worst = target.circuits.find(method).map(Circuit::state).orElse(worst).worse(worst);
      }
    }
    return worst;
  }

  /** Whether something is decided about where unary calls to a service go. */
  boolean isRouted(String service) {
    Route known = unary.get(service);
    RouteTable table = known == null ? null : known.destinations.table();
    return table != null && !table.isPlain();
  }

  /** How long a unary call has at this moment, over the channel to all or some of the instances. */
  Duration timeout(
      String service,
      Optional<InstanceSet> some,
      String method,
      Metadata headers,
      CallPolicy contract) {
    Destinations to = route(unary, unaryToSome, service, some).destinations;
    RouteTable table = to.table();
    return (table == null ? RouteTable.PLAIN : table)
        .choose("/" + method, headers, ThreadLocalRandom.current())
        .flatMap(Choice::timeout)
        .or(() -> to.terms().timeout())
        .orElse(contract.timeout());
  }

  /**
   * What would become of a call; the channel to its service is made if there is none yet.
   *
   * <p>The channels of streams and those to some of the instances are not asked.
   */
  Explanation explain(Explanation.Question call, Explainer explainer) {
    Route route = unary.computeIfAbsent(call.service(), this::connect);
    Optional<Contract> contract =
        route
            .target
            .circuits
            .own(call.method())
            .flatMap(OutboundStack::ofCalled)
            .or(() -> ofGenerated(call.method()));
    return explainer.explain(call, route.destinations, route.target, contract);
  }

  /**
   * What would become of a call of a method, over the channel that it would be called on, which is
   * made if there is none yet.
   */
  Explanation explain(
      String service,
      MethodDescriptor<?, ?> method,
      CallPolicy contract,
      Optional<InstanceSet> some,
      Metadata headers,
      Explainer explainer) {
    boolean isUnary = method.getType() == MethodDescriptor.MethodType.UNARY;
    Route route =
        isUnary
            ? route(unary, unaryToSome, service, some)
            : route(streams, streamsToSome, service, some);
    Explanation.Question call =
        new Explanation.Question(
            service, method.getFullMethodName(), headers, "", OptionalDouble.empty());
    return route.destinations.whenInformed(
        () ->
            explainer.explain(
                call,
                route.destinations,
                route.target,
                isUnary ? Optional.of(new Contract(contract, method.isSafe())) : Optional.empty()));
  }

  /**
   * What is known of a method.
   *
   * @param safe whether it has no side effects
   */
  record Contract(CallPolicy policy, boolean safe) {}

  private static Optional<Contract> ofCalled(Circuit circuit) {
    return circuit.policy().map(policy -> new Contract(policy, circuit.isSafe()));
  }

  /** Of a unary method with generated code that was called, by whomever in this process. */
  private static Optional<Contract> ofGenerated(String method) {
    for (Map.Entry<MethodDescriptor<?, ?>, CallPolicy> known : POLICIES.entrySet()) {
      MethodDescriptor<?, ?> called = known.getKey();
      if (called.getType() == MethodDescriptor.MethodType.UNARY
          && called.getFullMethodName().equals(method)) {
        return Optional.of(new Contract(known.getValue(), called.isSafe()));
      }
    }
    return Optional.empty();
  }

  /** Whether there is a channel to all instances of a service. */
  boolean knows(String service) {
    return unary.containsKey(service);
  }

  /** The service of which this unary method was called; the first by name of several. */
  Optional<String> serviceOf(String method) {
    return unary.values().stream()
        .map(Route::target)
        .filter(target -> target.circuits.own(method).isPresent())
        .map(Target::service)
        .min(Comparator.naturalOrder());
  }

  /**
   * The circuits to a service, by service and method; of several channels to it the worst each.
   *
   * @param service empty for all
   */
  List<CircuitReport> circuits(String service) {
    Map<Guarded, CircuitReport> worst = new HashMap<>();
    for (Target target : targets) {
      if (service.isEmpty() || service.equals(target.service)) {
        target.circuits.forEach(
            (method, circuit) ->
                worst.merge(
                    new Guarded(target.service, method),
                    Explainer.report(target.service, method, circuit),
                    (a, b) -> a.state().compareTo(b.state()) < 0 ? b : a));
      }
    }
    return worst.values().stream()
        .sorted(Comparator.comparing(CircuitReport::service).thenComparing(CircuitReport::method))
        .toList();
  }

  /**
   * Closes the circuit to a method, or each of several to it, that is not closed.
   *
   * @param method as in {@link #circuits(String)}
   */
  void reset(String service, String method) {
    for (Target target : targets) {
      if (target.service.equals(service)) {
        target
            .circuits
            .own(method)
            .filter(circuit -> circuit.state() != CircuitState.CLOSED)
            .ifPresent(Circuit::reset);
      }
    }
  }

  private Route route(
      Map<String, Route> toAll,
      Map<InstanceSet, Route> toSome,
      String service,
      Optional<InstanceSet> some) {
    return some.flatMap(set -> toSome(toSome, service, set))
        .orElseGet(() -> toAll.computeIfAbsent(service, this::connect));
  }

  private Optional<Route> toSome(Map<InstanceSet, Route> routes, String service, InstanceSet some) {
    if (some.released()) {
      return Optional.empty();
    }
    Route route = routes.computeIfAbsent(some, set -> connect(service, Optional.of(set)));
    if (some.released()) {
      // Whoever released it may have looked before this was there.
      release(some);
    }
    return Optional.of(route);
  }

  private Channel mirror(String service) {
    Route route = mirrors.computeIfAbsent(service, this::connect);
    if (!faults.mirrored().contains(service)) {
      // The rules changed after they were asked about the call.
      leave(mirrors.remove(service));
    }
    return route.channel;
  }

  private void leaveMirrors() {
    Set<String> still = faults.mirrored();
    List<String> over = mirrors.keySet().stream().filter(name -> !still.contains(name)).toList();
    over.forEach(name -> leave(mirrors.remove(name)));
  }

  /** Forgets a service: calls that run go on, and the next one begins anew. */
  void release(String service) {
    leave(unary.remove(service));
    leave(streams.remove(service));
  }

  /** Forgets a set of instances, for good. */
  void release(InstanceSet some) {
    some.release();
    leave(unaryToSome.remove(some));
    leave(streamsToSome.remove(some));
  }

  private void leave(@Nullable Route route) {
    leaving.removeIf(ManagedChannel::isTerminated);
    if (route != null) {
      targets.remove(route.target);
      leaving.addAll(route.destinations.channels());
      route.destinations.shutdown();
    }
  }

  private Route connect(String service) {
    return connect(service, Optional.empty());
  }

  private Route connect(String service, Optional<InstanceSet> some) {
    // The circuits want to reconnect a channel that is only made with their help.
    List<Destinations> made = new ArrayList<>(1);
    Circuits circuits =
        new Circuits(service, Circuit.Pause.DEFAULT, () -> made.forEach(Destinations::reconnect));
    Destinations destinations =
        new Destinations(service, consul, timer, to -> outlet(to, some, circuits::newInstance));
    made.add(destinations);
    Target target = target(service, circuits);
    RoutingInterceptor routing = new RoutingInterceptor(destinations, ThreadLocalRandom::current);
    Channel channel =
        ClientInterceptors.interceptForward(destinations, layers(target, Optional.of(routing)));
    if (some.isEmpty() && !upstreams.has(service)) {
      destinations.follow(target::agree);
    } else {
      // Whoever says which instances are to be called, or where they are, has chosen.
      destinations.followTermsOnly(target::agree);
    }
    return new Route(destinations, channel, target);
  }

  private Choice.Outlet outlet(
      Destinations.Outside to, Optional<InstanceSet> some, Runnable newInstance) {
    Pool pool = new Pool(consul, to.service(), to.datacenter(), zone, some, upstreams);
    ManagedChannel channel =
        open(
            to.service(),
            ConsulNameResolverProvider.target(to.service()),
            builder -> resolved(builder, new ConsulNameResolverProvider(pool, newInstance)));
    pool.onAsleep(() -> wake(channel));
    return new Choice.Outlet(pool, channel, proving(channel, to.service()));
  }

  /** What falls asleep tells of it before it sleeps, and would not hear. */
  private static void wake(ManagedChannel channel) {
    ConnectivityState now = channel.getState(true);
    if (now != ConnectivityState.IDLE) {
      channel.notifyWhenStateChanged(now, () -> channel.getState(true));
    }
  }

  // Deprecated in favour of a global registry, which cannot tell the meshes of one process apart.
  @SuppressWarnings("deprecation")
  private static void resolved(
      ManagedChannelBuilder<?> builder, ConsulNameResolverProvider resolvers) {
    builder.nameResolverFactory(resolvers);
  }

  /** All layers over a channel that is somebody else's, and closed by them. */
  Channel channel(String service, ManagedChannel transport) {
    return ClientInterceptors.interceptForward(
        proving(transport, service), layers(service, transport));
  }

  /** The layers around a channel that is somebody else's, from the caller to the wire. */
  List<ClientInterceptor> layers(String service, ManagedChannel transport) {
    Circuits circuits =
        new Circuits(service, Circuit.Pause.DEFAULT, transport::resetConnectBackoff);
    return layers(target(service, circuits), Optional.empty());
  }

  /** Innermost: a route may lead to another service, and each wants a proof that is for it. */
  private Channel proving(Channel transport, String service) {
    return ClientInterceptors.intercept(transport, new Credentials(services, service));
  }

  private Target target(String service, Circuits circuits) {
    RetryBudget hedges =
        new RetryBudget(nanoTime, HedgingInterceptor.PER_CALL, HedgingInterceptor.SAVED_MAX, 0);
    Target target =
        new Target(
            service, circuits, new RetryBudget(nanoTime), hedges, new BulkheadInterceptor(service));
    targets.add(target);
    return target;
  }

  /** From the caller to the wire. */
  private List<ClientInterceptor> layers(Target target, Optional<RoutingInterceptor> routing) {
    String service = target.service;
    List<ClientInterceptor> layers = new ArrayList<>();
    // Outermost: one span and one measurement for what the caller sees as one call.
    layers.add(telemetry.clientInterceptor(service));
    // How much the request matters that is being served, so that others may judge, too.
    layers.add(new CriticalityInterceptor());
    // Once for all attempts, and only where operators ask for it.
    layers.add(new MirrorInterceptor(service, faults, this::mirror, OutboundStack::percent));
    // Before the deadline, which a route may say; and once for all attempts.
    routing.ifPresent(layers::add);
    // Before the retries: the deadline spans all attempts.
    layers.add(new DeadlineInterceptor());
    layers.add(new StreamLimitsInterceptor(service, timer, nanoTime));
    // Around the retries: what hangs has so much room, and what is refused is not repeated.
    layers.add(target.bulkhead);
    // Retries around the breaker, for what the contract declares repeatable.
    layers.add(
        new ResilientUnaryInterceptor(service, target.circuits, target.budget, timer, nanoTime));
    // Inside them: whichever of two calls is answered first, it is one attempt.
    layers.add(new HedgingInterceptor(target.hedges, target.budget, timer));
    // Nearest to the service, which it plays.
    layers.add(new FaultInterceptor(service, faults, timer, OutboundStack::percent));
    return layers;
  }

  private static int percent() {
    return ThreadLocalRandom.current().nextInt(100);
  }

  /** A channel to one address of a service, without any of the layers; the caller closes it. */
  ManagedChannel instanceChannel(String service, String host, int port) {
    String name = host.indexOf(':') < 0 ? host : "[" + host + "]";
    return open(service, "dns:///" + name + ":" + port, builder -> {});
  }

  private ManagedChannel open(
      String service, String target, Consumer<ManagedChannelBuilder<?>> more) {
    Function<ChannelCredentials, ManagedChannel> channel =
        credentials ->
            transport.open(
                target,
                credentials,
                builder -> more.accept(limited(builder, timer, services.ours(service))));
    if (tls.isEmpty()) {
      return channel.apply(InsecureChannelCredentials.create());
    }
    MeshTls own = tls.get();
    return own.excepted(service)
        ? new ExceptedChannel(
            () -> own.excepted(service),
            channel.apply(InsecureChannelCredentials.create()),
            () -> channel.apply(own.toward(service)))
        : channel.apply(own.toward(service));
  }

  private void reconnect() {
    routes().forEach(route -> route.destinations.reconnect());
  }

  private List<Route> routes() {
    return Stream.of(unary, streams, unaryToSome, streamsToSome, mirrors)
        .flatMap(routes -> routes.values().stream())
        .toList();
  }

  /**
   * @param ours whether what is called allows a ping every ten seconds, as {@link MeshServer} does
   */
  static ManagedChannelBuilder<?> limited(
      ManagedChannelBuilder<?> builder, Timer timer, boolean ours) {
    Duration keepalive = ours ? KEEPALIVE : KEEPALIVE_OF_OTHERS;
    return builder
        .executor(timer.threads())
        // Finds a dead peer while calls wait for it; idle connections cost nothing.
        .keepAliveTime(keepalive.toSeconds(), TimeUnit.SECONDS)
        .keepAliveTimeout(KEEPALIVE_ANSWER_SECONDS, TimeUnit.SECONDS)
        .keepAliveWithoutCalls(false)
        .maxInboundMetadataSize(METADATA_BYTES_MAX)
        .maxInboundMessageSize(MESSAGE_BYTES_MAX);
  }

  /** Ends all channels; calls that still run are cancelled after {@code within}. */
  void close(long within, TimeUnit unit) {
    List<ManagedChannel> channels = new ArrayList<>(leaving);
    routes()
        .forEach(
            route -> {
              channels.addAll(route.destinations.channels());
              route.destinations.shutdown();
            });
    channels.forEach(ManagedChannel::shutdown);
    long end = System.nanoTime() + unit.toNanos(within);
    for (ManagedChannel channel : channels) {
      try {
        if (!channel.awaitTermination(end - System.nanoTime(), TimeUnit.NANOSECONDS)) {
          channel.shutdownNow();
        }
      } catch (InterruptedException e) {
        channel.shutdownNow();
        Thread.currentThread().interrupt();
      }
    }
  }

  @Override
  public void close() {
    faults.close();
    close(1, TimeUnit.SECONDS);
  }
}
