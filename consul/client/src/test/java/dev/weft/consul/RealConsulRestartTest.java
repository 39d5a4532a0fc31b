package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.AppenderBase;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.slf4j.LoggerFactory;

/** The client against a real Consul that is killed, restarted, emptied, and takes rights away. */
class RealConsulRestartTest {
  private static final String MASTER = "6b1d2b0e-5c0a-4a53-9f0e-3f4f8f1b2c3d";
  private static final String ACLS =
      """
      {"acl":{"enabled":true,"default_policy":"deny","tokens":{"master":"%s","agent":"%s"}}}
      """
          .formatted(MASTER, MASTER);
  private static final String[] ADMINISTRATOR = {"X-Consul-Token", MASTER};

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
            .atMost(Duration.ofSeconds(60))
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

  @ParameterizedTest
  @CsvSource({"node_prefix, ''", "service_prefix, ''", "node_prefix, service_prefix"})
  void keepsWhatItKnowsForAsLongAsItsTokenLacksARight(String lost, String lostToo)
      throws IOException {
    Path kept = folder.resolve("kept");
    Clock clock = new Clock();
    try (RealConsul real = RealConsul.start(folder, ACLS, ADMINISTRATOR)) {
      Token token = new Token(real);
      ConsulConfig config =
          real.config(Optional.of(token.secret())).withSnapshots(Optional.of(kept));
      try (Consul consul = Consul.connect(config, clock)) {
        registerAndWatch(consul);
        Path file = kept.resolve("service-web.json");
        await().until(() -> Files.exists(file));
        final String before = Files.readString(file);

        token.take(lost, lostToo);
        // Wakes the watch, whose answer is now 200, empty, and has a higher index.
        real.call(
            "PUT",
            "/v1/agent/service/register",
            "{\"ID\":\"web-2\",\"Name\":\"web\",\"Port\":2}",
            ADMINISTRATOR);
        seen.await(ServiceSnapshot::stale);
        assertThat(consul.instances("web")).isEmpty();
        clock.passBeyond(LastKnown.RETENTION);

        assertThat(seen.last().stale()).isTrue();
        assertNeverLost();
        assertThat(Files.readString(file)).isEqualTo(before);
        assertWhoStartsNowKnowsIt(config);

        token.giveBack();
        seen.await(BACK, now -> !now.stale() && now.passing().size() == 2);
        assertNeverLost();
        await().until(() -> !Files.readString(file).equals(before));
        real.call("PUT", "/v1/agent/service/deregister/web-2", "", ADMINISTRATOR);
        seen.await(now -> now.instances().size() == 1);
        assertThat(seen.last().stale()).isFalse();
      }
    }
  }

  @Test
  void keepsTheKeysAndEntriesThatItsTokenMayNoLongerRead() throws IOException {
    Logged logged = new Logged();
    try (RealConsul real = RealConsul.start(folder, ACLS, ADMINISTRATOR)) {
      Token token = new Token(real);
      try (Consul consul = Consul.connect(real.config(Optional.of(token.secret())))) {
        Seen<List<KvEntry>> keys = new Seen<>();
        Seen<List<ConfigEntry>> entries = new Seen<>();
        AtomicInteger written = new AtomicInteger();
        write(real, written.incrementAndGet());
        consul.kv().watchAll("t/", keys);
        consul.configEntries().watchAll("service-defaults", entries);
        keys.await(now -> now.size() == 1);
        entries.await(now -> now.size() == 1);

        token.take("key_prefix", "service_prefix");
        await()
            .atMost(BACK)
            .until(
                () -> {
                  // The first one wakes queries that began with the rights there were.
                  write(real, written.incrementAndGet());
                  return logged.says("/v1/kv/t/?recurse cannot be watched")
                      && logged.says("/v1/config/service-defaults cannot be watched");
                });
        assertThat(consul.kv().list("t/")).isEmpty();
        assertThat(consul.configEntries().list("service-defaults")).isEmpty();

        token.giveBack();
        keys.await(BACK, now -> now.size() == written.get());
        entries.await(BACK, now -> now.size() == written.get());
        assertThat(keys.all()).noneMatch(List::isEmpty);
        assertThat(entries.all()).noneMatch(List::isEmpty);
      }
    } finally {
      logged.stop();
    }
  }

  private static void write(RealConsul real, int number) {
    real.call("PUT", "/v1/kv/t/" + number, "x", ADMINISTRATOR);
    real.call(
        "PUT",
        "/v1/config",
        "{\"Kind\":\"service-defaults\",\"Name\":\"s%d\",\"Protocol\":\"grpc\"}".formatted(number),
        ADMINISTRATOR);
  }

  /** What watches log. */
  private static final class Logged {
    private final Logger log = (Logger) LoggerFactory.getLogger(Watch.class);
    private final Queue<String> lines = new ConcurrentLinkedQueue<>();
    private final AppenderBase<ILoggingEvent> appender =
        new AppenderBase<>() {
          @Override
          protected void append(ILoggingEvent event) {
            lines.add(event.getFormattedMessage());
          }
        };

    Logged() {
      appender.start();
      log.addAppender(appender);
    }

    boolean says(String text) {
      return lines.stream().anyMatch(line -> line.contains(text));
    }

    void stop() {
      log.detachAppender(appender);
    }
  }

  /** A process that begins with what the earlier one has kept. */
  private void assertWhoStartsNowKnowsIt(ConsulConfig config) {
    Seen<ServiceSnapshot> later = new Seen<>();
    try (Consul starts = Consul.connect(config)) {
      starts.watchService("web", later);
      assertThat(later.await(_ -> true).stale()).isTrue();
      assertThat(later.last().passing()).hasSize(1);
    }
  }

  /** A token of a Consul that denies by default, whose rights come and go. */
  private static final class Token {
    private static final List<String> ALL =
        List.of("service_prefix", "node_prefix", "key_prefix", "agent_prefix");

    private final RealConsul real;
    private final String policy;

    Token(RealConsul real) {
      this.real = real;
      policy = field(real.call("PUT", "/v1/acl/policy", body(ALL), ADMINISTRATOR), "ID");
    }

    String secret() {
      return field(
          real.call("PUT", "/v1/acl/token", "{\"Policies\":[{\"Name\":\"mesh\"}]}", ADMINISTRATOR),
          "SecretID");
    }

    void take(String... lost) {
      List<String> left = new ArrayList<>(ALL);
      left.removeAll(List.of(lost));
      set(left);
    }

    void giveBack() {
      set(ALL);
    }

    private void set(List<String> rules) {
      real.call("PUT", "/v1/acl/policy/" + policy, body(rules), ADMINISTRATOR);
    }

    private static String body(List<String> rules) {
      JsonObject policy = new JsonObject();
      policy.addProperty("Name", "mesh");
      policy.addProperty(
          "Rules",
          rules.stream()
              .map(rule -> rule + " \"\" { policy = \"write\" }")
              .collect(Collectors.joining("\n")));
      return policy.toString();
    }

    private static String field(String body, String field) {
      return JsonParser.parseString(body).getAsJsonObject().get(field).getAsString();
    }
  }

  /** A clock that stands still but for what a test lets pass, and knows how often it is read. */
  private static final class Clock implements LongSupplier {
    private final AtomicLong nanos = new AtomicLong();
    private final AtomicInteger read = new AtomicInteger();

    @Override
    public long getAsLong() {
      read.incrementAndGet();
      return nanos.get();
    }

    /** Returns after a poll that began later, which reads it, and before the end of the next. */
    void passBeyond(Duration time) {
      nanos.addAndGet(time.multipliedBy(2).toNanos());
      int before = read.get();
      await().atMost(BACK).until(() -> read.get() >= before + 4);
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
}
