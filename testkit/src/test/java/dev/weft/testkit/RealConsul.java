package dev.weft.testkit;

import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.abort;

import dev.weft.durable.LocalPorts;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A real Consul of one node, which keeps nothing, its log in a folder of the test. The binary is
 * what {@code WEFT_CONSUL_BINARY} names, or {@code consul} on the PATH; without either the tests
 * are skipped and say so.
 */
final class RealConsul implements AutoCloseable {
  private final Process process;
  private final URI url;

  private RealConsul(Process process, URI url) {
    this.process = process;
    this.url = url;
  }

  static RealConsul start(Path folder) throws IOException {
    return start(folder, List.of(), "");
  }

  /**
   * One with ACLs that denies what nobody allows.
   *
   * @param administrator the token of whoever may do everything
   */
  static RealConsul startDenying(Path folder, String administrator) throws IOException {
    String acl =
        "-hcl=acl { enabled = true default_policy = \"deny\" tokens { master = \"%1$s\" agent = \"%1$s\" } }"
            .formatted(administrator);
    return start(folder, List.of(acl), administrator);
  }

  private static RealConsul start(Path folder, List<String> more, String token) throws IOException {
    Optional<String> binary = binary();
    if (binary.isEmpty()) {
      say("SKIPPED: no real Consul: set WEFT_CONSUL_BINARY (.ci/consul FOLDER fetches one)");
      abort("no real Consul: set WEFT_CONSUL_BINARY");
    }
    int port = LocalPorts.free();
    List<String> command =
        new ArrayList<>(
            List.of(
                binary.orElseThrow(),
                "agent",
                "-dev",
                "-bind=127.0.0.1",
                "-client=127.0.0.1",
                "-node=routes",
                "-http-port=" + port,
                "-server-port=" + LocalPorts.free(),
                "-serf-lan-port=" + LocalPorts.free(),
                "-serf-wan-port=" + LocalPorts.free(),
                "-dns-port=-1",
                "-grpc-port=-1",
                "-log-level=warn",
                // Which it has for each address, and keeps of queries that nobody waits for.
                "-hcl=limits { http_max_conns_per_client = 4000 }"));
    command.addAll(more);
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(folder.resolve("consul.log").toFile())
            .start();
    RealConsul consul = new RealConsul(process, URI.create("http://127.0.0.1:" + port));
    try {
      consul.awaitReady(token);
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
   * time, which the tagged addresses of its node show.
   */
  private void awaitReady(String token) {
    try (HttpClient http = HttpClient.newHttpClient()) {
      HttpRequest nodes =
          HttpRequest.newBuilder(url.resolve("/v1/catalog/nodes"))
              .header("X-Consul-Token", token)
              .build();
      await()
          .atMost(Duration.ofSeconds(45))
          .pollInterval(Duration.ofMillis(50))
          .ignoreExceptions()
          .until(() -> http.send(nodes, BodyHandlers.ofString()).body().contains("\"lan\":"));
    }
  }

  URI url() {
    return url;
  }

  @Override
  public void close() {
    process.destroyForcibly();
    try {
      process.waitFor(10, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  @SuppressWarnings("SystemOut") // whoever runs the tests must see what was left out
  private static void say(String line) {
    System.out.println(line);
  }
}
