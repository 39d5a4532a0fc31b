package dev.weft.mesh;

import dev.weft.consul.ConsulConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Meshes around one registry, for a test; closed in the reverse order. */
final class Meshes implements AutoCloseable {
  final FakeConsul consul = new FakeConsul();
  private final List<Mesh> open = new ArrayList<>();

  /** An instance that answers every call, and counts them. */
  record Instance(MeshServer server, Echo echo) {
    int port() {
      return server.port();
    }

    String address() {
      return "127.0.0.1:" + port();
    }

    int calls() {
      return echo.calls.get();
    }
  }

  Instance echo(String service) {
    Echo echo = new Echo();
    MeshServer server = open(service).server(echo);
    server.start();
    return new Instance(server, echo);
  }

  Instance echo(String service, String version) {
    Instance instance = echo(service);
    consul.meta(instance.port(), "version", version);
    return instance;
  }

  Mesh open(String service) {
    return open(service, new MeshConfig.Drain(Duration.ofMillis(1), Duration.ofSeconds(5)));
  }

  Mesh open(String service, MeshConfig.Drain drain) {
    return add(Mesh.open(config(service, "127.0.0.1", drain, Duration.ZERO, TlsConfig.OFF)));
  }

  /** One with connections of the test's. */
  Mesh open(String service, Transport transport) {
    MeshConfig.Drain drain = new MeshConfig.Drain(Duration.ofMillis(1), Duration.ofSeconds(5));
    return add(
        Mesh.open(config(service, "127.0.0.1", drain, Duration.ZERO, TlsConfig.OFF), transport));
  }

  /** One that speaks TLS, with a certificate of this authority. */
  Mesh open(String service, TestCa ca, IntentionMode intentions, String... plaintextUpstreams) {
    Mesh mesh = openUncertified(service, intentions, plaintextUpstreams);
    certify(mesh, service, ca);
    return mesh;
  }

  /** One that is to speak TLS and whose registry has no certificate for it. */
  Mesh openUncertified(String service) {
    return openUncertified(service, IntentionMode.OFF);
  }

  /** The same, with connections of the test's. */
  Mesh openUncertified(String service, Transport transport) {
    return add(Mesh.open(uncertified(service, IntentionMode.OFF), transport));
  }

  private Mesh openUncertified(String service, IntentionMode intentions, String... plaintext) {
    return add(Mesh.open(uncertified(service, intentions, plaintext)));
  }

  private MeshConfig uncertified(String service, IntentionMode intentions, String... plaintext) {
    TlsConfig tls = new TlsConfig(true, Set.of(plaintext), intentions, Duration.ofMillis(1));
    MeshConfig.Drain drain = new MeshConfig.Drain(Duration.ofMillis(1), Duration.ofSeconds(5));
    return config(service, "127.0.0.1", drain, Duration.ZERO, tls);
  }

  static void certify(Mesh mesh, String service, TestCa ca) {
    MeshIdentity identity = tls(mesh).identity();
    identity.trust(TestCa.DOMAIN, List.of(ca.root()));
    TestCa.Leaf leaf = ca.leaf(service);
    identity.certificate(leaf.chain(), leaf.key());
  }

  static MeshTls tls(Mesh mesh) {
    return mesh.tls().orElseThrow();
  }

  /** One without a registry, that is told where others are. */
  Mesh open(String service, Upstreams upstreams) {
    MeshConfig.Drain drain = new MeshConfig.Drain(Duration.ofMillis(1), Duration.ofSeconds(5));
    return add(
        Mesh.open(
            alone(config(service, "127.0.0.1", drain, Duration.ZERO, TlsConfig.OFF), upstreams)));
  }

  /** The same, and it is to speak TLS. */
  Mesh openUncertified(String service, Upstreams upstreams, String... plaintextUpstreams) {
    return add(
        Mesh.open(alone(uncertified(service, IntentionMode.OFF, plaintextUpstreams), upstreams)));
  }

  private static MeshConfig alone(MeshConfig config, Upstreams upstreams) {
    return new MeshConfig(
        config.service(),
        config.version(),
        config.bind(),
        config.advertise(),
        0,
        0,
        ConsulConfig.of("http://127.0.0.1:1", Optional.empty()),
        config.identity(),
        config.telemetry(),
        config.drain(),
        "",
        config.admin(),
        upstreams);
  }

  /** One that others are to reach at this address. */
  Mesh openAt(String advertise, String service) {
    MeshConfig.Drain drain = new MeshConfig.Drain(Duration.ofMillis(1), Duration.ofSeconds(5));
    return add(Mesh.open(config(service, advertise, drain, Duration.ZERO, TlsConfig.OFF)));
  }

  /** One whose server waits for this issuer. */
  Mesh open(String service, KeySource issuer, Duration issuerWait) {
    MeshConfig.Drain drain = new MeshConfig.Drain(Duration.ofMillis(1), Duration.ofSeconds(5));
    return add(Mesh.open(config(service, "127.0.0.1", drain, issuerWait, TlsConfig.OFF), issuer));
  }

  private Mesh add(Mesh mesh) {
    open.add(mesh);
    return mesh;
  }

  private MeshConfig config(
      String service,
      String advertise,
      MeshConfig.Drain drain,
      Duration issuerWait,
      TlsConfig tls) {
    return new MeshConfig(
        service,
        "1.2.3",
        "127.0.0.1",
        advertise,
        0,
        0,
        consul.config(),
        new IdentityConfig(
            "https://weft.example",
            "weft",
            "user-svc",
            Optional.empty(),
            Optional.empty(),
            issuerWait,
            tls),
        TelemetryConfig.local(service, "1.2.3"),
        drain,
        "");
  }

  @Override
  public void close() {
    open.reversed().forEach(Mesh::close);
    consul.close();
  }
}
