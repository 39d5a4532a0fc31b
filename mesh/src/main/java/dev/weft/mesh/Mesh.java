package dev.weft.mesh;

import dev.weft.consul.Consul;
import io.grpc.BindableService;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A process's place on the mesh: its server, and channels to the other services by name. Make one
 * per process; {@link MeshProcess} closes it with the rest.
 *
 * <pre>{@code
 * Mesh mesh = Mesh.open(MeshConfig.from(env, "order-svc"));
 * var inventory = InventoryServiceGrpc.newBlockingStub(mesh.channel("inventory-svc"));
 * MeshServer server = mesh.server(new OrderService(orders));
 * server.start(); // last: from here on the registry sends calls
 * }</pre>
 *
 * <p>Thread-safe.
 */
public final class Mesh implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Mesh.class);

  private final MeshConfig config;
  private final Telemetry telemetry;
  private final Management management;
  private final Consul consul;
  private final Timer timer = new Timer();
  private final ServiceTokens services;
  private final Optional<MeshTls> tls;
  private final OutboundStack outbound;
  private final TokenVerifier users;
  private final InboundStack inbound;
  private final Explainer explainer;
  private final List<AdminServer> adminServers = new CopyOnWriteArrayList<>();
  private final List<MeshServer> servers = new CopyOnWriteArrayList<>();

  private Mesh(MeshConfig config, @Nullable KeySource ownKeys, Transport transport) {
    InstantSource clock = InstantSource.system();
    IdentityConfig identity = config.identity();
    this.config = config;
    // First what can be wrong in the configuration, before anything is open.
    boolean faults = FaultRules.areAllowed(Env.system());
    this.services = ServiceTokens.open(config.service(), identity, clock);
    if (ownKeys == null) {
      missing(identity)
          .ifPresent(
              variable ->
                  log.warn(
                      "no {}: this service cannot prove its name, so it can only serve public"
                          + " methods; ./weft key {} makes one",
                      variable,
                      config.service()));
    }
    this.telemetry = Telemetry.open(config.telemetry());
    this.management =
        Management.open(
            config.service(), config.version(), config.bind(), config.managementPort(), telemetry);
    this.consul = Consul.connect(config.consul());
    this.tls =
        MeshTls.open(
            config.service(),
            identity.tls(),
            consul,
            clock,
            timer,
            telemetry.meter("dev.weft.mesh"));
    this.outbound =
        new OutboundStack(
            transport,
            consul,
            telemetry,
            timer,
            services,
            tls,
            FaultRules.open(faults, consul),
            config.zone(),
            config.upstreams());
    tls.ifPresent(own -> own.await(identity.tls().patience()));
    this.users =
        TokenVerifier.open(identity, ownKeys == null ? remoteKeys(identity) : ownKeys, clock);
    this.inbound =
        new InboundStack(
            config.service(),
            telemetry,
            tls.map(MeshTls::intentions),
            new AccessInterceptor(users, services, config.admin().callers()));
    this.explainer = new Explainer(config.service(), consul, tls.isPresent(), System::nanoTime);
    management.degradation("identity", users::ready);
    tls.ifPresent(own -> own.show(management));
  }

  private static Optional<String> missing(IdentityConfig identity) {
    if (identity.serviceKeyFile().isEmpty()) {
      return Optional.of("WEFT_SERVICE_KEY_FILE");
    }
    return identity.serviceKeysFile().isEmpty()
        ? Optional.of("WEFT_SERVICE_KEYS_FILE")
        : Optional.empty();
  }

  private KeySource remoteKeys(IdentityConfig identity) {
    String service = identity.issuerService();
    return new RemoteKeySource(
        identity.issuer(), outbound.channel(service), outbound.streamChannel(service));
  }

  /**
   * Opens the management port and begins to load the issuer's keys; everything else starts when it
   * is used, and nothing here needs the registry or the issuer to be up. With TLS it waits for the
   * certificate, {@link TlsConfig#patience} at most.
   *
   * @throws ConfigException if a key file does not hold what it should
   */
  public static Mesh open(MeshConfig config) {
    return open(config, new OwnLoops());
  }

  /** As {@link #open(MeshConfig)}, with calls on connections of the caller's, who closes those. */
  public static Mesh open(MeshConfig config, Transport transport) {
    return new Mesh(config, null, transport);
  }

  /** As {@link #open(MeshConfig)}, for the service that issues the tokens and so has the keys. */
  public static Mesh open(MeshConfig config, KeySource issuerKeys) {
    return new Mesh(config, issuerKeys, new OwnLoops());
  }

  /**
   * The way to another service, by its name in the registry: where its routes lead, round robin
   * over the instances unless the registry says otherwise, with a deadline on every unary call,
   * retries of what its contract declares repeatable, and a circuit breaker. Always the same one
   * per service; closed with this.
   *
   * <p>A call fails with UNAVAILABLE while the registry knows no healthy instance. What is known
   * about calling a method comes from its contract, or from {@link CallPolicy#KEY}.
   */
  public Channel channel(String service) {
    return outbound.channel(service);
  }

  /**
   * As {@link #channel}, on connections of its own: for callers that hold many streams, which would
   * otherwise take the room of the unary calls.
   */
  public Channel streamChannel(String service) {
    return outbound.streamChannel(service);
  }

  /**
   * Gives up the channels to a service that is not called any more, with its circuit and its watch
   * of the registry. Calls that run go on; {@link #channel} makes a new one. Whoever keeps an old
   * channel gets UNAVAILABLE from it. Does nothing for the service that issues the tokens, which
   * this process itself calls.
   */
  public void release(String service) {
    if (!service.equals(config.identity().issuerService())) {
      outbound.release(service);
    }
  }

  /** As {@link #channel(String)}, to some of the instances alone, until they are released. */
  public Channel channel(String service, InstanceSet some) {
    return outbound.channel(service, some);
  }

  /** As {@link #streamChannel(String)}, to some of the instances alone, until they are released. */
  public Channel streamChannel(String service, InstanceSet some) {
    return outbound.streamChannel(service, some);
  }

  /** Gives up the channels to some of the instances; what asks for them later gets all. */
  public void release(InstanceSet some) {
    outbound.release(some);
  }

  /**
   * How it stands with calls of this process to a method.
   *
   * @param method its full name, {@code package.Service/Method}
   */
  public CircuitState circuit(String service, String method) {
    return outbound.circuit(service, method);
  }

  /**
   * How long a unary call over {@link #channel(String)} has at this moment if its caller says
   * nothing: by its route, else by what the registry says of the service, else by the contract. For
   * callers that wait for calls which others make. Before the registry has said anything, a second
   * at most after the first call, it is the contract's.
   *
   * @param method its full name, {@code package.Service/Method}
   */
  public Duration timeout(String service, String method, Metadata headers, CallPolicy contract) {
    return outbound.timeout(service, Optional.empty(), method, headers, contract);
  }

  /** The same over {@link #channel(String, InstanceSet)}, which follows no routes. */
  public Duration timeout(
      String service, InstanceSet some, String method, Metadata headers, CallPolicy contract) {
    return outbound.timeout(service, Optional.of(some), method, headers, contract);
  }

  /**
   * Whether the registry's routes decide where calls to a service go, so that they may be answered
   * although it has no instance. False before {@link #channel(String)} was asked for.
   */
  public boolean isRouted(String service) {
    return outbound.isRouted(service);
  }

  /**
   * What would become of a call to another service, and why: for operators. Sends nothing; opens
   * the {@link #channel(String)} to the service if there is none, of which then little is known
   * yet. May take 5 s if the registry does not answer.
   *
   * @param method its full name, {@code package.Service/Method}
   * @param headers of the call
   */
  public Explanation explain(String service, String method, Metadata headers) {
    return explain(new Explanation.Question(service, method, headers, "", OptionalDouble.empty()));
  }

  /** As {@link #explain(String, String, Metadata)}, of a call of which more is known. */
  public Explanation explain(Explanation.Question call) {
    return outbound.explain(call, explainer);
  }

  /**
   * As {@link #explain(String, String, Metadata)}, of a method whose contract only the caller
   * knows: also before it was called, of a stream, and to some of the instances, which follow no
   * routes. Waits for the registry's first words on the service, 2 s at most.
   *
   * @param contract of the method, as in {@link CallPolicy#KEY}
   * @param some empty for all of the instances
   */
  public Explanation explain(
      String service,
      MethodDescriptor<?, ?> method,
      CallPolicy contract,
      Optional<InstanceSet> some,
      Metadata headers) {
    return outbound.explain(service, method, contract, some, headers, explainer);
  }

  /**
   * The circuit breakers of all methods that were called, by service and method.
   *
   * @param service to this one alone; empty for all
   */
  public List<CircuitReport> circuits(String service) {
    return outbound.circuits(service);
  }

  /**
   * A plain channel to one instance of a service, such as to ask it for its contracts; without
   * deadlines, retries, tokens and telemetry, but over TLS as its other channels. The caller closes
   * it.
   */
  public ManagedChannel instanceChannel(String service, String host, int port) {
    return outbound.instanceChannel(service, host, port);
  }

  /**
   * Why a service could not be reached, if that is its certificate, ours, or the want of TLS: for
   * {@link #instanceChannel}, whose calls fail with gRPC's own words. Other channels say it
   * themselves.
   */
  public static Optional<String> whyUnreached(String service, Status failure) {
    return HandshakeFailure.of(service, failure).map(why -> String.valueOf(why.getMessage()));
  }

  /** A server of these services, not started. Closed with this, if not before. */
  public MeshServer server(BindableService... services) {
    return server(MeshServer.LOOK_EVERY, services);
  }

  /** One that looks at its readiness this often. */
  MeshServer server(Duration lookEvery, BindableService... services) {
    MeshServer server =
        new MeshServer(
            config,
            List.of(services),
            new AdminService(outbound, explainer),
            inbound,
            tls,
            timer,
            consul,
            management,
            users,
            lookEvery);
    servers.add(server);
    return server;
  }

  /**
   * Serves {@code weft.admin.v1.AdminService}, which a {@link MeshServer} has anyway, on a port of
   * its own, for a process without one. Empty if nobody may call it. Closed with this.
   */
  public Optional<AdminServer> adminServer() {
    if (config.admin().callers().isEmpty()) {
      return Optional.empty();
    }
    AdminServer server =
        AdminServer.start(
            config, new AdminService(outbound, explainer), inbound, tls, timer, management);
    adminServers.add(server);
    return Optional.of(server);
  }

  /**
   * Makes the process not ready while it has no certificate that is good, as it then can call
   * nobody: for a process without a {@link MeshServer}, which sees to that itself. Does nothing
   * without TLS.
   */
  public void demandCertificate() {
    tls.ifPresent(own -> own.demand(management));
  }

  /**
   * The way to another service over a transport of the caller's own, such as one inside this
   * process: the same layers as around {@link #channel(String)}. The caller closes the transport.
   */
  public Channel channel(String service, ManagedChannel transport) {
    return outbound.channel(service, transport);
  }

  /** These services behind the layers of every call, for a server of another transport. */
  public List<ServerServiceDefinition> services(BindableService... services) {
    StreamDrain streams = new StreamDrain();
    return Stream.of(services).map(service -> inbound.around(service, streams)).toList();
  }

  /** The registry. Closed with this. */
  public Consul consul() {
    return consul;
  }

  /**
   * Whether a service is one of ours: its public key is in the file of keys, which is read again
   * when it changes. False for all while there is no such file.
   */
  public boolean ours(String service) {
    return services.ours(service);
  }

  /**
   * Verifies users' tokens, for those who have to know the user before a call. Closed with this.
   */
  public TokenVerifier tokens() {
    return users;
  }

  /** Traces and metrics. Closed with this. */
  public Telemetry telemetry() {
    return telemetry;
  }

  /** The management port, to add checks to. Closed with this. */
  public Management management() {
    return management;
  }

  /** Its TLS, if there is any. */
  Optional<MeshTls> tls() {
    return tls;
  }

  /** The path of its calls, for those who measure the parts of it. */
  OutboundStack outbound() {
    return outbound;
  }

  /** The path of calls to it, for those who measure the parts of it. */
  InboundStack inbound() {
    return inbound;
  }

  /** Drains the servers, then ends the channels and everything else. */
  @Override
  public void close() {
    servers.forEach(MeshServer::close);
    adminServers.forEach(AdminServer::close);
    users.close();
    outbound.close();
    tls.ifPresent(MeshTls::close);
    consul.close();
    timer.close();
    telemetry.close();
    management.close();
  }
}
