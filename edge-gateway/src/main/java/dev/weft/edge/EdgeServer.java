package dev.weft.edge;

import dev.weft.consul.Check;
import dev.weft.consul.Registration;
import dev.weft.consul.ServiceRegistration;
import dev.weft.consul.Weights;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshProcess;
import dev.weft.mesh.RunningProcess;
import io.opentelemetry.api.metrics.Meter;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The edge as a process: every object of it, made once, in the order it starts. */
public final class EdgeServer implements RunningProcess {
  private static final Logger log = LoggerFactory.getLogger(EdgeServer.class);

  private final EdgeConfig config;
  private final Mesh mesh;
  private final SchemaWatch schemas;
  private final Gateway gateway;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private volatile @Nullable HttpListener listener;
  private @Nullable Registration registration;

  EdgeServer(EdgeConfig config) {
    this(config, Mesh.open(config.mesh()));
  }

  private EdgeServer(EdgeConfig config, Mesh mesh) {
    this(config, mesh, mesh.tokens()::verify);
  }

  EdgeServer(EdgeConfig config, Mesh mesh, Tokens tokens) {
    this.config = config;
    this.mesh = mesh;
    // First of all: the management port is open already.
    mesh.management().readiness("listener", () -> listener != null);
    this.schemas =
        new SchemaWatch(
            mesh,
            new Catalogue(
                config.owners(),
                config.cacheFolder().map(ContractFile::new),
                config.foreignDefault()),
            config.foreignDefault());
    this.gateway =
        new Gateway(
            schemas,
            tokens,
            config.tokenServices(),
            config.cors(),
            config.limits(),
            new HttpTelemetry(mesh.telemetry(), () -> UUID.randomUUID().toString()),
            threads);
  }

  public static void main(String[] args) {
    MeshProcess.run(EdgeConfig.SERVICE, env -> new EdgeServer(EdgeConfig.from(env)));
  }

  @Override
  public void start() {
    mesh.management().readiness("registry", schemas::caughtUp);
    mesh.management().degradation("tokens", mesh.tokens()::ready);
    showState();
    schemas.start();
    HttpListener open =
        HttpListener.open(
            gateway,
            config.limits(),
            new InetSocketAddress(config.bindPublic(), config.mesh().port()));
    listener = open;
    log.info("listening on {}:{}", config.bindPublic(), open.port());
    registration = mesh.consul().register(registration(open.port()));
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
        .gaugeBuilder("weft.edge.skipped_rpcs")
        .ofLongs()
        .setDescription("RPCs whose HTTP rule cannot be served.")
        .buildWithCallback(
            gauge ->
                gauge.record(schemas.schemas().stream().mapToInt(s -> s.skipped().size()).sum()));
  }

  private ServiceRegistration registration(int port) {
    String host = config.mesh().advertise();
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
        List.of(Check.of(id + ":ready", probe).withDeregisterCriticalAfter(Duration.ofMinutes(1))),
        false);
  }

  /**
   * Leaves the registry, serves on until everybody can have heard of it, lets running requests
   * finish, and closes everything.
   */
  @Override
  public void close() {
    mesh.management().drain();
    if (registration != null) {
      registration.close();
      awaitWatchers();
    }
    if (listener != null) {
      listener.drain(config.mesh().drain().calls());
      listener.close();
    }
    schemas.close();
    threads.shutdownNow();
    mesh.close();
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
