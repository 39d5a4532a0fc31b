package dev.weft.bench;

import dev.weft.consul.ServiceInstance;
import dev.weft.consul.agent.DevAgent;
import dev.weft.consul.agent.DevAgentConfig;
import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A registry inside this process, and services that find each other in it, all of them this
 * process, over real connections. There is no issuer of users' tokens. Close it to end all of them.
 *
 * <p>To be used by one thread.
 */
final class LocalMesh implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final Duration LOOK_EVERY = Duration.ofMillis(20);

  private final DevAgent registry;
  private final List<Mesh> meshes = new ArrayList<>();

  /** How services call each other. */
  enum Wire {
    PLAIN("off"),
    /** TLS with certificates of the registry's authority on both sides; intentions hold. */
    MUTUAL_TLS("strict");

    private final String word;

    Wire(String word) {
      this.word = word;
    }
  }

  private LocalMesh(DevAgent registry) {
    this.registry = registry;
  }

  /** Starts the registry, which is empty and allows calls that no intention is about. */
  static LocalMesh start() throws IOException {
    return new LocalMesh(DevAgent.start(DevAgentConfig.inMemory()));
  }

  /** Where the registry is. */
  URI registry() {
    return registry.url();
  }

  /** One more process of a service; closed with this. */
  Mesh open(String service, Wire wire) {
    Mesh mesh =
        Mesh.open(
            MeshConfig.from(
                Env.of(
                    Map.of(
                        "CONSUL_HTTP_ADDR", registry.url().toString(),
                        "WEFT_MANAGEMENT_PORT", "0",
                        "WEFT_ISSUER_WAIT", "PT0.001S",
                        "WEFT_DRAIN_WAIT", "PT0.001S",
                        "WEFT_TLS", wire.word)),
                service));
    meshes.add(mesh);
    return mesh;
  }

  /**
   * Waits until the registry has so many instances of the service to call. Whoever opens its first
   * channel to it then finds them.
   *
   * @throws IllegalStateException if it has not after 30 s
   */
  void await(String service, int instances) throws InterruptedException {
    long end = System.nanoTime() + PATIENCE.toNanos();
    while (toCall(service) < instances) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException(
            "the registry does not have %d instances of %s".formatted(instances, service));
      }
      Thread.sleep(LOOK_EVERY);
    }
  }

  private long toCall(String service) {
    return meshes.getFirst().consul().instances(service).stream()
        .mapToInt(ServiceInstance::weight)
        .filter(weight -> weight > 0)
        .count();
  }

  @Override
  public void close() {
    meshes.reversed().forEach(Mesh::close);
    registry.close();
  }
}
