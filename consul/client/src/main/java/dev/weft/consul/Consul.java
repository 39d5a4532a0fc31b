package dev.weft.consul;

import com.ecwid.consul.v1.QueryParams;
import com.ecwid.consul.v1.catalog.CatalogConsulClient;
import com.google.gson.Gson;
import dev.weft.consul.LastKnown.Page;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The process's connection to its Consul agent: registers services and keeps them registered,
 * follows services, the catalog, keys, certificates and intentions. Make one per process and share
 * it.
 *
 * <p>Nothing here needs the agent to be up: registrations and watches wait for it and survive its
 * restart. Only the calls that answer something ({@link #instances}, {@link #services}, {@link
 * #kv}, {@link #ca}, …) throw {@link ConsulException} when it is not.
 *
 * <p><b>What watches believe.</b> What was known stays in use, marked stale, while the agent cannot
 * be reached, for as long as that lasts. What an answer no longer shows is gone at once if that is
 * credible: the answer follows the one before without a failure between, its index advanced, the
 * agent knows a leader and hides nothing from us. Otherwise, as after the restart of an agent that
 * lost its catalog, it is kept for at most 60 s, or until it is shown again; so long the state is
 * stale, too. An answer that is empty because our token may read none of it is no answer: it counts
 * as an agent that cannot be reached.
 *
 * <p><b>What outlives the process.</b> With {@link ConsulConfig#snapshots} the names of services,
 * instances to call, certificates and intentions are on the disk, too, and a process that starts
 * while the agent is away, shows it nothing, or has lost its memory, begins with those, unless they
 * are older than a day.
 *
 * <p>Thread-safe.
 */
public final class Consul implements AutoCloseable {
  /**
   * An agent allows 200 connections per address, and all processes of one machine share one. 48,
   * with those of {@link Changes}, leave room for several that watch everything.
   */
  private static final int MAX_BLOCKING_POLLS = 48;

  private static final String HEALTH = "/v1/health/service/";

  private static final Gson GSON = new Gson();

  /** Those that can be called, without what changes while they can be. */
  private static final DiskSnapshot.Form<ServiceInstance> INSTANCES =
      new DiskSnapshot.Form<>(
          entries ->
              GSON.toJsonTree(
                  entries.values().stream()
                      .filter(instance -> instance.weight() > 0)
                      .map(ServiceInstance::toCall)
                      .toArray(ServiceInstance[]::new)),
          json -> byKey(List.of(GSON.fromJson(json, ServiceInstance[].class))),
          _ -> Instant.MAX);

  private static final DiskSnapshot.Form<List<String>> NAMES =
      new DiskSnapshot.Form<>(GSON::toJsonTree, Wire::services, _ -> Instant.MAX);

  private final ConsulHttp http;
  private final Agent agent;
  private final Kv kv;
  private final ConnectCa ca;
  private final Intentions intentions;
  private final ConfigEntries configEntries;
  private final DiscoveryChains chains;
  private final CatalogConsulClient catalog;
  private final Changes changes;
  private final SharedWatches<ServiceInstance, ServiceSnapshot> services;
  private final SharedWatches<List<String>, Map<String, List<String>>> names;
  private final Set<Registration> registrations = ConcurrentHashMap.newKeySet();

  private Consul(ConsulConfig config, LongSupplier nanoTime) {
    http = new ConsulHttp(config);
    Rights rights = new Rights(http);
    agent = new Agent(http);
    catalog = new CatalogConsulClient(http);
    Semaphore slots = new Semaphore(MAX_BLOCKING_POLLS - Changes.QUERIES);
    changes = new Changes(http);
    kv = new Kv(http, slots);
    Optional<Path> snapshots = config.snapshots();
    snapshots.ifPresent(folder -> DiskSnapshot.sweep(folder, InstantSource.system()));
    ca = new ConnectCa(http, slots, snapshots);
    intentions = new Intentions(http, slots, snapshots);
    configEntries = new ConfigEntries(http, slots);
    chains = new DiscoveryChains(http, slots);
    services =
        new SharedWatches<>(
            asked -> {
              DiskSnapshot<ServiceInstance> snapshot =
                  DiskSnapshot.in(
                      // Of routes nothing is kept, so nobody asks for a subset without an agent.
                      asked.contains("?") ? Optional.empty() : snapshots,
                      "service-" + asked,
                      INSTANCES,
                      InstantSource.system());
              return new Watch<>(
                  "service " + asked,
                  new HealthQuery(http, asked),
                  new LastKnown<>(
                      ServiceInstance::forgottenIn,
                      _ -> rights.requireInstances(asked),
                      nanoTime,
                      snapshot::read),
                  view ->
                      new ServiceSnapshot(
                          nameIn(asked), List.copyOf(view.entries().values()), view.stale()),
                  slots,
                  snapshot,
                  asked.contains("?dc=") ? Watch.Turns.EVERY_SECOND : changes.of(nameIn(asked)));
            });
    names =
        new SharedWatches<>(
            what -> {
              DiskSnapshot<List<String>> snapshot =
                  DiskSnapshot.in(snapshots, "services", NAMES, InstantSource.system());
              return new Watch<>(
                  what,
                  this::pollNames,
                  new LastKnown<>(
                      (_, _) -> false,
                      // All of them hardly went at once, so one tells as much as all.
                      known -> rights.requireName(known.iterator().next()),
                      nanoTime,
                      snapshot::read),
                  view ->
                      view.answered() || !view.entries().isEmpty()
                          ? Collections.unmodifiableMap(view.entries())
                          : null,
                  slots,
                  snapshot);
            });
  }

  /** Makes the client; does not call the agent. */
  public static Consul connect(ConsulConfig config) {
    return connect(config, System::nanoTime);
  }

  /**
   * As the other one.
   *
   * @param nanoTime by which is kept for a while what an answer leaves out
   */
  static Consul connect(ConsulConfig config, LongSupplier nanoTime) {
    return new Consul(config, nanoTime);
  }

  /**
   * Registers the instance with the agent and keeps it registered until the registration, or this
   * client, is closed. Tries once before it returns, for 5 s at most; if the agent cannot be
   * reached, attempts go on in the background and {@link Registration#state} says how it stands.
   *
   * @throws ConsulException if the agent refuses the registration as such
   */
  public Registration register(ServiceRegistration wanted) {
    Registration registration = new Registration(agent, wanted);
    registration.start();
    registrations.add(registration);
    return registration;
  }

  /**
   * Calls the listener with all instances of the service now and after each change, and when the
   * state turns stale or fresh. What is known already is delivered at once; otherwise the first
   * call comes with the agent's first answer, or stale and empty when it cannot be reached.
   *
   * <p>The listener runs on a virtual thread of its own, never twice at once; if it is slow, it
   * misses states in between, but never the newest. All listeners of a service share one blocking
   * query, so a change is heard of within milliseconds.
   */
  public Subscription watchService(String service, Consumer<ServiceSnapshot> listener) {
    return services.subscribe(ConsulHttp.segment(service), listener);
  }

  /**
   * As {@link #watchService(String, Consumer)}, with some of the instances.
   *
   * @param datacenter where they are; empty for the agent's own
   * @param filter which they are, in Consul's language; empty for all
   */
  public Subscription watchService(
      String service, String datacenter, String filter, Consumer<ServiceSnapshot> listener) {
    StringBuilder asked = new StringBuilder(ConsulHttp.segment(service));
    if (!datacenter.isEmpty()) {
      asked.append("?dc=").append(ConsulHttp.segment(datacenter));
    }
    if (!filter.isEmpty()) {
      asked.append(datacenter.isEmpty() ? '?' : '&').append("filter=");
      asked.append(ConsulHttp.segment(filter));
    }
    return services.subscribe(asked.toString(), listener);
  }

  /**
   * Calls the listener with the names of all services in the catalog and their tags, from the
   * agent's first answer on and after each change; from what an earlier process knew, if the agent
   * cannot be asked. Changes of health alone do not show here. Threads as for {@link
   * #watchService}.
   */
  public Subscription watchServices(Consumer<Map<String, List<String>>> listener) {
    return names.subscribe("the catalog", listener);
  }

  /** All instances of the service as the agent knows them right now. */
  public List<ServiceInstance> instances(String service) {
    return http.get(HEALTH + ConsulHttp.segment(service)).require(200).read(Wire::instances);
  }

  /** The names of all services in the catalog with their tags, right now. */
  public Map<String, List<String>> services() {
    return http.typed(
            "GET /v1/catalog/services", () -> catalog.getCatalogServices(QueryParams.DEFAULT))
        .getValue();
  }

  /** The keys and values that the cluster keeps. */
  public Kv kv() {
    return kv;
  }

  /** The Connect CA: whom to trust, and who a service is. */
  public ConnectCa ca() {
    return ca;
  }

  /** Who may call which service. */
  public Intentions intentions() {
    return intentions;
  }

  /** What operators say about services. */
  public ConfigEntries configEntries() {
    return configEntries;
  }

  /** Where the calls of each service go. */
  public DiscoveryChains chains() {
    return chains;
  }

  /** Single calls to the agent, for those who need more than registrations and watches. */
  public Agent agent() {
    return agent;
  }

  private Page<List<String>> pollNames(long index, Duration wait) {
    Answer answer = http.poll("/v1/catalog/services", index, wait).require(200);
    return page(answer, answer.read(Wire::services));
  }

  /**
   * Asks for the health of instances. An answer that says again what the last one said, as most do
   * that end a wait, is not read again. Used by one thread.
   */
  private static final class HealthQuery implements Watch.Query<ServiceInstance> {
    private final ConsulHttp http;
    private final String asked;
    private long index;
    private int length;
    private int hash;
    private @Nullable Map<String, ServiceInstance> last;

    HealthQuery(ConsulHttp http, String asked) {
      this.http = http;
      this.asked = asked;
    }

    /** What a filter leaves out does not change the index. */
    @Override
    public boolean moved(long since) {
      String service = asked.contains("?") ? asked.substring(0, asked.indexOf('?')) : asked;
      String nothing = ConsulHttp.segment("Service.ID == \"\"");
      Answer answer = http.get(HEALTH + service + "?filter=" + nothing).require(200);
      return answer.requireIndex() != since;
    }

    @Override
    public Page<ServiceInstance> poll(long since, Duration wait) {
      Answer answer = http.poll(HEALTH + asked, since, wait).require(200);
      String body = answer.body();
      Map<String, ServiceInstance> instances = last;
      // The index alone may be that of an agent that has started anew.
      if (instances == null
          || answer.requireIndex() != index
          || body.length() != length
          || body.hashCode() != hash) {
        instances = byKey(answer.read(Wire::instances));
      }
      // With a filter, what is left out may be what the filter would leave out, too.
      if (instances.isEmpty() && answer.filtered() && !asked.contains("filter=")) {
        throw ConsulException.hidden(answer.request(), "service " + asked, "it says so");
      }
      last = instances;
      index = answer.requireIndex();
      length = body.length();
      hash = body.hashCode();
      return page(answer, instances);
    }
  }

  private static <V> Page<V> page(Answer answer, Map<String, V> entries) {
    return new Page<>(entries, answer.requireIndex(), answer.doubtful());
  }

  private static Map<String, ServiceInstance> byKey(Collection<ServiceInstance> instances) {
    return instances.stream()
        .collect(Collectors.toMap(ServiceInstance::key, Function.identity(), (a, _) -> a));
  }

  private static String nameIn(String asked) {
    int query = asked.indexOf('?');
    return URLDecoder.decode(query < 0 ? asked : asked.substring(0, query), StandardCharsets.UTF_8);
  }

  /**
   * Ends all watches and deregisters what is still registered, for 10 s at most if the agent hangs.
   */
  @Override
  public void close() {
    services.close();
    names.close();
    changes.close();
    kv.close();
    ca.close();
    intentions.close();
    configEntries.close();
    chains.close();
    try (var closers = Executors.newVirtualThreadPerTaskExecutor()) {
      registrations.forEach(registration -> closers.execute(registration::close));
    }
    http.close();
  }
}
