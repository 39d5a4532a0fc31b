package dev.weft.edge;

import dev.weft.consul.ServiceInstance;
import dev.weft.consul.ServiceSnapshot;
import dev.weft.consul.Subscription;
import dev.weft.mesh.Mesh;
import io.grpc.Channel;
import io.grpc.Metadata;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.LongCounter;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows the registry, asks each healthy instance what it serves, and tells the {@link Catalogue}:
 * a service is served as soon as one instance has told its contract. What was learned last stays
 * when an instance cannot be asked and when all have left.
 *
 * <p>While instances differ, what each of them has is served, at those that have it ({@link
 * Versions}); what breaks the contract before is reported, and served or not ({@link
 * Compatibility}). An instance that says by metadata, tag or check that it speaks gRPC is asked
 * until it answers; one that says nothing a few times; one that says it speaks something else
 * never.
 *
 * <p>Thread-safe.
 */
final class SchemaWatch implements Services, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(SchemaWatch.class);

  private static final int SERVICES_MAX = 2_000;

  /** So that paths with owners are not served by others, or not at all, after the start. */
  private static final Duration OWNERS_WITHIN = Duration.ofSeconds(1);

  private static final AttributeKey<String> SERVICE = AttributeKey.stringKey("weft.service");

  /** The registry itself. */
  private static final String REGISTRY = "consul";

  private final Mesh mesh;
  private final Catalogue catalogue;
  private final Access foreignDefault;
  private final ContractConfig config;
  private final ContractAsker asker;
  private final OperatorEntries operators;
  private final LongCounter breaking;
  private final Set<String> callable = ConcurrentHashMap.newKeySet();
  private final Map<String, List<InetSocketAddress>> http = new ConcurrentHashMap<>();
  private volatile HttpRules rules = HttpRules.NONE;
  private @Nullable Subscription catalog;

  // All below is guarded by this.
  private final Map<String, WatchedService> services = new HashMap<>();
  private long learned;
  private boolean heard;
  private boolean closed;

  /**
   * How it stands with one instance's contract.
   *
   * @param fingerprint empty as long as it was not learned
   * @param problem why not; empty as long as it is only not done yet
   */
  record InstanceSchema(String fingerprint, String problem) {}

  /**
   * One service as operators see it.
   *
   * @param breaking what its contracts broke last
   */
  record View(
      ServiceSnapshot snapshot,
      Map<String, InstanceSchema> contracts,
      Optional<ServiceSchema> schema,
      List<Compatibility.Report> breaking) {}

  SchemaWatch(Mesh mesh, Catalogue catalogue, Access foreignDefault, ContractConfig config) {
    this.mesh = mesh;
    this.catalogue = catalogue;
    this.foreignDefault = foreignDefault;
    this.config = config;
    this.asker = new ContractAsker(mesh, config.descriptors());
    this.operators = new OperatorEntries(catalogue::owners, this::remake);
    this.breaking =
        mesh.telemetry()
            .meter("dev.weft.edge")
            .counterBuilder("weft.edge.breaking_changes")
            .setUnit("{contract}")
            .setDescription("Contracts that broke the one of the same service before.")
            .build();
  }

  /** Begins to follow the registry. */
  void start() {
    operators.start(mesh.consul().kv(), OWNERS_WITHIN);
    catalog = mesh.consul().watchServices(names -> services(names.keySet()));
  }

  @Override
  public RouteTable routes() {
    return catalogue.routes();
  }

  @Override
  public Mounts mounts() {
    return operators.mounts();
  }

  /** What operators say of RPCs in the place of contracts. */
  HttpRules rules() {
    return rules;
  }

  private synchronized void remake(HttpRules now) {
    rules = now;
    for (WatchedService watched : services.values()) {
      IdentityHashMap<ServiceSchema, ServiceSchema> made = new IdentityHashMap<>();
      for (WatchedService.Instance instance : watched.instances.values()) {
        ServiceSchema before = instance.schema;
        if (before != null) {
          instance.schema = made.computeIfAbsent(before, this::ruled);
        }
      }
      watched.compatibility.remake(this::ruled);
    }
    // Also what is known from before and nobody tells now.
    for (ServiceSchema schema : catalogue.all()) {
      WatchedService watched = services.get(schema.service());
      if (watched == null || !watched.tells()) {
        catalogue.put(ruled(schema), services::containsKey);
      } else {
        choose(watched);
      }
    }
  }

  /** The same contracts by the rules that hold now. */
  private ServiceSchema ruled(ServiceSchema schema) {
    if (schema.rules().equals(rules.about(schema.grpcServices()))) {
      return schema;
    }
    return ServiceSchema.together(
        schema.contracts().stream()
            .map(contract -> ServiceSchema.of(schema.service(), contract, foreignDefault, rules))
            .toList(),
        _ -> Optional.empty());
  }

  @Override
  public List<InetSocketAddress> http(String service) {
    return http.getOrDefault(service, List.of());
  }

  @Override
  public boolean available(String service) {
    return callable.contains(service) || mesh.isRouted(service);
  }

  @Override
  public Channel channel(Rpc rpc) {
    return rpc.at().isEmpty()
        ? mesh.channel(rpc.service())
        : mesh.channel(rpc.service(), rpc.at().get());
  }

  @Override
  public Duration timeout(Rpc rpc, Metadata metadata) {
    return rpc.at().isEmpty()
        ? mesh.timeout(rpc.service(), rpc.name(), metadata, rpc.policy())
        : mesh.timeout(rpc.service(), rpc.at().get(), rpc.name(), metadata, rpc.policy());
  }

  /** What would become of a call; see {@link Mesh#explain}. May take seconds. */
  dev.weft.mesh.Explanation explain(Rpc rpc, Metadata metadata) {
    return mesh.explain(rpc.service(), rpc.grpc(), rpc.policy(), rpc.at(), metadata);
  }

  @Override
  public Channel streamChannel(Rpc rpc) {
    return rpc.at().isEmpty()
        ? mesh.streamChannel(rpc.service())
        : mesh.streamChannel(rpc.service(), rpc.at().get());
  }

  /**
   * Whether what the registry has now is served: of every service in it, the instances are known,
   * and a contract is, or each healthy instance was asked for it. One that does not answer counts
   * as asked after some attempts.
   */
  synchronized boolean upToDate() {
    return heard
        && services.entrySet().stream()
            .allMatch(
                service ->
                    service.getValue().heard()
                        && (service.getValue().asked()
                            || catalogue.find(service.getKey()).isPresent()));
  }

  /** All services of the registry by name. */
  synchronized Map<String, View> views() {
    Map<String, View> views = new HashMap<>();
    services.forEach((name, watched) -> views.put(name, view(name, watched)));
    for (ServiceSchema schema : catalogue.all()) {
      views.computeIfAbsent(
          schema.service(),
          name ->
              new View(
                  new ServiceSnapshot(name, List.of(), false),
                  Map.of(),
                  Optional.of(schema),
                  List.of()));
    }
    return views;
  }

  /** All contracts learned, in their order. */
  List<ServiceSchema> schemas() {
    return catalogue.all();
  }

  private View view(String name, WatchedService watched) {
    Map<String, InstanceSchema> contracts = new HashMap<>();
    ServiceSnapshot snapshot =
        watched.snapshot == null ? new ServiceSnapshot(name, List.of(), true) : watched.snapshot;
    for (ServiceInstance instance : snapshot.instances()) {
      WatchedService.Instance known = watched.instances.get(WatchedService.key(instance));
      if (known != null) {
        contracts.put(
            instance.key(),
            new InstanceSchema(
                known.schema == null ? "" : known.schema.fingerprint(), known.problem));
      }
    }
    return new View(snapshot, contracts, catalogue.find(name), watched.compatibility.reports());
  }

  /** The registry has exactly these services now. */
  private synchronized void services(Set<String> names) {
    heard = true;
    if (closed) {
      return;
    }
    for (String name : List.copyOf(services.keySet())) {
      if (!names.contains(name)) {
        forget(name);
        // Names come and go without end; their channels must not stay.
        mesh.release(name);
      }
    }
    for (String name : names) {
      if (name.equals(REGISTRY) || services.containsKey(name)) {
        continue;
      }
      if (services.size() == SERVICES_MAX) {
        log.warn("the registry has more than {} services; {} is not served", SERVICES_MAX, name);
        continue;
      }
      Optional<ServiceSchema> known =
          catalogue.find(name).filter(schema -> schema.contracts().size() == 1);
      WatchedService watched = new WatchedService(new Compatibility(config.breaking(), known));
      services.put(name, watched);
      watched.subscription =
          mesh.consul().watchService(name, snapshot -> instances(watched, snapshot));
    }
  }

  private void forget(String name) {
    WatchedService watched = services.remove(name);
    if (watched != null) {
      if (watched.subscription != null) {
        watched.subscription.close();
      }
      watched.instances.values().forEach(instance -> instance.gone.countDown());
      watched.versions.end().forEach(mesh::release);
    }
    callable.remove(name);
    http.remove(name);
  }

  /** A service has these instances now. */
  private synchronized void instances(WatchedService watched, ServiceSnapshot snapshot) {
    String name = snapshot.service();
    if (closed || services.get(name) != watched) {
      return;
    }
    watched.snapshot = snapshot;
    Map<String, ServiceInstance> now =
        snapshot.passing().stream()
            .filter(instance -> InstanceProtocol.of(instance).mayTell())
            .collect(Collectors.toMap(WatchedService::key, i -> i, (a, _) -> a));
    http.put(
        name,
        snapshot.passing().stream()
            .filter(instance -> InstanceProtocol.of(instance) == InstanceProtocol.HTTP)
            .map(at -> InetSocketAddress.createUnresolved(at.host(), at.port()))
            .toList());
    if (now.isEmpty()) {
      callable.remove(name);
    } else {
      callable.add(name);
    }
    List<String> left =
        watched.instances.keySet().stream().filter(key -> !now.containsKey(key)).toList();
    for (String key : left) {
      WatchedService.Instance gone = watched.instances.remove(key);
      if (gone != null) {
        gone.gone.countDown();
      }
    }
    now.forEach(
        (key, instance) -> {
          if (!watched.instances.containsKey(key)) {
            WatchedService.Instance added = new WatchedService.Instance(instance.key());
            watched.instances.put(key, added);
            Thread.ofVirtual()
                .name("reflect " + instance.id())
                .start(() -> ask(watched, added, instance));
          }
        });
    // Only now: who has just come may tell what those who left have told.
    if (!left.isEmpty()) {
      choose(watched);
    }
  }

  private void ask(WatchedService watched, WatchedService.Instance instance, ServiceInstance at) {
    asker.ask(
        at,
        instance.gone,
        contract -> learned(watched, instance, schema(watched, at.service(), contract)),
        problem -> failed(watched, instance, at, problem));
  }

  /** What is served of a contract: made once, however many instances tell it. */
  private ServiceSchema schema(WatchedService watched, String service, Reflected told) {
    List<Reflected> contracts = List.of(told);
    synchronized (this) {
      for (WatchedService.Instance other : watched.instances.values()) {
        if (other.schema != null && other.schema.contracts().equals(contracts)) {
          return other.schema;
        }
      }
      Optional<ServiceSchema> known =
          catalogue
              .find(service)
              .filter(schema -> schema.contracts().equals(contracts) && schema.places().isEmpty());
      if (known.isPresent()) {
        return known.get();
      }
    }
    return ServiceSchema.of(service, told, foreignDefault, rules);
  }

  private synchronized void failed(
      WatchedService watched,
      WatchedService.Instance instance,
      ServiceInstance at,
      String problem) {
    boolean surely = InstanceProtocol.of(at) == InstanceProtocol.GRPC;
    if (surely && !problem.equals(instance.problem)) {
      log.warn("{} does not tell its contract, asking on: {}", at.id(), problem);
    }
    instance.problem = problem;
    instance.failures++;
    if (instance.failures == WatchedService.WAITED_FOR && !instance.isGone()) {
      choose(watched);
    }
  }

  private synchronized void learned(
      WatchedService watched, WatchedService.Instance instance, ServiceSchema schema) {
    if (closed || instance.isGone()) {
      return;
    }
    instance.problem = "";
    // Other rules may hold than when it was made.
    instance.schema = ruled(schema);
    instance.learned = ++learned;
    choose(watched);
  }

  /** Has served what the instances tell now; what was served stays when none tells anything. */
  private void choose(WatchedService watched) {
    List<Versions.Told> told = watched.told();
    if (told.isEmpty()) {
      return;
    }
    Compatibility.Verdict verdict = watched.compatibility.of(told, watched.asked());
    report(told.getFirst().schema().service(), verdict);
    watched
        .versions
        .of(verdict.served(), verdict.held())
        .ifPresent(
            served -> {
              catalogue.put(served.schema(), services::containsKey);
              served.left().forEach(mesh::release);
            });
  }

  private void report(String service, Compatibility.Verdict verdict) {
    for (BreakingChange change : verdict.found()) {
      breaking.add(1, Attributes.of(SERVICE, service));
      log.warn(
          "contract {} of {} breaks {}, {}: {}{}",
          change.to(),
          service,
          change.from(),
          config.breaking() == Compatibility.Policy.HOLD
              ? "its instances are not called as long as others tell that one"
              : "it is served",
          String.join("; ", change.changes()),
          change.more() == 0 ? "" : "; and " + change.more() + " more");
    }
    verdict
        .gaveIn()
        .ifPresent(
            change ->
                log.warn(
                    "no instance of {} tells contract {} any more: {} is served, which breaks it",
                    service,
                    change.from(),
                    change.to()));
  }

  @Override
  public synchronized void close() {
    closed = true;
    if (catalog != null) {
      catalog.close();
    }
    operators.close();
    List.copyOf(services.keySet()).forEach(this::forget);
  }
}
