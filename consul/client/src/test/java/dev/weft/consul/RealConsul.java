package dev.weft.consul;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;

/**
 * A real, single Consul server on free loopback ports, with its data in a folder of the test. The
 * binary is the one {@code WEFT_CONSUL_BINARY} names, or {@code consul} on the PATH; without either
 * the test is skipped and says so.
 */
final class RealConsul implements AutoCloseable {
  private final String binary;
  private final Path folder;
  private final String extraConfig;
  private final String[] administrator;
  private final int[] ports = freePorts(4);
  private Process process;

  private RealConsul(String binary, Path folder, String extraConfig, String... administrator)
      throws IOException {
    this.binary = binary;
    this.folder = folder;
    this.extraConfig = extraConfig;
    this.administrator = administrator;
    this.process = launch();
  }

  /** Starts one and waits for its leader. */
  static RealConsul start(Path folder) throws IOException {
    return start(folder, "{}");
  }

  /**
   * Starts one and waits for its leader.
   *
   * @param extraConfig JSON of further settings
   * @param administrator headers of whoever may see the nodes
   */
  static RealConsul start(Path folder, String extraConfig, String... administrator)
      throws IOException {
    Optional<String> binary = binary();
    if (binary.isEmpty()) {
      System.out.println(
          "SKIPPED: no real Consul: set WEFT_CONSUL_BINARY (.ci/consul FOLDER fetches one)");
    }
    assumeTrue(binary.isPresent(), "no real Consul: set WEFT_CONSUL_BINARY");
    RealConsul consul = new RealConsul(binary.get(), folder, extraConfig, administrator);
    consul.awaitLeader();
    return consul;
  }

  private static Optional<String> binary() {
    String named = System.getenv("WEFT_CONSUL_BINARY");
    if (named != null && !named.isBlank()) {
      return Optional.of(named);
    }
    return Stream.of(System.getenv("PATH").split(":"))
        .map(folder -> Path.of(folder, "consul"))
        .filter(Files::isExecutable)
        .map(Path::toString)
        .findFirst();
  }

  private Process launch() throws IOException {
    Path extra = Files.writeString(folder.resolve("extra.json"), extraConfig);
    List<String> command =
        List.of(
            binary,
            "agent",
            "-server",
            "-bootstrap-expect=1",
            "-data-dir=" + folder.resolve("data"),
            "-bind=127.0.0.1",
            "-client=127.0.0.1",
            "-node=test",
            "-http-port=" + ports[0],
            "-server-port=" + ports[1],
            "-serf-lan-port=" + ports[2],
            "-serf-wan-port=" + ports[3],
            "-dns-port=-1",
            "-grpc-port=-1",
            "-log-level=warn",
            "-hcl=performance { raft_multiplier = 1 }",
            "-config-file=" + extra);
    return new ProcessBuilder(new ArrayList<>(command))
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("consul.log").toFile()))
        .start();
  }

  private void awaitLeader() {
    Awaitility.await()
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofMillis(50))
        .ignoreExceptions()
        .until(() -> call("GET", "/v1/status/leader", "").length() > 2);
    // A leader first sets itself up, tokens too; the node it runs on comes last. Its addresses come
    // from the agent, and tell that this one synchronises: if it began before its token was there,
    // it does so again only 15 s later, and no service that is registered till then is seen.
    Awaitility.await()
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofMillis(50))
        .ignoreExceptions()
        .until(() -> call("GET", "/v1/catalog/nodes", "", administrator).contains("\"lan\":"));
  }

  ConsulConfig config() {
    return config(Optional.empty());
  }

  ConsulConfig config(Optional<String> token) {
    return ConsulConfig.of("127.0.0.1:" + ports[0], token);
  }

  /** Kills the agent, as a crash would. */
  void kill() {
    process.destroyForcibly();
    try {
      process.waitFor(10, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Starts it again on what is left of its data. */
  void restart() throws IOException {
    process = launch();
    awaitLeader();
  }

  /** Deletes all it knew; it must not be running. */
  void forget() throws IOException {
    try (Stream<Path> paths = Files.walk(folder.resolve("data"))) {
      for (Path path : paths.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  /** A call without the client under test. */
  String call(String method, String path, String body, String... headers) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + ports[0] + path))
            .timeout(Duration.ofSeconds(5))
            .method(method, BodyPublishers.ofString(body));
    if (headers.length > 0) {
      request.headers(headers);
    }
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client.send(request.build(), BodyHandlers.ofString()).body();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static int[] freePorts(int count) {
    List<ServerSocket> sockets = new ArrayList<>();
    int[] ports = new int[count];
    try {
      for (int i = 0; i < count; i++) {
        ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        sockets.add(socket);
        ports[i] = socket.getLocalPort();
      }
      for (ServerSocket socket : sockets) {
        socket.close();
      }
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
    return ports;
  }

  @Override
  public void close() {
    kill();
  }
}
