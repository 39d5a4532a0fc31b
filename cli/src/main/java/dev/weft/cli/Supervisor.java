package dev.weft.cli;

import dev.weft.durable.LocalPostgres;
import dev.weft.durable.LocalPostgresException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The whole system as processes of this machine: started in order, kept running, stopped in
 * reverse.
 *
 * <p>One supervisor per state folder, held by a file lock that ends with its process. Its children
 * end with it too, also when it is killed.
 */
final class Supervisor implements AutoCloseable {
  static final String EDGE = "edge-gateway";
  static final String USER = "user-svc";
  static final String ORDER = "order-svc";
  static final String PAYMENT = "payment-svc";
  static final String INVENTORY = "inventory-svc";
  static final String CARD_NETWORK = "card-network";
  static final String REGISTRY = "registry";
  static final String DATABASE = "postgres";
  static final List<String> SERVICES = List.of(USER, ORDER, PAYMENT, INVENTORY);

  private static final Map<String, String> MAIN =
      Map.of(
          EDGE, "dev.weft.edge.EdgeServer",
          USER, "dev.weft.user.UserServer",
          ORDER, "dev.weft.order.OrderServer",
          PAYMENT, "dev.weft.payment.PaymentServer",
          INVENTORY, "dev.weft.inventory.InventoryServer",
          CARD_NETWORK, "dev.weft.card.CardNetworkServer");
  private static final int HEAP_MEGABYTES = 96;
  private static final Duration READY_LIMIT = Duration.ofSeconds(90);
  private static final Duration LEFTOVERS_LIMIT = Duration.ofSeconds(45);
  private static final Duration STOP_LIMIT = Duration.ofSeconds(30);
  private static final Duration PAUSE = Duration.ofMillis(20);

  private final StateDir dir;
  private final Ports ports;
  private final RegistryChoice registry;
  private final Console console;
  private final StagedBuild build;
  private final Http http = new Http();
  private final Map<String, Child> children = new LinkedHashMap<>();
  private final Object stateFile = new Object();
  private final CountDownLatch stopped = new CountDownLatch(1);
  private @Nullable FileLock lock;
  private @Nullable LocalPostgres postgres;
  private volatile boolean ready;
  private volatile boolean closing;

  Supervisor(
      StateDir dir, Ports ports, RegistryChoice registry, Console console, StagedBuild build) {
    this.dir = dir;
    this.ports = ports;
    this.registry = registry;
    this.console = console;
    this.build = build;
  }

  /** Starts everything and returns when the first order can be placed. */
  DemoData.Accounts start() {
    lock = lock();
    clearLeftovers();
    ports.insistOnFree(registry.isLocalConsul());
    startRegistry();
    startCardNetwork();
    Map<String, String> databases = startDatabase();
    ServiceKeys keys = ServiceKeys.in(dir.folder("identity"), withEdge());
    for (String service : SERVICES) {
      startJava(service, serviceEnvironment(service, keys, databases));
    }
    startJava(EDGE, edgeEnvironment(keys));
    for (String service : SERVICES) {
      awaitReady(service, () -> passing(service));
    }
    awaitReady(EDGE, () -> http.get(managementUrl(EDGE) + "/readyz").ok());
    awaitReady(CARD_NETWORK, () -> http.get(url(CARD_NETWORK) + "/livez").ok());
    var accounts = new DemoData(dir, http, url(EDGE)).seed();
    ready = true;
    writeState();
    Thread.ofVirtual().name("readiness").start(this::watchRestarted);
    return accounts;
  }

  /** Returns when {@link #close} has stopped everything. */
  void awaitStopped() throws InterruptedException {
    stopped.await();
  }

  SystemState state() {
    List<SystemState.Running> running = new ArrayList<>();
    synchronized (children) {
      for (Child child : children.values()) {
        String name = child.name();
        Instant started = child.startTime();
        running.add(
            new SystemState.Running(
                name,
                child.pid(),
                started == null ? 0 : started.toEpochMilli(),
                child.state().name().toLowerCase(Locale.ROOT),
                ports.of(name),
                ports.managementOf(name),
                child.restarts()));
      }
    }
    return new SystemState(self(), ready, running, urls());
  }

  /** Stops the edge first, so that nothing new comes in, then what it called. */
  @Override
  public void close() {
    synchronized (this) {
      if (closing) {
        return;
      }
      closing = true;
    }
    List<Child> all;
    synchronized (children) {
      all = List.copyOf(children.values());
    }
    stop(all, List.of(EDGE));
    stop(all, SERVICES);
    stop(all, List.of(CARD_NETWORK));
    LocalPostgres server = postgres;
    Child serverProcess = child(DATABASE);
    if (server != null && serverProcess != null) {
      serverProcess.stop(STOP_LIMIT);
      server.close();
    }
    stop(all, List.of(REGISTRY));
    if (lock != null) {
      ready = false;
      writeState();
    }
    stopped.countDown();
  }

  private void stop(List<Child> all, List<String> names) {
    List<Thread> stops = new ArrayList<>();
    for (Child child : all) {
      if (names.contains(child.name())) {
        stops.add(Thread.ofVirtual().start(() -> child.stop(STOP_LIMIT)));
      }
    }
    for (Thread stop : stops) {
      try {
        stop.join();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private FileLock lock() {
    try {
      FileChannel channel =
          FileChannel.open(
              dir.path().resolve("supervisor.lock"),
              StandardOpenOption.CREATE,
              StandardOpenOption.WRITE);
      FileLock taken = channel.tryLock();
      if (taken != null) {
        return taken;
      }
    } catch (OverlappingFileLockException e) {
      // Falls through: held by this very process is held, too.
    } catch (IOException e) {
      throw new Trouble(dir.path() + " cannot be locked: " + e.getMessage());
    }
    long pid = SystemState.read(dir).map(state -> state.supervisor().pid()).orElse(0L);
    throw new Trouble(
        "already up"
            + (pid == 0 ? "" : " (pid " + pid + ")")
            + ": see ./weft status, or ./weft down first");
  }

  /**
   * Children of a supervisor that was killed end by themselves; this waits for them, and insists.
   */
  private void clearLeftovers() {
    List<ProcessHandle> leftovers =
        SystemState.read(dir).stream()
            .flatMap(state -> state.processes().stream())
            .flatMap(process -> process.handle().stream())
            .toList();
    if (leftovers.isEmpty()) {
      return;
    }
    console.note(
        "the last run was killed; waiting for " + leftovers.size() + " of its processes to end");
    long end = System.nanoTime() + LEFTOVERS_LIMIT.toNanos();
    for (ProcessHandle leftover : leftovers) {
      while (leftover.isAlive()) {
        if (System.nanoTime() > end) {
          leftover.destroyForcibly();
        }
        LockSupport.parkNanos(PAUSE.toNanos());
      }
    }
  }

  private void startRegistry() {
    if (registry.isExternal()) {
      return;
    }
    launch(registry.process(dir, ports, build));
    awaitReady(REGISTRY, () -> http.get(registryUrl() + "/v1/status/leader").body().length() > 2);
  }

  private void startCardNetwork() {
    Map<String, String> environment = common(CARD_NETWORK);
    environment.put("WEFT_DATA_DIR", dir.folder("card-network").toString());
    startJava(CARD_NETWORK, environment);
  }

  private Map<String, String> startDatabase() {
    try {
      var server = LocalPostgres.prepare(dir.folder("postgres"), ports.of(DATABASE));
      postgres = server;
      launch(
          new ProcessSpec(
              DATABASE, server.command(), server.environment(), dir.folder("postgres"), "INT"));
      server.awaitReady(READY_LIMIT);
      child(DATABASE, Child::ready);
      console.ready(DATABASE);
      Map<String, String> urls = new HashMap<>();
      for (var url :
          server.provision(SERVICES.stream().map(Supervisor::database).toList()).entrySet()) {
        urls.put(url.getKey(), url.getValue());
      }
      return urls;
    } catch (LocalPostgresException e) {
      throw new Trouble("PostgreSQL: " + e.getMessage());
    }
  }

  private static String database(String service) {
    return service.replace('-', '_');
  }

  private Map<String, String> serviceEnvironment(
      String service, ServiceKeys keys, Map<String, String> databases) {
    Map<String, String> environment = environment(service, keys);
    String database = databases.get(database(service));
    if (database == null) {
      throw new IllegalStateException("no database for " + service);
    }
    environment.put("DATABASE_URL", database);
    if (service.equals(USER)) {
      environment.put("WEFT_BOOTSTRAP_ADMIN_FILE", DemoData.bootstrapAdmin(dir));
    }
    if (service.equals(PAYMENT)) {
      environment.put("WEFT_CARD_NETWORK_URL", url(CARD_NETWORK));
    }
    return environment;
  }

  private Map<String, String> edgeEnvironment(ServiceKeys keys) {
    Map<String, String> environment = environment(EDGE, keys);
    // Where it keeps contracts, so that a restarted edge knows the routes of services still down.
    environment.put("WEFT_CACHE_DIR", dir.folder("edge").toString());
    return environment;
  }

  private Map<String, String> environment(String process, ServiceKeys keys) {
    Map<String, String> environment = common(process);
    environment.put("WEFT_MANAGEMENT_PORT", "" + ports.managementOf(process));
    environment.put("CONSUL_HTTP_ADDR", registryUrl());
    environment.put("WEFT_SERVICE_KEY_FILE", keys.privateKey(process).toString());
    environment.put("WEFT_SERVICE_KEYS_FILE", keys.set().toString());
    return environment;
  }

  private Map<String, String> common(String process) {
    Map<String, String> environment = new HashMap<>();
    environment.put("PORT", "" + ports.of(process));
    environment.put("WEFT_BIND", "127.0.0.1");
    // A person reads these logs; a fleet sets LOG_FORMAT=json.
    environment.put("LOG_FORMAT", System.getenv().getOrDefault("LOG_FORMAT", "text"));
    environment.put("WEFT_VERSION", "0.1.0");
    return environment;
  }

  private void startJava(String process, Map<String, String> environment) {
    String main = MAIN.get(process);
    if (main == null) {
      throw new IllegalArgumentException(process);
    }
    launch(
        new ProcessSpec(
            process,
            build.java(process, main, HEAP_MEGABYTES),
            environment,
            dir.folder("work"),
            "TERM"));
  }

  private void launch(ProcessSpec spec) {
    var child = new Child(spec, new LogFile(dir.log(spec.name())), new Events());
    synchronized (children) {
      children.put(spec.name(), child);
    }
    child.start();
    writeState();
  }

  private void awaitReady(String name, BooleanSupplier answers) {
    long end = System.nanoTime() + READY_LIMIT.toNanos();
    while (!answers.getAsBoolean()) {
      Child process = child(name);
      if (closing) {
        throw new Trouble("stopped before everything was ready");
      }
      if (process != null && process.restarts() > 2) {
        throw failed(name, "keeps ending at start-up");
      }
      if (System.nanoTime() > end) {
        throw failed(name, "is not ready after " + READY_LIMIT.toSeconds() + " s");
      }
      LockSupport.parkNanos(PAUSE.toNanos());
    }
    child(name, Child::ready);
    console.ready(name);
  }

  private Trouble failed(String name, String what) {
    List<String> tail = LogFile.tail(dir.log(name), 20);
    return new Trouble(
        4,
        name
            + " "
            + what
            + "; its last lines (all of them: "
            + dir.log(name)
            + "):\n  "
            + String.join("\n  ", tail));
  }

  // What died and was started again becomes ready again when the registry says so.
  private void watchRestarted() {
    while (!closing) {
      for (String service : SERVICES) {
        Child child = child(service);
        if (child != null && child.state() == Child.State.STARTING && passing(service)) {
          child.ready();
        }
      }
      markReady(EDGE, managementUrl(EDGE) + "/readyz");
      markReady(CARD_NETWORK, url(CARD_NETWORK) + "/livez");
      markReady(REGISTRY, registryUrl() + "/v1/status/leader");
      markDatabaseReady();
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(500));
    }
  }

  private void markReady(String name, String url) {
    Child child = child(name);
    if (child != null && child.state() == Child.State.STARTING && http.get(url).ok()) {
      child.ready();
    }
  }

  private void markDatabaseReady() {
    Child child = child(DATABASE);
    LocalPostgres server = postgres;
    if (child == null || server == null || child.state() != Child.State.STARTING) {
      return;
    }
    try {
      server.awaitReady(PAUSE);
      child.ready();
    } catch (LocalPostgresException e) {
      // Not yet; the next look is soon.
    }
  }

  private boolean passing(String service) {
    Http.Answer answer = http.get(registryUrl() + "/v1/health/service/" + service + "?passing");
    return answer.ok()
        && answer.body().contains("\"Service\"")
        && http.get(managementUrl(service) + "/readyz").ok();
  }

  private Map<String, String> urls() {
    Map<String, String> urls = new LinkedHashMap<>();
    urls.put("edge", url(EDGE));
    urls.put("registry", registryUrl());
    urls.put("registryPage", registryUrl() + "/ui");
    urls.put("services", managementUrl(EDGE) + "/services");
    return urls;
  }

  private String url(String process) {
    return "http://127.0.0.1:" + ports.of(process);
  }

  private String managementUrl(String process) {
    return "http://127.0.0.1:" + ports.managementOf(process);
  }

  private String registryUrl() {
    return registry.url(ports);
  }

  private @Nullable Child child(String name) {
    synchronized (children) {
      return children.get(name);
    }
  }

  private void child(String name, Consumer<Child> action) {
    Child child = child(name);
    if (child != null) {
      action.accept(child);
    }
  }

  // One at a time: what is written last is what was true last.
  private void writeState() {
    synchronized (stateFile) {
      state().write(dir);
    }
  }

  private static SystemState.Running self() {
    ProcessHandle self = ProcessHandle.current();
    long started = self.info().startInstant().map(Instant::toEpochMilli).orElse(-1L);
    return new SystemState.Running("supervisor", self.pid(), started, "ready", 0, 0, 0);
  }

  private static List<String> withEdge() {
    List<String> names = new ArrayList<>(SERVICES);
    names.add(EDGE);
    return names;
  }

  private final class Events implements Child.Listener {
    @Override
    public void line(String process, String line) {
      console.line(process, line);
    }

    @Override
    public void died(String process, int exitCode, Duration restartIn) {
      console.note(
          process
              + " died (exit code "
              + exitCode
              + "); starting it again in "
              + restartIn.toMillis()
              + " ms");
    }

    @Override
    public void changed() {
      writeState();
    }
  }
}
