package dev.weft.mesh;

import dev.weft.consul.Consul;
import dev.weft.consul.Health;
import dev.weft.consul.Registration;
import dev.weft.consul.ServiceRegistration;
import io.grpc.BindableService;
import io.grpc.InsecureServerCredentials;
import io.grpc.Server;
import io.grpc.ServerServiceDefinition;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The gRPC server of a service, on virtual threads: with health per service name, reflection,
 * limits, {@code weft.admin.v1.AdminService}, and a place in the registry from the moment it is
 * ready and knows the issuer's keys, so that nobody is sent here whose token it cannot decide on
 * yet. An issuer that does not answer keeps it out for {@link IdentityConfig#issuerWait} at most.
 *
 * <p>Its gRPC health, which the registry probes and callers watch, follows the critical checks of
 * {@link Management#readiness}: they run once a second; three failures in a row take it to
 * NOT_SERVING, two successes bring it back. Running calls go on.
 *
 * <p>{@link #close} loses no call: it stops to be ready, leaves the registry, goes on serving until
 * everybody has heard of it, then tells its connections to go away and waits for what still runs.
 * It ends streams at that point, with UNAVAILABLE and the reason SERVER_DRAINING, because nobody
 * knows when they would end.
 *
 * <p>Thread-safe.
 */
public final class MeshServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(MeshServer.class);
  private static final int MESSAGE_BYTES_MAX = 1024 * 1024;

  // The edge puts many users on one connection. Stricter limits, as they fit a port for strangers,
  // would let some users' cancelled calls cost all others the connection.
  private static final int CALLS_PER_CONNECTION = 2_000;
  private static final int RESETS_PER_WINDOW = 20_000;
  private static final int RESET_WINDOW_SECONDS = 30;

  static final Duration LOOK_EVERY = Duration.ofSeconds(1);

  /** The check that tells of the registration, which itself waits for all others. */
  private static final String REGISTRATION = "registration";

  // A machine that is busy for a second must not take every instance out of the registry. Who is
  // really gone refuses connections, which callers see at once.
  private static final int SLOW_PROBES = 2;

  private final MeshConfig config;
  private final List<ServerServiceDefinition> services;
  private final Consul consul;
  private final Management management;
  private final TokenVerifier users;
  private final Optional<MeshTls> tls;
  private final HealthStatusManager health = new HealthStatusManager();
  private final SteadyHealth steady;
  private final StreamDrain streams = new StreamDrain();
  private final Server server;
  private volatile boolean serving;
  private volatile @Nullable Registration registration;
  private @Nullable Thread registering;
  private boolean closed;

  MeshServer(
      MeshConfig config,
      List<BindableService> services,
      BindableService admin,
      InboundStack inbound,
      Optional<MeshTls> tls,
      Timer timer,
      Consul consul,
      Management management,
      TokenVerifier users,
      Duration lookEvery) {
    this.config = config;
    this.tls = tls;
    this.services = services.stream().map(service -> inbound.around(service, streams)).toList();
    this.consul = consul;
    this.management = management;
    this.users = users;
    this.steady =
        new SteadyHealth(
            config.service(), lookEvery, () -> management.failing(REGISTRATION), this::tell);
    NettyServerBuilder builder =
        NettyServerBuilder.forAddress(
            new InetSocketAddress(config.bind(), config.port()),
            tls.map(MeshTls::server).orElseGet(InsecureServerCredentials::create));
    tls.ifPresent(own -> builder.addTransportFilter(own.peers()));
    this.server =
        limited(builder)
            .executor(timer.threads())
            .addServices(this.services)
            .addService(inbound.around(admin, streams))
            .addService(inbound.aroundHealth(health.getHealthService(), streams))
            .addServices(inbound.reflection(streams))
            .build();
    management.readiness("grpc", this::serves);
    tls.ifPresent(own -> own.serve(management));
    management.readiness(REGISTRATION, () -> registration != null);
  }

  static NettyServerBuilder limited(NettyServerBuilder builder) {
    return builder
        .maxInboundMessageSize(MESSAGE_BYTES_MAX)
        .maxInboundMetadataSize(OutboundStack.METADATA_BYTES_MAX)
        .maxConcurrentCallsPerConnection(CALLS_PER_CONNECTION)
        .maxRstFramesPerWindow(RESETS_PER_WINDOW, RESET_WINDOW_SECONDS)
        .handshakeTimeout(5, TimeUnit.SECONDS)
        .maxConnectionIdle(5, TimeUnit.MINUTES)
        // So that connections spread over instances that came later; gRPC varies it by 10 %.
        .maxConnectionAge(30, TimeUnit.MINUTES)
        .maxConnectionAgeGrace(30, TimeUnit.SECONDS)
        // Half of what our channels do; the default, 5 min, would end their connections.
        .permitKeepAliveTime(10, TimeUnit.SECONDS);
  }

  /**
   * Begins to serve, and registers with Consul: now, if it is ready and tokens can be decided on or
   * need not be waited for, else in the background. An agent that cannot be reached is told later.
   * The first probe is not waited for: the server is known to serve.
   */
  public synchronized void start() {
    if (closed) {
      throw new IllegalStateException("the server of " + config.service() + " is closed");
    }
    try {
      server.start();
    } catch (IOException e) {
      throw new UncheckedIOException(
          config.service() + " cannot listen on " + config.bind() + ":" + config.port(), e);
    }
    serving = true;
    boolean ready = steady.look();
    steady.start();
    log.info("{} serves on {}:{}", config.service(), config.bind(), port());
    if (ready && (!waitsForIssuer() || users.ready())) {
      register();
    } else {
      registering = Thread.ofVirtual().name("register").start(this::registerOnceReady);
    }
  }

  /** The issuing service asks itself for keys: it would wait for its own registration. */
  private boolean waitsForIssuer() {
    IdentityConfig identity = config.identity();
    return !config.service().equals(identity.issuerService()) && !identity.issuerWait().isZero();
  }

  private void registerOnceReady() {
    try {
      Duration atMost = config.identity().issuerWait();
      if (waitsForIssuer() && !users.awaitReady(atMost)) {
        log.warn(
            "{} registers without the issuer's keys: none after {} ms",
            config.service(),
            atMost.toMillis());
      }
      steady.awaitServing();
    } catch (InterruptedException e) {
      // Closed.
      Thread.currentThread().interrupt();
      return;
    }
    synchronized (this) {
      if (!closed) {
        register();
      }
    }
  }

  private void register() {
    registration = consul.register(description());
    management.changed();
  }

  private void tell(boolean serves) {
    ServingStatus status = serves ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
    health.setStatus(HealthStatusManager.SERVICE_NAME_ALL_SERVICES, status);
    for (ServerServiceDefinition service : services) {
      health.setStatus(service.getServiceDescriptor().getName(), status);
    }
  }

  /** The port it listens on, once started. */
  public int port() {
    return server.getPort();
  }

  /** As the class says; returns when the server has ended. Does nothing the second time. */
  @Override
  public synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (serving) {
      leave();
    }
    server.shutdown();
    streams.drain();
    try {
      if (!server.awaitTermination(config.drain().calls().toNanos(), TimeUnit.NANOSECONDS)) {
        log.warn(
            "{}: calls still run after {} ms and are cancelled",
            config.service(),
            config.drain().calls().toMillis());
        server.shutdownNow();
        server.awaitTermination(1, TimeUnit.SECONDS);
      }
    } catch (InterruptedException e) {
      server.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }

  /** Makes sure that nobody sends new calls here, while it still answers those who do. */
  private void leave() {
    serving = false;
    steady.close();
    management.drain();
    // Our own channels watch this, and hear of it sooner than the registry.
    health.enterTerminalState();
    if (registering != null) {
      registering.interrupt();
    }
    Registration told = registration;
    if (told == null) {
      return;
    }
    told.close();
    try {
      Thread.sleep(config.drain().watchers());
    } catch (InterruptedException e) {
      // Whoever is in such a hurry loses calls.
      Thread.currentThread().interrupt();
    }
  }

  private boolean serves() {
    return serving;
  }

  private ServiceRegistration description() {
    String name = config.service();
    ServiceRegistration plain =
        ServiceRegistration.grpc(name, config.advertisedHost(), config.advertisedPort(port()), "");
    ServiceRegistration reached = tls.isPresent() ? plain.withConnectNative() : plain;
    ServiceRegistration placed =
        config.zone().isEmpty() ? reached : reached.withMeta(Pool.ZONE, config.zone());
    return placed
        .withChecks(
            plain.checks().stream()
                .map(c -> tls.isPresent() ? c.withTls() : c)
                .map(c -> c.withInitial(Health.PASSING).withFailuresBeforeCritical(SLOW_PROBES))
                .toList())
        .withTags("grpc", "weft")
        .withMeta(ServiceRegistration.META_VERSION, config.version())
        .withMeta(
            ServiceRegistration.META_SCHEMA,
            SchemaHash.of(
                services.stream().map(ServerServiceDefinition::getServiceDescriptor).toList()))
        .withMeta("management_port", Integer.toString(management.port()));
  }
}
