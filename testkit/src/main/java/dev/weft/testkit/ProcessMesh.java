package dev.weft.testkit;

import static org.awaitility.Awaitility.await;

import dev.weft.consul.agent.DevAgent;
import dev.weft.consul.agent.DevAgentConfig;
import dev.weft.durable.LocalPorts;
import dev.weft.mesh.Env;
import dev.weft.mesh.Mesh;
import dev.weft.mesh.MeshConfig;
import dev.weft.mesh.ServiceKeys;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * Services as processes of their own, started as {@code ./weft up} starts them, in a registry of
 * the test's; to be found there, killed, and started again. They call each other in plain text,
 * because tests do, who are nobody's service.
 *
 * <pre>{@code
 * @RegisterExtension final ProcessMesh processes = new ProcessMesh();
 *
 * var running = processes.start("user-svc", UserServer.class, Map.of("DATABASE_URL", url));
 * var users = UserServiceGrpc.newBlockingStub(processes.mesh("order-svc").channel("user-svc"));
 * running.process().destroyForcibly();
 * }</pre>
 *
 * <p>As an extension that is no static field each test gets a registry of its own, and everything
 * ends with the test; without JUnit its maker closes it.
 */
public final class ProcessMesh implements AutoCloseable, AfterEachCallback {
  /** For a JVM that starts while the machine builds something else. */
  public static final Duration START_MAX = Duration.ofSeconds(60);

  private static final Duration STOP_MAX = Duration.ofSeconds(30);

  private final Path directory;
  private final DevAgent registry;
  private final HttpClient http = HttpClient.newHttpClient();
  private final Map<String, Mesh> meshes = new HashMap<>();
  private final List<Process> started = new ArrayList<>();

  public ProcessMesh() {
    try {
      directory = Files.createTempDirectory("weft-processes-");
      registry = DevAgent.start(DevAgentConfig.inMemory());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    ServiceKeys.generate(directory, InProcessMesh.SERVICES);
  }

  /** A process that serves. */
  public final class Running {
    private final String service;
    private final Process process;
    private final int port;
    private final URI management;

    private Running(String service, Process process, int port, int managementPort) {
      this.service = service;
      this.process = process;
      this.port = port;
      this.management = URI.create("http://127.0.0.1:" + managementPort);
    }

    public Process process() {
      return process;
    }

    public int port() {
      return port;
    }

    /** What its management port answers. */
    public HttpResponse<String> get(String path) {
      return ProcessMesh.this.get(management.resolve(path));
    }

    /**
     * Asks it to stop, and returns its exit code.
     *
     * @throws AssertionError if it does not stop, or ends while it is still in the registry
     */
    public int stop() {
      // By its handle: the process itself would close its pipes first.
      process.toHandle().destroy();
      await()
          .atMost(STOP_MAX)
          .until(() -> !process.isAlive() || !health(service, "").contains(portIs(port)));
      if (health(service, "").contains(portIs(port))) {
        throw new AssertionError(service + " ended while it was still in the registry");
      }
      try {
        if (process.waitFor(STOP_MAX.toSeconds(), TimeUnit.SECONDS)) {
          return process.exitValue();
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      throw new AssertionError(service + " did not stop");
    }
  }

  /** Another service, inside the test's own process, on the same registry. Closed with this. */
  public Mesh mesh(String service) {
    return meshes.computeIfAbsent(
        service, name -> Mesh.open(MeshConfig.from(Env.of(environment(name)), name)));
  }

  /**
   * Starts a process on free ports and returns when the registry says that it passes its checks,
   * and it knows so itself.
   *
   * @param more variables beside those that every service has
   */
  public Running start(String service, Class<?> main, Map<String, String> more) {
    int port = freePort();
    int management = freePort();
    Map<String, String> environment = new HashMap<>(more);
    environment.put("PORT", Integer.toString(port));
    environment.put("WEFT_MANAGEMENT_PORT", Integer.toString(management));
    Path log = log();
    Process process = launch(service, main, environment);
    Running running = new Running(service, process, port, management);
    await()
        .atMost(START_MAX)
        .until(
            () -> {
              if (!process.isAlive()) {
                throw new AssertionError(
                    service + " ended while it started:\n" + Files.readString(log));
              }
              return health(service, "?passing").contains(portIs(port))
                  && running.get("/readyz").statusCode() == 200;
            });
    return running;
  }

  /** Starts a process and does not wait for anything. */
  public Process launch(String service, Class<?> main, Map<String, String> more) {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx96m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            System.getProperty("java.class.path"),
            main.getName());
    builder.environment().clear();
    builder.environment().putAll(environment(service));
    builder.environment().putAll(more);
    builder.redirectOutput(log().toFile());
    try {
      Process process = builder.start();
      started.add(process);
      return process;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Whether the registry knows any instance of a service, healthy or not. */
  public boolean registered(String service) {
    return health(service, "").contains("\"Port\":");
  }

  @Override
  public void afterEach(ExtensionContext context) {
    close();
  }

  @Override
  public void close() {
    started.forEach(Process::destroyForcibly);
    meshes.values().forEach(Mesh::close);
    registry.close();
    http.close();
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Map<String, String> environment(String service) {
    return Map.of(
        "PORT",
        "0",
        "WEFT_MANAGEMENT_PORT",
        "0",
        "CONSUL_HTTP_ADDR",
        registryAddress(),
        "WEFT_SERVICE_KEY_FILE",
        ServiceKeys.keyFile(directory, service).toString(),
        "WEFT_SERVICE_KEYS_FILE",
        ServiceKeys.keysFile(directory).toString(),
        // Most tests have no issuer.
        "WEFT_ISSUER_WAIT",
        "PT0.001S",
        "WEFT_DRAIN_WAIT",
        "PT0.1S",
        "WEFT_TLS",
        "off");
  }

  private String health(String service, String query) {
    return get(URI.create(registryAddress() + "/v1/health/service/" + service + query)).body();
  }

  private static String portIs(int port) {
    return "\"Port\":" + port + ",";
  }

  private String registryAddress() {
    return "http://127.0.0.1:" + registry.address().getPort();
  }

  private HttpResponse<String> get(URI uri) {
    try {
      return http.send(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** Where the next process writes what it says. */
  private Path log() {
    return directory.resolve("log-" + started.size());
  }

  private static int freePort() {
    try {
      return LocalPorts.free();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
