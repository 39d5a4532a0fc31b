package dev.weft.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whether a service is ready, asked of a registry with ACLs that runs elsewhere. */
class ProbeTest {
  private static final String ME = "of-the-operator";

  @TempDir private Path folder;
  private HttpServer server;
  private volatile String toStrangers = "[]";
  private volatile int statusToStrangers = 200;

  /** The registry and the service's own management port in one. */
  @BeforeEach
  void start() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/readyz", exchange -> answer(exchange, 200, "ready"));
    server.createContext(
        "/v1/",
        exchange -> {
          boolean known = ME.equals(exchange.getRequestHeaders().getFirst("X-Consul-Token"));
          answer(
              exchange,
              known ? 200 : statusToStrangers,
              known ? "[{\"Service\": {\"Port\": 9101, \"ID\": \"u\"}}]" : toStrangers);
        });
    server.start();
  }

  private static void answer(HttpExchange exchange, int status, String text) throws IOException {
    try (exchange) {
      byte[] body = text.getBytes(UTF_8);
      exchange.sendResponseHeaders(status, body.length);
      exchange.getResponseBody().write(body);
    }
  }

  @AfterEach
  void stop() {
    server.stop(0);
  }

  private Probe probe(Map<String, String> environment) throws IOException {
    int port = server.getAddress().getPort();
    return new Probe(
        new Http(),
        new Programs(
            new StateDir(folder.resolve("state")).create(),
            new Ports(Map.of(Programs.USER, 9101), Map.of(Programs.USER, port)),
            new RegistryChoice("http://127.0.0.1:" + port, null),
            StagedBuild.in(Files.createDirectories(folder.resolve("staged"))),
            Detours.NONE,
            Instances.SINGLE,
            environment));
  }

  @Test
  void aServiceIsReadyForWhoMaySeeIt() throws IOException {
    Files.writeString(folder.resolve("operator"), ME);
    String file = folder.resolve("operator").toString();

    assertThat(probe(Map.of()).answers(Programs.USER)).isFalse();
    assertThat(probe(Map.of("CONSUL_HTTP_TOKEN", ME)).answers(Programs.USER)).isTrue();
    assertThat(probe(Map.of("CONSUL_HTTP_TOKEN_FILE", file)).answers(Programs.USER)).isTrue();
    assertThat(probe(Map.of("WEFT_CONSUL_TOKENS_DIR", "" + folder)).answers(Programs.USER))
        .isTrue();
  }

  @Test
  void whoIsShownNothingIsToldSoBeforeAnythingStarts() throws IOException {
    assertThatThrownBy(() -> probe(Map.of()).insistOnBeingShownWhatIsThere())
        .isInstanceOf(Trouble.class)
        .hasMessageContaining("shows ./weft nothing: it needs a token");
    statusToStrangers = 403;
    toStrangers = "ACL not found";
    assertThatThrownBy(
            () -> probe(Map.of("CONSUL_HTTP_TOKEN", "old")).insistOnBeingShownWhatIsThere())
        .hasMessageContaining("shows ./weft nothing (ACL not found): it needs a token");
    assertThatCode(probe(Map.of("CONSUL_HTTP_TOKEN", ME))::insistOnBeingShownWhatIsThere)
        .doesNotThrowAnyException();
  }
}
