package dev.weft.edge;

import dev.weft.consul.KvEntry;
import dev.weft.consul.ServiceInstance;
import dev.weft.consul.ServiceRegistration;
import dev.weft.consul.ServiceSnapshot;
import dev.weft.consul.Subscription;
import dev.weft.mesh.Mesh;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.metrics.LongCounter;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
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
  private static final int ASKED_AT_ONCE = 16;
  private static final Duration RETRY_FIRST = Duration.ofMillis(100);
  private static final Duration RETRY_LAST = Duration.ofSeconds(30);

  /** Half a minute: long enough for a service that registers before it listens. */
  private static final int ASKED_ON_SUSPICION = 8;

  /** So often an instance that does not answer keeps the edge from being up to date. */
  private static final int WAITED_FOR = 3;

  /** So that paths with owners are not served by others, or not at all, after the start. */
  private static final Duration OWNERS_WITHIN = Duration.ofSeconds(1);

  /** How often it is looked whether a contract that an operator gave has been replaced. */
  private static final Duration DESCRIPTORS_POLL = Duration.ofSeconds(1);

  private static final AttributeKey<String> SERVICE = AttributeKey.stringKey("weft.service");

  /** The registry itself. */
  private static final String REGISTRY = "consul";

  private final Mesh mesh;
  private final Catalogue catalogue;
  private final Access foreignDefault;
  private final ContractConfig config;
  private final Optional<DescriptorSets> descriptors;
  private final LongCounter breaking;
  private final Semaphore asking = new Semaphore(ASKED_AT_ONCE);
  private final Set<String> callable = ConcurrentHashMap.newKeySet();
  private final Map<String, List<InetSocketAddress>> http = new ConcurrentHashMap<>();
  private volatile Mounts mounts = Mounts.NONE;
  private volatile HttpRules rules = HttpRules.NONE;
  private @Nullable Subscription catalog;
  private @Nullable Subscription owners;
  private @Nullable Subscription mounted;
  private @Nullable Subscription ruled;

  // All below is guarded by this.
  private final Map<String, Watched> services = new HashMap<>();
  private long learned;
  private boolean heard;
  private boolean closed;

  /** One service of the registry. */
  private static final class Watched {
    final Map<String, Instance> instances = new HashMap<>();
    final Versions versions = new Versions();
    final Compatibility compatibility;
    @Nullable Subscription subscription;
    @Nullable ServiceSnapshot snapshot;

    Watched(Compatibility compatibility) {
      this.compatibility = compatibility;
    }

    boolean heard() {
      return snapshot != null;
    }

    boolean asked() {
      return instances.values().stream().allMatch(Instance::asked);
    }

    boolean tells() {
      return instances.values().stream().anyMatch(instance -> instance.schema != null);
    }
  }

  /** One instance that can be called. */
  private static final class Instance {
    final CountDownLatch gone = new CountDownLatch(1);
    final String key;
    @Nullable ServiceSchema schema;
    String problem = "";
    int failures;
    long learned;

    /**
     * @param key by which the registry knows it
     */
    Instance(String key) {
      this.key = key;
    }

    boolean asked() {
      return schema != null || failures >= WAITED_FOR;
    }
  }

  /** What an instance says that it speaks. */
  private enum Protocol {
    GRPC,
    HTTP,
    UNSAID,
    ANOTHER;

    static Protocol of(ServiceInstance instance) {
      String stated = instance.meta().getOrDefault(ServiceRegistration.META_PROTOCOL, "");
      if (stated.equalsIgnoreCase("grpc")
          || instance.tags().stream().anyMatch("grpc"::equalsIgnoreCase)
          || instance.checks().stream().anyMatch(check -> check.type().equals("grpc"))) {
        return GRPC;
      }
      if (stated.equalsIgnoreCase("http")) {
        return HTTP;
      }
      return stated.isEmpty() ? UNSAID : ANOTHER;
    }

    /** Whether it may answer reflection. */
    boolean mayTell() {
      return this == GRPC || this == UNSAID;
    }
  }

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
    this.descriptors = config.descriptors().map(DescriptorSets::new);
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
    CountDownLatch owned = new CountDownLatch(3);
    owners =
        mesh.consul()
            .kv()
            .watch(
                RouteOwners.KEY,
                entry -> {
                  catalogue.owners(entry.map(KvEntry::text));
                  owned.countDown();
                });
    mounted =
        mesh.consul()
            .kv()
            .watch(
                Mounts.KEY,
                entry -> {
                  mounts(entry.map(KvEntry::text));
                  owned.countDown();
                });
    ruled =
        mesh.consul()
            .kv()
            .watch(
                HttpRules.KEY,
                entry -> {
                  rules(entry.map(KvEntry::text));
                  owned.countDown();
                });
    try {
      boolean _ = owned.await(OWNERS_WITHIN.toMillis(), TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    catalog = mesh.consul().watchServices(names -> services(names.keySet()));
  }

  @Override
  public RouteTable routes() {
    return catalogue.routes();
  }

  @Override
  public Mounts mounts() {
    return mounts;
  }

  private void mounts(Optional<String> json) {
    try {
      mounts = Mounts.of(json);
      log.info("{} parts of the paths are mounted", mounts.all().size());
    } catch (IllegalArgumentException e) {
      log.warn("{} is not followed, what it said before stands; {}", Mounts.KEY, e.getMessage());
    }
  }

  /** What operators say of RPCs in the place of contracts. */
  HttpRules rules() {
    return rules;
  }

  private void rules(Optional<String> json) {
    HttpRules now;
    try {
      now = HttpRules.of(json);
    } catch (IllegalArgumentException e) {
      log.warn("{} is not followed, what it said before stands; {}", HttpRules.KEY, e.getMessage());
      return;
    }
    log.info("{} RPCs have rules of operators", now.bySelector().size());
    for (ServiceSchema.Skipped ignored : now.ignored()) {
      log.warn(
          "the rule of {} for {} is not followed: {}", HttpRules.KEY, ignored.rpc(), ignored.why());
    }
    remake(now);
  }

  private synchronized void remake(HttpRules now) {
    rules = now;
    for (Watched watched : services.values()) {
      IdentityHashMap<ServiceSchema, ServiceSchema> made = new IdentityHashMap<>();
      for (Instance instance : watched.instances.values()) {
        ServiceSchema before = instance.schema;
        if (before != null) {
          instance.schema = made.computeIfAbsent(before, this::ruled);
        }
      }
      watched.compatibility.remake(this::ruled);
    }
    // Also what is known from before and nobody tells now.
    for (ServiceSchema schema : catalogue.all()) {
      Watched watched = services.get(schema.service());
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
    return callable.contains(service);
  }

  @Override
  public Channel channel(Rpc rpc) {
    return rpc.at().isEmpty()
        ? mesh.channel(rpc.service())
        : mesh.channel(rpc.service(), rpc.at().get());
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

  private View view(String name, Watched watched) {
    Map<String, InstanceSchema> contracts = new HashMap<>();
    ServiceSnapshot snapshot =
        watched.snapshot == null ? new ServiceSnapshot(name, List.of(), true) : watched.snapshot;
    for (ServiceInstance instance : snapshot.instances()) {
      Instance known = watched.instances.get(key(instance));
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
      Watched watched = new Watched(new Compatibility(config.breaking(), known));
      services.put(name, watched);
      watched.subscription =
          mesh.consul().watchService(name, snapshot -> instances(watched, snapshot));
    }
  }

  private void forget(String name) {
    Watched watched = services.remove(name);
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
  private synchronized void instances(Watched watched, ServiceSnapshot snapshot) {
    String name = snapshot.service();
    if (closed || services.get(name) != watched) {
      return;
    }
    watched.snapshot = snapshot;
    Map<String, ServiceInstance> now =
        snapshot.passing().stream()
            .filter(instance -> Protocol.of(instance).mayTell())
            .collect(Collectors.toMap(SchemaWatch::key, i -> i, (a, _) -> a));
    http.put(
        name,
        snapshot.passing().stream()
            .filter(instance -> Protocol.of(instance) == Protocol.HTTP)
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
      Instance gone = watched.instances.remove(key);
      if (gone != null) {
        gone.gone.countDown();
      }
    }
    now.forEach(
        (key, instance) -> {
          if (!watched.instances.containsKey(key)) {
            Instance added = new Instance(instance.key());
            watched.instances.put(key, added);
            Thread.ofVirtual()
                .name("reflect " + instance.id())
                .start(() -> learn(watched, added, instance));
          }
        });
    // Only now: who has just come may tell what those who left have told.
    if (!left.isEmpty()) {
      choose(watched);
    }
  }

  /** Another key is another program: an instance that came back may serve something else. */
  private static String key(ServiceInstance instance) {
    return instance.key() + " " + instance.host() + ":" + instance.port() + " " + instance.meta();
  }

  /** Asks an instance until it has answered or is gone, or it is plain that it never will. */
  private void learn(Watched watched, Instance instance, ServiceInstance at) {
    long pause = RETRY_FIRST.toMillis();
    boolean surely = Protocol.of(at) == Protocol.GRPC;
    // Where operators may give contracts one may still come.
    boolean askOn = surely || descriptors.isPresent();
    try {
      for (int i = 0; instance.gone.getCount() > 0 && (askOn || i < ASKED_ON_SUSPICION); i++) {
        String problem;
        try {
          Optional<Reflected> told = ask(at);
          if (told.isPresent()) {
            learned(watched, instance, schema(watched, at.service(), told.get()));
          } else {
            follow(watched, instance, at.service());
          }
          return;
        } catch (Reflection.Failed | InvalidRule e) {
          problem = String.valueOf(e.getMessage());
        } catch (RuntimeException e) {
          log.error("the contract of {} cannot be read", at.id(), e);
          problem = "internal error";
        }
        failed(watched, instance, at, problem, surely);
        if (instance.gone.await(
            ThreadLocalRandom.current().nextLong(pause / 2, pause + 1), TimeUnit.MILLISECONDS)) {
          return;
        }
        pause = Math.min(pause * 2, RETRY_LAST.toMillis());
      }
    } catch (InterruptedException e) {
      log.warn("{} is not asked any more: its thread was interrupted", at.id());
    }
  }

  /** Follows the contract that an operator gave for as long as the instance is there. */
  private void follow(Watched watched, Instance instance, String service)
      throws Reflection.Failed, InterruptedException {
    Optional<Reflected> before = Optional.empty();
    do {
      Optional<Reflected> now = given(service);
      if (now.isPresent() && !now.equals(before)) {
        learned(watched, instance, schema(watched, service, now.get()));
        before = now;
      }
    } while (!instance.gone.await(DESCRIPTORS_POLL.toMillis(), TimeUnit.MILLISECONDS));
  }

  private Optional<Reflected> given(String service) throws Reflection.Failed {
    return descriptors.isEmpty() ? Optional.empty() : descriptors.get().of(service);
  }

  /**
   * Asks an instance what it serves.
   *
   * @return empty if it does not know how to tell, and an operator gave its contract
   */
  private Optional<Reflected> ask(ServiceInstance at)
      throws Reflection.Failed, InterruptedException {
    asking.acquire();
    ManagedChannel channel = mesh.instanceChannel(at.service(), at.host(), at.port());
    try {
      return Optional.of(Reflection.ask(channel, at.service()));
    } catch (Reflection.Failed e) {
      if (e.unknown() && given(at.service()).isPresent()) {
        return Optional.empty();
      }
      throw e;
    } finally {
      channel.shutdownNow();
      asking.release();
    }
  }

  /** What is served of a contract: made once, however many instances tell it. */
  private ServiceSchema schema(Watched watched, String service, Reflected told) {
    List<Reflected> contracts = List.of(told);
    synchronized (this) {
      for (Instance other : watched.instances.values()) {
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
      Watched watched, Instance instance, ServiceInstance at, String problem, boolean surely) {
    if (surely && !problem.equals(instance.problem)) {
      log.warn("{} does not tell its contract, asking on: {}", at.id(), problem);
    }
    instance.problem = problem;
    instance.failures++;
    if (instance.failures == WAITED_FOR && instance.gone.getCount() > 0) {
      choose(watched);
    }
  }

  private synchronized void learned(Watched watched, Instance instance, ServiceSchema schema) {
    if (closed || instance.gone.getCount() == 0) {
      return;
    }
    instance.problem = "";
    // Other rules may hold than when it was made.
    instance.schema = ruled(schema);
    instance.learned = ++learned;
    choose(watched);
  }

  /** Has served what the instances tell now; what was served stays when none tells anything. */
  private void choose(Watched watched) {
    List<Versions.Told> told = new ArrayList<>();
    for (Instance instance : watched.instances.values()) {
      if (instance.schema != null) {
        told.add(new Versions.Told(instance.schema, instance.key, instance.learned));
      }
    }
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
    if (owners != null) {
      owners.close();
    }
    if (mounted != null) {
      mounted.close();
    }
    if (ruled != null) {
      ruled.close();
    }
    List.copyOf(services.keySet()).forEach(this::forget);
  }
}
