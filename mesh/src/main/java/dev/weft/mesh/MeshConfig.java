package dev.weft.mesh;

import dev.weft.consul.ConsulConfig;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;

/**
 * What a process on the mesh has to be told.
 *
 * @param service its name in the registry, by which others call it
 * @param version the version of the program
 * @param bind the address to listen on
 * @param advertise the address others call it by; with {@code :PORT}, which is the one it listens
 *     on otherwise, where something in between has ports of its own
 * @param port of its gRPC server; 0 means any free one
 * @param managementPort of {@code /livez}, {@code /readyz}, {@code /metrics} and {@code /info}; 0
 *     means any free one
 * @param consul where the registry is
 * @param identity whom it trusts and how it proves who it is
 * @param telemetry what it measures and where it sends that
 * @param drain how it stops
 * @param zone where it runs, for those who would rather call what is near; empty if nobody says
 * @param admin who may ask it what it decides
 * @param upstreams services that it calls elsewhere than the registry says
 */
public record MeshConfig(
    String service,
    String version,
    String bind,
    String advertise,
    int port,
    int managementPort,
    ConsulConfig consul,
    IdentityConfig identity,
    TelemetryConfig telemetry,
    Drain drain,
    String zone,
    AdminConfig admin,
    Upstreams upstreams) {

  /** Added to the gRPC port for the management port, when nothing else is said. */
  private static final int MANAGEMENT_OFFSET = 1_000;

  /**
   * How a server stops.
   *
   * @param watchers how long it still takes calls after it left the registry, until everybody has
   *     heard of it
   * @param calls how long running calls may then take to finish
   */
  public record Drain(Duration watchers, Duration calls) {
    /** 2 s for everybody to hear of it, 20 s for the calls. */
    public static final Drain DEFAULT = new Drain(Duration.ofSeconds(2), Duration.ofSeconds(20));
  }

  /** One that tells nobody what it decides, and finds all services in the registry. */
  public MeshConfig(
      String service,
      String version,
      String bind,
      String advertise,
      int port,
      int managementPort,
      ConsulConfig consul,
      IdentityConfig identity,
      TelemetryConfig telemetry,
      Drain drain,
      String zone) {
    this(
        service,
        version,
        bind,
        advertise,
        port,
        managementPort,
        consul,
        identity,
        telemetry,
        drain,
        zone,
        AdminConfig.NOBODY,
        Upstreams.NONE);
  }

  /** As {@link #from(Env, String, int)}, with any free port. */
  public static MeshConfig from(Env env, String service) {
    return from(env, service, 0);
  }

  /**
   * Reads {@code PORT}, {@code WEFT_MANAGEMENT_PORT} (default {@code PORT} + 1000), {@code
   * WEFT_BIND} (127.0.0.1), {@code WEFT_ADVERTISE} (what is bound; this host's address if that is
   * all of them; {@code HOST} or {@code HOST:PORT}), {@code WEFT_VERSION} (dev), {@code
   * CONSUL_HTTP_ADDR} (http://127.0.0.1:8500), {@code CONSUL_HTTP_TOKEN} or {@code
   * CONSUL_HTTP_TOKEN_FILE}, {@code WEFT_SNAPSHOT_DIR} (none), {@code WEFT_DRAIN_WAIT} (PT2S),
   * {@code WEFT_DRAIN_CALLS} (PT20S), {@code WEFT_ZONE} (none), {@code WEFT_UPSTREAMS} (none;
   * {@link Upstreams}), and what {@link IdentityConfig#from}, {@link TelemetryConfig#from} and
   * {@link AdminConfig#from} read.
   */
  public static MeshConfig from(Env env, String service, int defaultPort) {
    String version = env.or("WEFT_VERSION", "dev");
    String bind = env.or("WEFT_BIND", "127.0.0.1");
    int port = env.port("PORT", defaultPort);
    int management = port == 0 || port + MANAGEMENT_OFFSET > 65_535 ? 0 : port + MANAGEMENT_OFFSET;
    return new MeshConfig(
        service,
        version,
        bind,
        env.optional("WEFT_ADVERTISE", address -> Advertised.of(address).toString())
            .orElseGet(() -> reachable(bind)),
        port,
        env.port("WEFT_MANAGEMENT_PORT", management),
        env.optional("CONSUL_HTTP_ADDR", address -> consul(env, address))
            .orElseGet(() -> consul(env, "http://127.0.0.1:8500")),
        IdentityConfig.from(env),
        TelemetryConfig.from(env, service, version),
        new Drain(
            env.duration("WEFT_DRAIN_WAIT", Drain.DEFAULT.watchers),
            env.duration("WEFT_DRAIN_CALLS", Drain.DEFAULT.calls)),
        env.or("WEFT_ZONE", ""),
        AdminConfig.from(env),
        env.optional("WEFT_UPSTREAMS", Upstreams::parse).orElse(Upstreams.NONE));
  }

  private static ConsulConfig consul(Env env, String address) {
    return ConsulConfig.of(
            address,
            env.optional("CONSUL_HTTP_TOKEN"),
            env.optional("CONSUL_HTTP_TOKEN_FILE").map(Path::of))
        .withSnapshots(env.optional("WEFT_SNAPSHOT_DIR").map(Path::of));
  }

  /** The same with this management port. */
  public MeshConfig withManagementPort(int other) {
    return new MeshConfig(
        service, version, bind, advertise, port, other, consul, identity, telemetry, drain, zone,
        admin, upstreams);
  }

  /** The host others call it by. */
  public String advertisedHost() {
    return Advertised.of(advertise).host();
  }

  /**
   * The port others call it by.
   *
   * @param bound the one it listens on
   */
  public int advertisedPort(int bound) {
    return Advertised.of(advertise).portOr(bound);
  }

  private static String reachable(String bind) {
    try {
      InetAddress address = InetAddress.getByName(bind);
      return address.isAnyLocalAddress() ? InetAddress.getLocalHost().getHostAddress() : bind;
    } catch (UnknownHostException e) {
      throw ConfigException.wrong("WEFT_BIND", bind, "an address of this host");
    }
  }
}
