package dev.weft.edge;

import dev.weft.consul.Check;
import dev.weft.consul.Health;
import dev.weft.consul.Registration;
import dev.weft.consul.ServiceRegistration;
import dev.weft.consul.Weights;
import dev.weft.mesh.AdminServer;
import dev.weft.mesh.ConfigException;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshProcess;
import dev.weft.mesh.RunningProcess;
import dev.weft.redis.Redis;
import io.opentelemetry.api.metrics.Meter;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The edge as a process: every object of it, made once, in the order it starts. */
public final class EdgeServer implements RunningProcess {
  private static final Logger log = LoggerFactory.getLogger(EdgeServer.class);
  private static final Duration READY_POLL = Duration.ofMillis(100);
  private static final Duration CERTIFICATES_POLL = Duration.ofSeconds(5);

  private final EdgeConfig config;
  private final EventLoops loops;
  private final Mesh mesh;
  private final Tokens tokens;
  private final Catalogue catalogue;
  private final SchemaWatch schemas;
  private final AccessLog accessLog;
  private final Optional<Redis> redis;
  private final Gateway gateway;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Optional<Certificates> certificates;
  private volatile @Nullable HttpListener listener;
  private volatile boolean caughtUp;

  // Guarded by this.
  private @Nullable Thread registering;
  private @Nullable Registration registration;
  private boolean closing;

  EdgeServer(EdgeConfig config) {
    this(config, new EventLoops());
  }

  private EdgeServer(EdgeConfig config, EventLoops loops) {
    this(config, loops, Mesh.open(config.mesh(), loops));
  }

  private EdgeServer(EdgeConfig config, EventLoops loops, Mesh mesh) {
    this(config, loops, mesh, Tokens.of(mesh.tokens()), steps(config), System::nanoTime);
  }

  /**
   * @param mesh that calls on these loops
   * @param steps that every request takes
   * @param nanoTime by which kept answers grow old
   */
  EdgeServer(
      EdgeConfig config,
      EventLoops loops,
      Mesh mesh,
      Tokens tokens,
      List<Middleware> steps,
      LongSupplier nanoTime) {
    this.config = config;
    this.loops = loops;
    this.mesh = mesh;
    this.tokens = tokens;
    this.certificates = config.tls().map(files -> certificates(files, threads));
    // First of all: the management port is open already.
    mesh.management().readiness("listener", () -> listener != null);
    mesh.demandCertificate();
    this.catalogue =
        new Catalogue(
            config.owners(),
            config.cacheFolder().map(ContractFile::new),
            config.cacheFolder().map(OwnersFile::new),
            config.foreignDefault());
    this.schemas = new SchemaWatch(mesh, catalogue, config.foreignDefault(), config.contracts());
    this.accessLog = new AccessLog(mesh.telemetry().meter("dev.weft.edge"));
    this.redis =
        config.rates().redis().map(to -> Redis.open(to, EdgeConfig.SERVICE, mesh.telemetry()));
    // Without it each edge counts for itself.
    redis.ifPresent(open -> mesh.management().degradation("redis", open::healthy));
    RateLimits rates =
        new RateLimits(
            config.rates(),
            config.hops(),
            new Buckets(System::nanoTime),
            redis.map(SharedBuckets::new),
            mesh.telemetry().meter("dev.weft.edge"));
    this.gateway =
        new Gateway(
            withOwn(steps, rates),
            schemas,
            this::caughtUp,
            rates,
            tokens,
            this::getsTokens,
            config.hops(),
            config.cors(),
            config.limits(),
            new HttpTelemetry(mesh.telemetry(), accessLog),
            new ResponseCache(
                config.cacheBytes(),
                config.limits().inFlightPerService(),
                nanoTime,
                new LongWork(threads),
                mesh.telemetry().meter("dev.weft.edge")),
            config.api().tools()
                ? Optional.of(
                    new McpTools(schemas, config.mesh().version(), config.api().comments()))
                : Optional.empty(),
            threads);
  }

  /** Whether users' tokens are passed on to a service. */
  private boolean getsTokens(String service) {
    return config
        .tokenServices()
        .map(some -> some.contains(service))
        .orElseGet(() -> mesh.ours(service));
  }

  /** Behind the others: what they refuse, no page answers, and nobody explains. */
  private List<Middleware> withOwn(List<Middleware> steps, RateLimits rates) {
    List<Middleware> all = new ArrayList<>(steps);
    if (config.api().explains()) {
      Explain.Edge edge =
          new Explain.Edge(
              schemas,
              this::caughtUp,
              mesh::circuit,
              this::getsTokens,
              config.limits(),
              config.rates(),
              config.api());
      all.add(new Explain(edge, tokens, rates, config.hops(), new LongWork(threads)));
    }
    if (config.api().shown()) {
      all.add(
          new ApiPages(
              new LiveDocument(
                  schemas::routes,
                  config.mesh().version(),
                  config.api().comments(),
                  LiveDocument.BYTES_MAX,
                  System::nanoTime),
              rates,
              threads));
    }
    return all;
  }

  /** What every request takes, in this order: a page must be able to read why it was refused. */
  static List<Middleware> steps(EdgeConfig config) {
    return List.of(config.cors(), new HttpChecks(config.limits(), config.hosts()));
  }

  private static Certificates certificates(TlsFiles files, Executor threads) {
    try {
      return Certificates.open(files, CERTIFICATES_POLL, threads);
    } catch (IllegalArgumentException e) {
      throw ConfigException.wrong(
          "WEFT_TLS_CERT_FILE", files.certificate().toString(), String.valueOf(e.getMessage()));
    }
  }

  public static void main(String[] args) {
    MeshProcess.run(
        EdgeConfig.SERVICE, env -> new EdgeServer(Hardening.checked(EdgeConfig.from(env), env)));
  }

  @Override
  public void start() {
    mesh.management().readiness("identity", tokens::ready);
    mesh.management().readiness("registry", this::caughtUp);
    showState();
    schemas.start();
    // Loads its library now, and not on an event loop when the first client asks for it.
    threads.execute(ContentCoding.ZSTD::available);
    HttpListener open =
        HttpListener.open(
            loops,
            gateway,
            config.limits(),
            config.rates().uncounted(),
            new InetSocketAddress(config.bindPublic(), config.mesh().port()),
            certificates);
    listener = open;
    log.info("listening on {}:{}", config.bindPublic(), open.port());
    Optional<AdminServer> admin = mesh.adminServer();
    synchronized (this) {
      registering =
          Thread.ofVirtual().name("register").start(() -> registerWhenReady(open.port(), admin));
    }
  }

  /**
   * Whether tokens can be decided on and every service of the registry was asked or is known, both
   * at the same time; an empty registry, as at the start of a whole system, has no issuer either.
   * True ever after: what comes later is not waited for.
   */
  private boolean caughtUp() {
    caughtUp = caughtUp || (tokens.ready() && schemas.upToDate());
    return caughtUp;
  }

  private void registerWhenReady(int port, Optional<AdminServer> admin) {
    try {
      while (!ready()) {
        Thread.sleep(READY_POLL);
      }
    } catch (InterruptedException e) {
      // Closed.
      Thread.currentThread().interrupt();
      return;
    }
    synchronized (this) {
      if (!closing) {
        ServiceRegistration plain = registration(port);
        registration =
            mesh.consul()
                .register(
                    admin
                        .map(server -> plain.withMeta(AdminServer.META_PORT, "" + server.port()))
                        .orElse(plain));
      }
    }
  }

  /** The port of the public listener. */
  int port() {
    return listening().port();
  }

  /** Whether it serves all that was there before it. */
  boolean ready() {
    return mesh.management().ready();
  }

  /** Connections of clients that are open now. */
  int connections() {
    return listening().connections();
  }

  private HttpListener listening() {
    HttpListener open = listener;
    if (open == null) {
      throw new IllegalStateException("the edge is not started");
    }
    return open;
  }

  private void showState() {
    RegistryPages pages = new RegistryPages(schemas);
    mesh.management()
        .page(
            "/services",
            name -> name.isEmpty() ? Optional.of(pages.services()) : pages.service(name));
    mesh.management()
        .page("/routes", name -> name.isEmpty() ? Optional.of(pages.routes()) : Optional.empty());
    mesh.management().verdict("/health", pages::health);
    Meter meter = mesh.telemetry().meter("dev.weft.edge");
    meter
        .gaugeBuilder("weft.edge.routes")
        .ofLongs()
        .setDescription("Routes that are served.")
        .buildWithCallback(gauge -> gauge.record(schemas.routes().routes().size()));
    meter
        .gaugeBuilder("weft.edge.route_conflicts")
        .ofLongs()
        .setDescription("Routes that are not served because another service has their path.")
        .buildWithCallback(gauge -> gauge.record(schemas.routes().conflicts().size()));
    meter
        .gaugeBuilder("weft.edge.skewed_services")
        .ofLongs()
        .setDescription("Services whose instances tell different contracts that are served.")
        .buildWithCallback(
            gauge ->
                gauge.record(
                    schemas.schemas().stream().filter(s -> s.contracts().size() > 1).count()));
    meter
        .gaugeBuilder("weft.edge.skipped_rpcs")
        .ofLongs()
        .setDescription("RPCs whose HTTP rule cannot be served.")
        .buildWithCallback(
            gauge ->
                gauge.record(schemas.schemas().stream().mapToInt(s -> s.skipped().size()).sum()));
  }

  private ServiceRegistration registration(int bound) {
    String host = config.mesh().advertisedHost();
    int port = config.mesh().advertisedPort(bound);
    String id = EdgeConfig.SERVICE + "-" + host + "-" + port;
    URI readyz = URI.create("http://" + host + ":" + mesh.management().port() + "/readyz");
    Check.Probe probe =
        new Check.Probe.Http(readyz, Check.Probe.DEFAULT_INTERVAL, Check.Probe.DEFAULT_TIMEOUT);
    return new ServiceRegistration(
        id,
        EdgeConfig.SERVICE,
        host,
        port,
        List.of("http"),
        Map.of(
            ServiceRegistration.META_VERSION,
            config.mesh().version(),
            ServiceRegistration.META_PROTOCOL,
            "http",
            ServiceRegistration.META_LANG,
            "java"),
        Weights.EQUAL,
        List.of(
            Check.of(id + ":ready", probe)
                .withInitial(Health.PASSING)
                .withDeregisterCriticalAfter(Duration.ofMinutes(1))),
        false);
  }

  /**
   * Leaves the registry, serves on until everybody can have heard of it, lets running requests
   * finish, and closes everything.
   */
  @Override
  public void close() {
    mesh.management().drain();
    Registration told;
    synchronized (this) {
      closing = true;
      told = registration;
      if (registering != null) {
        registering.interrupt();
      }
    }
    if (told != null) {
      told.close();
      awaitWatchers();
    }
    if (listener != null) {
      listener.drain(config.mesh().drain().calls());
      listener.close();
    }
    accessLog.close();
    certificates.ifPresent(Certificates::close);
    schemas.close();
    catalogue.close();
    threads.shutdownNow();
    redis.ifPresent(Redis::close);
    mesh.close();
    loops.close();
  }

  private void awaitWatchers() {
    try {
      Thread.sleep(config.mesh().drain().watchers());
    } catch (InterruptedException e) {
      // Whoever is in such a hurry loses requests.
      Thread.currentThread().interrupt();
    }
  }
}
