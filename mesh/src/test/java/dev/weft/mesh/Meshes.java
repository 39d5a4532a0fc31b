package dev.weft.mesh;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Meshes around one registry, for a test; closed in the reverse order. */
final class Meshes implements AutoCloseable {
  final FakeConsul consul = new FakeConsul();
  private final List<Mesh> open = new ArrayList<>();

  Mesh open(String service) {
    return open(service, new MeshConfig.Drain(Duration.ofMillis(1), Duration.ofSeconds(5)));
  }

  Mesh open(String service, MeshConfig.Drain drain) {
    return add(Mesh.open(config(service, "127.0.0.1", drain, Duration.ZERO)));
  }

  /** One that others are to reach at this address. */
  Mesh openAt(String advertise, String service) {
    MeshConfig.Drain drain = new MeshConfig.Drain(Duration.ofMillis(1), Duration.ofSeconds(5));
    return add(Mesh.open(config(service, advertise, drain, Duration.ZERO)));
  }

  /** One whose server waits for this issuer. */
  Mesh open(String service, KeySource issuer, Duration issuerWait) {
    MeshConfig.Drain drain = new MeshConfig.Drain(Duration.ofMillis(1), Duration.ofSeconds(5));
    return add(Mesh.open(config(service, "127.0.0.1", drain, issuerWait), issuer));
  }

  private Mesh add(Mesh mesh) {
    open.add(mesh);
    return mesh;
  }

  private MeshConfig config(
      String service, String advertise, MeshConfig.Drain drain, Duration issuerWait) {
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
            issuerWait),
        TelemetryConfig.local(service, "1.2.3"),
        drain);
  }

  @Override
  public void close() {
    open.reversed().forEach(Mesh::close);
    consul.close();
  }
}
