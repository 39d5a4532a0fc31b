package dev.weft.mesh;

import dev.weft.consul.Consul;
import io.grpc.BindableService;
import io.grpc.Channel;
import io.grpc.ManagedChannel;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

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
  private final MeshConfig config;
  private final Telemetry telemetry;
  private final Management management;
  private final Consul consul;
  private final Timer timer = new Timer();
  private final OutboundStack outbound;
  private final InboundStack inbound;
  private final List<MeshServer> servers = new CopyOnWriteArrayList<>();

  private Mesh(MeshConfig config) {
    this.config = config;
    this.telemetry = Telemetry.open(config.telemetry());
    this.management =
        Management.open(
            config.service(), config.version(), config.bind(), config.managementPort(), telemetry);
    this.consul = Consul.connect(config.consul());
    this.outbound = new OutboundStack(consul, telemetry, timer);
    this.inbound = new InboundStack(config.service(), telemetry);
  }

  /**
   * Opens the management port; everything else starts when it is used, and nothing here needs the
   * registry to be up.
   */
  public static Mesh open(MeshConfig config) {
    return new Mesh(config);
  }

  /**
   * The way to another service, by its name in the registry: round robin over its instances, with a
   * deadline on every unary call, retries of what its contract declares repeatable, and a circuit
   * breaker. Always the same one per service; closed with this.
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
   * A plain channel to one instance, such as to ask it for its contracts; without deadlines,
   * retries, tokens and telemetry. The caller closes it.
   */
  public ManagedChannel instanceChannel(String host, int port) {
    return outbound.instanceChannel(host, port);
  }

  /** A server of these services, not started. Closed with this, if not before. */
  public MeshServer server(BindableService... services) {
    MeshServer server =
        new MeshServer(config, List.of(services), inbound, timer, consul, management);
    servers.add(server);
    return server;
  }

  /** The registry. Closed with this. */
  public Consul consul() {
    return consul;
  }

  /** Traces and metrics. Closed with this. */
  public Telemetry telemetry() {
    return telemetry;
  }

  /** The management port, to add checks to. Closed with this. */
  public Management management() {
    return management;
  }

  /** Drains the servers, then ends the channels and everything else. */
  @Override
  public void close() {
    servers.forEach(MeshServer::close);
    outbound.close();
    consul.close();
    timer.close();
    telemetry.close();
    management.close();
  }
}
