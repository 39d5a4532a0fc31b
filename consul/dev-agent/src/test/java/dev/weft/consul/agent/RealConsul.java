package dev.weft.consul.agent;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A real Consul: a server of one node on free loopback ports that keeps nothing, its log in a
 * folder of the test. The binary is what {@code WEFT_CONSUL_BINARY} names, or {@code consul} on the
 * PATH; without either the tests are skipped and say so.
 */
final class RealConsul implements AutoCloseable {
  private final Process process;
  private final Api api;

  private RealConsul(Process process, Api api) {
    this.process = process;
    this.api = api;
  }

  static RealConsul start(Path folder) throws IOException {
    Optional<String> binary = binary();
    if (binary.isEmpty()) {
      say("SKIPPED: no real Consul: set WEFT_CONSUL_BINARY (.ci/consul FOLDER fetches one)");
      abort("no real Consul: set WEFT_CONSUL_BINARY");
    }
    List<Integer> ports = freePorts(4);
    Process process =
        new ProcessBuilder(
                binary.orElseThrow(),
                "agent",
                "-dev",
                "-bind=127.0.0.1",
                "-client=127.0.0.1",
                "-node=contract",
                "-http-port=" + ports.get(0),
                "-server-port=" + ports.get(1),
                "-serf-lan-port=" + ports.get(2),
                "-serf-wan-port=" + ports.get(3),
                "-dns-port=-1",
                "-grpc-port=-1",
                "-log-level=warn")
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("consul.log").toFile())
            .start();
    RealConsul consul =
        new RealConsul(process, new Api(URI.create("http://127.0.0.1:" + ports.get(0))));
    try {
      consul.awaitReady();
      return consul;
    } catch (RuntimeException e) {
      consul.close();
      throw e;
    }
  }

  private static Optional<String> binary() {
    String named = System.getenv("WEFT_CONSUL_BINARY");
    if (named != null && !named.isBlank()) {
      return Optional.of(named);
    }
    return Stream.of(System.getenv().getOrDefault("PATH", "").split(":", -1))
        .map(folder -> Path.of(folder, "consul"))
        .filter(Files::isExecutable)
        .map(Path::toString)
        .findFirst();
  }

  /**
   * A new agent is of use once it has synchronised its whole state with the catalog for the first
   * time, which the tagged addresses of its node show. A service registered at that very moment
   * would make it put that off, and every change of health with it, for up to 30 s.
   */
  private void awaitReady() {
    await()
        .atMost(Duration.ofSeconds(45))
        .pollInterval(Duration.ofMillis(50))
        .ignoreExceptions()
        .until(() -> api.get("/v1/catalog/nodes").at(0, "TaggedAddresses") != null);
  }

  Api api() {
    return api;
  }

  @Override
  public void close() {
    api.close();
    process.destroyForcibly();
    try {
      process.waitFor(10, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static List<Integer> freePorts(int count) throws IOException {
    List<ServerSocket> sockets = new ArrayList<>();
    try {
      for (int i = 0; i < count; i++) {
        sockets.add(new ServerSocket(0, 1, InetAddress.getLoopbackAddress()));
      }
      return sockets.stream().map(ServerSocket::getLocalPort).toList();
    } finally {
      for (ServerSocket socket : sockets) {
        socket.close();
      }
    }
  }

  @SuppressWarnings("SystemOut") // whoever runs the tests must see what was left out
  static void say(String line) {
    System.out.println(line);
  }
}
