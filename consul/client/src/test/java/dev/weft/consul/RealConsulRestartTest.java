package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The client against a real Consul that is killed, restarted, emptied, and takes rights away. */
class RealConsulRestartTest {
  private static final String MASTER = "6b1d2b0e-5c0a-4a53-9f0e-3f4f8f1b2c3d";
  private static final String ACLS =
      """
      {"acl":{"enabled":true,"default_policy":"deny","tokens":{"master":"%s","agent":"%s"}}}
      """
          .formatted(MASTER, MASTER);

  /** Within which all is as before once the agent is there again. */
  private static final Duration BACK = Duration.ofSeconds(20);

  @TempDir Path folder;
  private final Seen<ServiceSnapshot> seen = new Seen<>();
  private HttpServer healthy = server();

  @BeforeEach
  void startHealthy() {
    healthy.start();
  }

  @AfterEach
  void stopHealthy() {
    healthy.stop(0);
  }

  @Test
  void keepsTheServiceCallableThroughARestartOfTheAgent() throws IOException {
    try (RealConsul real = RealConsul.start(folder);
        Consul consul = Consul.connect(real.config())) {
      Registration registration = registerAndWatch(consul);
      real.kill();
      seen.await(ServiceSnapshot::stale);
      real.restart();
      seen.await(BACK, now -> !now.stale());
      assertNeverLost();
      registration.close();
      seen.await(Duration.ofSeconds(2), now -> now.instances().isEmpty());
      assertThat(seen.last().stale()).isFalse();
    }
  }

  @Test
  void keepsTheServiceCallableWhenTheAgentLostEverythingAndRegistersItAgain() throws IOException {
    try (RealConsul real = RealConsul.start(folder);
        Consul consul = Consul.connect(real.config())) {
      Registration registration = registerAndWatch(consul);
      real.kill();
      seen.await(ServiceSnapshot::stale);
      real.forget();
      real.restart();
      seen.await(BACK, now -> !now.stale());
      assertNeverLost();
      assertThat(consul.instances("web")).hasSize(1);
      assertThat(registration.state()).isEqualTo(Registration.State.REGISTERED);
      registration.close();
      seen.await(Duration.ofSeconds(2), now -> now.instances().isEmpty());
    }
  }

  @Test
  void whoRunsAndWhoStartsKeepWhatTheyKnowWhileTheAgentIsAwayAndAfterItLostEverything()
      throws IOException, GeneralSecurityException {
    Path kept = folder.resolve("kept-by-api");
    try (RealConsul real = RealConsul.start(folder, "{\"connect\":{\"enabled\":true}}");
        Consul runs = Consul.connect(real.config())) {
      registerAndWatch(runs);
      Heard before = new Heard();
      try (Consul ends = Consul.connect(real.config().withSnapshots(Optional.of(kept)))) {
        before.listenTo(ends);
        await()
            .until(
                () ->
                    Stream.of("service-web.json", "roots.json", "leaf-api.json")
                        .allMatch(file -> Files.exists(kept.resolve(file))));
      }
      real.kill();
      seen.await(ServiceSnapshot::stale);
      try (Consul starts = Consul.connect(real.config().withSnapshots(Optional.of(kept)))) {
        Heard after = new Heard();
        after.listenTo(starts);
        Registration registration = starts.register(instance("api"));

        assertThat(after.web.await(_ -> true).stale()).isTrue();
        assertThat(after.web.last().passing()).hasSize(1);
        assertThat(after.roots.await(_ -> true)).isEqualTo(before.roots.last());
        assertThat(after.leafs.await(_ -> true)).isEqualTo(before.leafs.last());
        assertThat(registration.state()).isEqualTo(Registration.State.PENDING);

        real.forget();
        real.restart();

        seen.await(BACK, now -> !now.stale());
        after.web.await(BACK, now -> !now.stale());
        assertNeverLost();
        assertThat(after.web.all()).allMatch(now -> now.passing().size() == 1);
        await().atMost(BACK).until(() -> runs.instances("api").size() == 1);
        CaRoots roots =
            after.roots.await(BACK, now -> !now.activeId().equals(before.roots.last().activeId()));
        Leaf leaf =
            after.leafs.await(
                BACK, now -> now.uri().toString().contains("//" + roots.trustDomain() + "/"));
        leaf.certificate().verify(roots.active().certificate().getPublicKey());
      }
    }
  }

  /** What a process that calls {@code web} hears. */
  private static final class Heard {
    private final Seen<ServiceSnapshot> web = new Seen<>();
    private final Seen<CaRoots> roots = new Seen<>();
    private final Seen<Leaf> leafs = new Seen<>();

    void listenTo(Consul consul) {
      consul.watchService("web", web);
      consul.ca().watchRoots(roots);
      consul.ca().watchLeaf("api", leafs);
    }
  }

  @Test
  void registersOnceTheAgentComesUp() throws IOException {
    try (RealConsul real = RealConsul.start(folder)) {
      real.kill();
      try (Consul consul = Consul.connect(real.config())) {
        consul.watchService("web", seen);
        Registration registration = consul.register(web());
        assertThat(registration.state()).isEqualTo(Registration.State.PENDING);
        assertThat(seen.await(now -> true).stale()).isTrue();
        real.restart();
        seen.await(BACK, now -> now.passing().size() == 1);
      }
    }
  }

  @Test
  void noticesThatAnInstanceDied() throws IOException {
    try (RealConsul real = RealConsul.start(folder);
        Consul consul = Consul.connect(real.config())) {
      registerAndWatch(consul);
      healthy.stop(0);
      seen.await(now -> now.passing().isEmpty());
      assertThat(seen.last().stale()).isFalse();
      assertThat(seen.last().instances().getFirst().health()).isEqualTo(Health.CRITICAL);
      int port = healthy.getAddress().getPort();
      healthy = server(port);
      healthy.start();
      seen.await(now -> now.passing().size() == 1);
    }
  }

  @Test
  void takesMaintenanceForWhatItIs() throws IOException {
    try (RealConsul real = RealConsul.start(folder);
        Consul consul = Consul.connect(real.config())) {
      Registration registration = registerAndWatch(consul);
      String id = registration.registration().id();
      consul.agent().maintenance(id, true, "deploy");
      seen.await(now -> now.instances().getFirst().health() == Health.MAINTENANCE);
      assertThat(consul.agent().health(id).orElseThrow().health()).isEqualTo(Health.MAINTENANCE);
      consul.agent().maintenance(id, false, "");
      seen.await(now -> now.passing().size() == 1);
    }
  }

  @Test
  void keepsWhatItKnowsWhenItsTokenLosesItsRights() throws IOException {
    String[] master = {"X-Consul-Token", MASTER};
    try (RealConsul real = RealConsul.start(folder, ACLS, master)) {
      real.call(
          "PUT",
          "/v1/acl/policy",
          """
          {"Name":"mesh","Rules":"service_prefix \\"\\" {policy=\\"write\\"} node_prefix \\"\\" {policy=\\"read\\"}"}
          """,
          master);
      String policy = field(real.call("GET", "/v1/acl/policies", "", master), "ID", "mesh");
      String token =
          field(
              real.call("PUT", "/v1/acl/token", "{\"Policies\":[{\"Name\":\"mesh\"}]}", master),
              "SecretID",
              "");
      try (Consul consul = Consul.connect(real.config(Optional.of(token)))) {
        registerAndWatch(consul);
        real.call(
            "PUT",
            "/v1/acl/policy/" + policy,
            "{\"Name\":\"mesh\",\"Rules\":\"key_prefix \\\"\\\" {policy=\\\"read\\\"}\"}",
            master);
        // Wakes the watch, whose answer is now 200, empty, and has a higher index.
        real.call(
            "PUT",
            "/v1/agent/service/register",
            "{\"ID\":\"web-2\",\"Name\":\"web\",\"Port\":2}",
            master);
        seen.await(ServiceSnapshot::stale);
        assertThat(consul.instances("web")).isEmpty();
        assertNeverLost();
      }
    }
  }

  private Registration registerAndWatch(Consul consul) {
    consul.watchService("web", seen);
    Registration registration = consul.register(web());
    seen.await(now -> now.passing().size() == 1);
    return registration;
  }

  private void assertNeverLost() {
    List<ServiceSnapshot> sinceItPassed =
        seen.all().stream().dropWhile(now -> now.passing().isEmpty()).toList();
    assertThat(sinceItPassed).isNotEmpty().allMatch(now -> !now.passing().isEmpty());
  }

  private ServiceRegistration web() {
    return instance("web");
  }

  private ServiceRegistration instance(String service) {
    Check.Probe probe =
        new Check.Probe.Http(
            URI.create("http://127.0.0.1:" + healthy.getAddress().getPort() + "/"),
            Check.Probe.DEFAULT_INTERVAL,
            Check.Probe.DEFAULT_TIMEOUT);
    return ServiceRegistration.grpc(service, "127.0.0.1", healthy.getAddress().getPort(), "")
        .withChecks(List.of(Check.of(service + ":http", probe)));
  }

  private static HttpServer server() {
    try {
      return server(0);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static HttpServer server(int port) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 16);
    server.createContext(
        "/",
        exchange -> {
          exchange.sendResponseHeaders(204, -1);
          exchange.close();
        });
    return server;
  }

  /** The field of the answer, or of the element of the answer with that name. */
  private static String field(String body, String field, String name) {
    var json = com.google.gson.JsonParser.parseString(body);
    if (json.isJsonObject()) {
      return json.getAsJsonObject().get(field).getAsString();
    }
    return json.getAsJsonArray().asList().stream()
        .map(com.google.gson.JsonElement::getAsJsonObject)
        .filter(element -> element.get("Name").getAsString().equals(name))
        .map(element -> element.get(field).getAsString())
        .findFirst()
        .orElseThrow();
  }
}
