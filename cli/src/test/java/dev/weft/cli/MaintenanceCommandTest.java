package dev.weft.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** {@code ./weft maintenance} against what answers as the registry does. */
final class MaintenanceCommandTest {
  private static final String REGISTERED =
      """
      {"a": {"ID": "other", "Service": "user-svc", "Port": 9112},
       "b": {"ID": "order-1", "Service": "order-svc", "Port": 9102},
       "c": {"ID": "order/2", "Service": "order-svc", "Port": 9112}}
      """;

  @TempDir private Path folder;
  private final List<String> changes = new CopyOnWriteArrayList<>();
  private HttpServer registry;
  private final Map<String, String> environment = new HashMap<>();
  private volatile int status = 200;
  private volatile String wanted = "";
  private volatile String registered = REGISTERED;

  @BeforeEach
  void start() throws IOException {
    registry = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    registry.createContext("/", this::answer);
    registry.start();
  }

  @AfterEach
  void stop() {
    registry.stop(0);
  }

  private void answer(HttpExchange exchange) throws IOException {
    try (exchange) {
      boolean asks = exchange.getRequestURI().getPath().equals("/v1/agent/services");
      if (!asks) {
        changes.add(exchange.getRequestMethod() + " " + exchange.getRequestURI());
      }
      String token = exchange.getRequestHeaders().getFirst("X-Consul-Token");
      boolean knows = wanted.isEmpty() || wanted.equals(token);
      // A list without what may not be seen, and a refusal: as Consul does.
      byte[] body = (!asks ? "because" : knows ? registered : "{}").getBytes(UTF_8);
      exchange.sendResponseHeaders(asks ? 200 : knows ? status : 403, body.length);
      exchange.getResponseBody().write(body);
    }
  }

  /** A system of two instances of a service and one of another, which is not registered. */
  private String running() {
    StateDir dir = new StateDir(folder).create();
    ProcessHandle self = ProcessHandle.current();
    long started = self.info().startInstant().orElseThrow().toEpochMilli();
    new SystemState(
            new SystemState.Running("supervisor", self.pid(), started, "ready", 0, 0, 0),
            true,
            false,
            false,
            List.of(
                new SystemState.Running("order-svc", 1, 0, "ready", 9102, 0, 0),
                new SystemState.Running("order-svc-2", 2, 0, "ready", 9112, 0, 0),
                new SystemState.Running("payment-svc", 3, 0, "ready", 9103, 0, 0)),
            Map.of("registry", "http://127.0.0.1:" + registry.getAddress().getPort()))
        .write(dir);
    return dir.path().toString();
  }

  @Test
  void theRegistryIsToldOfThatInstanceAlone() {
    String state = running();

    Said on = run("order-svc-2", "on", "--reason", "new disk", "--state", state);
    Said off = run("order-svc-2", "off", "--state", state);

    assertThat(on.exitCode()).as(on.err()).isZero();
    assertThat(on.out()).isEqualTo("weft: order-svc-2 is out of service\n");
    assertThat(off.exitCode()).as(off.err()).isZero();
    assertThat(off.out()).isEqualTo("weft: order-svc-2 is in service again\n");
    String path = "PUT /v1/agent/service/maintenance/order%2F2?enable=";
    assertThat(changes)
        .containsExactly(
            path + "true&reason=new%20disk", path + "false&reason=.%2Fweft%20maintenance");
  }

  @Test
  void saysWhatItCannotDoAndChangesNothing() {
    assertThat(run("order-svc", "on", "--state", folder.toString()))
        .isEqualTo(new Said(3, "", "weft: not running\n"));
    String state = running();
    assertThat(run("order-svc-3", "on", "--state", state))
        .isEqualTo(new Said(2, "", "weft: order-svc-3: no such process; see ./weft status\n"));
    assertThat(run("order-svc", "away", "--state", state).exitCode()).isEqualTo(2);
    assertThat(run("payment-svc", "on", "--state", state))
        .isEqualTo(new Said(1, "", "weft: payment-svc is not in the registry\n"));
    registered = "<html>";
    assertThat(run("order-svc", "on", "--state", state).err())
        .startsWith("weft: the registry answers no JSON: ");
    assertThat(changes).isEmpty();
  }

  @Test
  void saysWhyTheRegistryRefuses() {
    String state = running();
    status = 403;
    assertThat(run("order-svc", "on", "--state", state))
        .isEqualTo(new Said(1, "", "weft: the registry refuses: because\n"));
    registry.stop(0);
    assertThat(run("order-svc", "on", "--state", state).err())
        .startsWith("weft: the registry does not answer: ");
  }

  @Test
  void theRegistryIsShownTheTokenOfTheServiceUnlessAnotherIsSaid() throws IOException {
    String state = running();
    wanted = "of-order-svc";
    assertThat(run("order-svc", "on", "--state", state).err())
        .isEqualTo("weft: order-svc is not in the registry\n");

    environment.put("WEFT_CONSUL_TOKENS_DIR", folder.toString());
    assertThat(run("order-svc", "on", "--state", state).err())
        .startsWith("weft: the file of Consul's token cannot be read: ");
    Files.writeString(folder.resolve("order-svc"), "of-order-svc\n");
    assertThat(run("order-svc", "on", "--state", state).exitCode()).isZero();

    environment.put("CONSUL_HTTP_TOKEN", "of-somebody");
    assertThat(run("order-svc", "off", "--state", state).exitCode()).isOne();
    wanted = "of-somebody";
    assertThat(run("order-svc", "off", "--state", state).exitCode()).isZero();
    assertThat(changes).hasSize(2);
  }

  private record Said(int exitCode, String out, String err) {}

  private Said run(String... arguments) {
    var err = new StringWriter();
    var bytes = new ByteArrayOutputStream();
    PrintStream before = System.out;
    System.setOut(new PrintStream(bytes, true, UTF_8));
    try {
      CommandLine command = Weft.commandLine(environment).setErr(new PrintWriter(err, true));
      List<String> all = new ArrayList<>(List.of("maintenance"));
      all.addAll(List.of(arguments));
      int exit = command.execute(all.toArray(String[]::new));
      return new Said(exit, bytes.toString(UTF_8), err.toString());
    } finally {
      System.setOut(before);
    }
  }
}
