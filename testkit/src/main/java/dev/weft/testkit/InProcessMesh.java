package dev.weft.testkit;

import dev.weft.consul.ConsulConfig;
import dev.weft.mesh.IdentityConfig;
import dev.weft.mesh.KeySource;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.ServiceKeys;
import dev.weft.mesh.TelemetryConfig;
import io.grpc.BindableService;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.inprocess.InProcessServerBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Services of the mesh inside the test's own process: behind the same layers as on the wire, called
 * through the same layers as between processes, without ports and without a registry.
 *
 * <pre>{@code
 * @RegisterExtension static final InProcessMesh mesh = new InProcessMesh();
 *
 * mesh.serve("order-svc", new OrderService(orders));
 * var asAnn = OrderServiceGrpc.newBlockingStub(mesh.channelAs("order-svc", "ann-id"));
 * var asOrders = PaymentServiceGrpc.newBlockingStub(mesh.channel("order-svc", "payment-svc"));
 * }</pre>
 *
 * <p>As a static extension it closes after the class; without JUnit its maker closes it.
 */
public final class InProcessMesh implements AutoCloseable, AfterAllCallback {
  /** Who can prove their names; the others are strangers. */
  static final List<String> SERVICES =
      List.of("user-svc", "order-svc", "payment-svc", "inventory-svc", "edge-gateway", "operator");

  private static final Duration LONG = Duration.ofSeconds(20);

  private final String prefix = UUID.randomUUID() + "/";
  private final Path keys;
  private final TestIdentity identity = new TestIdentity();
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
  private final Map<String, Mesh> meshes = new ConcurrentHashMap<>();
  private final Map<String, ManagedChannel> transports = new ConcurrentHashMap<>();
  private final Map<String, Server> servers = new ConcurrentHashMap<>();

  public InProcessMesh() {
    try {
      keys = Files.createTempDirectory("weft-keys-");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    ServiceKeys.generate(keys, SERVICES);
  }

  /** Signs the tokens of users. */
  public TestIdentity identity() {
    return identity;
  }

  /** Serves under a service's name, in place of what it served before. */
  public void serve(String service, BindableService... implementations) {
    serve(service, mesh(service), implementations);
  }

  /** As the other one, for the service that issues tokens and so verifies with keys of its own. */
  public void serve(String service, KeySource ownKeys, BindableService... implementations) {
    serve(
        service,
        meshes.computeIfAbsent(service, name -> Mesh.open(config(name), ownKeys)),
        implementations);
  }

  /** Ends a service at once: calls to it fail with UNAVAILABLE until it is served again. */
  public void stop(String service) {
    Server server = servers.remove(service);
    if (server != null) {
      end(server.shutdownNow());
      awaitUntil(transport(service), state -> state != ConnectivityState.READY);
    }
  }

  /** The way to a service for a stranger: no token, no layers. */
  public Channel channel(String service) {
    return transport(service);
  }

  /** The way to a service for a user, as through the edge; without roles for a customer. */
  public Channel channelAs(String service, String userId, String... roles) {
    return ClientInterceptors.intercept(transport(service), identity.as(userId, roles));
  }

  /** The way from one service to another, with its service token and all outbound layers. */
  public Channel channel(String from, String to) {
    return mesh(from).channel(to, transport(to));
  }

  @Override
  public void afterAll(ExtensionContext context) {
    close();
  }

  @Override
  public void close() {
    transports.values().forEach(ManagedChannel::shutdownNow);
    List.copyOf(servers.keySet()).forEach(this::stop);
    meshes.values().forEach(Mesh::close);
    threads.shutdownNow();
    deleteKeys();
  }

  private void serve(String service, Mesh mesh, BindableService... implementations) {
    stop(service);
    try {
      servers.put(
          service,
          InProcessServerBuilder.forName(prefix + service)
              .executor(threads)
              .addServices(mesh.services(implementations))
              .build()
              .start());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    awaitUntil(transport(service), ConnectivityState.READY::equals);
  }

  private static void end(Server server) {
    try {
      server.awaitTermination(5, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  // A channel hears late of a server that came or went; till then it refuses calls, or sends them
  // to the one before.
  private static void awaitUntil(ManagedChannel channel, Predicate<ConnectivityState> wanted) {
    long from = System.nanoTime();
    ConnectivityState state = channel.getState(true);
    while (!wanted.test(state)) {
      CountDownLatch changed = new CountDownLatch(1);
      channel.notifyWhenStateChanged(state, changed::countDown);
      // It may have been called in vain, and would wait before it tries again.
      channel.resetConnectBackoff();
      try {
        boolean _ = changed.await(1, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
      state = channel.getState(true);
      if (System.nanoTime() - from > LONG.toNanos()) {
        throw new IllegalStateException("a channel is still " + state);
      }
    }
  }

  private Mesh mesh(String service) {
    return meshes.computeIfAbsent(service, name -> Mesh.open(config(name), identity));
  }

  private ManagedChannel transport(String service) {
    return transports.computeIfAbsent(
        service,
        name ->
            InProcessChannelBuilder.forName(prefix + name)
                .executor(threads)
                .propagateCauseWithStatus(false)
                .build());
  }

  private MeshConfig config(String service) {
    return new MeshConfig(
        service,
        "test",
        "127.0.0.1",
        "127.0.0.1",
        0,
        0,
        // Nothing in here asks the registry.
        ConsulConfig.of("http://127.0.0.1:1", Optional.empty()),
        // What never leaves the process needs none.
        IdentityConfig.withoutTls(
            TestIdentity.ISSUER,
            TestIdentity.AUDIENCE,
            "user-svc",
            Optional.of(ServiceKeys.keyFile(keys, service)).filter(Files::exists),
            Optional.of(ServiceKeys.keysFile(keys))),
        TelemetryConfig.local(service, "test"),
        MeshConfig.Drain.DEFAULT,
        "");
  }

  private void deleteKeys() {
    try (Stream<Path> files = Files.list(keys)) {
      for (Path file : new ArrayList<>(files.toList())) {
        Files.delete(file);
      }
      Files.delete(keys);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
