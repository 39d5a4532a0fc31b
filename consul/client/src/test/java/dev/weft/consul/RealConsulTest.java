package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Server;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The client against a real Consul that stays up. */
class RealConsulTest {
  @TempDir static Path folder;
  private static RealConsul real;
  private Consul consul;

  @BeforeAll
  static void start() throws IOException {
    real = RealConsul.start(folder);
  }

  @AfterAll
  static void stop() {
    if (real != null) {
      real.close();
    }
  }

  @BeforeEach
  void connect() {
    consul = Consul.connect(real.config());
  }

  @AfterEach
  void disconnect() {
    consul.close();
  }

  @Test
  void watchesAServiceFromRegistrationToDeregistration() {
    Seen<ServiceSnapshot> seen = new Seen<>();
    consul.watchService("watched", seen);
    seen.await(now -> now.instances().isEmpty());
    try (Registration registration = consul.register(ttl("watched", 29_001))) {
      assertThat(registration.state()).isEqualTo(Registration.State.REGISTERED);
      seen.await(now -> now.instances().size() == 1);
      assertThat(seen.last().passing()).isEmpty();
      consul.agent().report("watched-29001:ttl", Health.PASSING, "fine");
      seen.await(now -> now.passing().size() == 1);
      ServiceInstance instance = seen.last().passing().getFirst();
      assertThat(instance.host()).isEqualTo("127.0.0.1");
      assertThat(instance.port()).isEqualTo(29_001);
      assertThat(instance.meta()).containsEntry("version", "v1");
      assertThat(instance.weights()).isEqualTo(new Weights(10, 1));
      assertThat(instance.tags()).containsExactly("a");
      assertThat(seen.last().stale()).isFalse();
    }
    seen.await(Duration.ofSeconds(2), now -> now.instances().isEmpty());
    assertThat(seen.last().stale()).isFalse();
  }

  @Test
  void watchesTheCatalog() {
    Seen<Map<String, List<String>>> seen = new Seen<>();
    consul.watchServices(seen);
    seen.await(now -> now.containsKey("consul"));
    try (Registration registration = consul.register(ttl("listed", 29_002))) {
      seen.await(now -> now.getOrDefault("listed", List.of()).contains("a"));
      assertThat(consul.services()).containsKey("listed");
      assertThat(registration.lastFailure()).isEmpty();
    }
    seen.await(now -> !now.containsKey("listed"));
  }

  @Test
  void keepsKeys() {
    Kv kv = consul.kv();
    Seen<Optional<KvEntry>> one = new Seen<>();
    Seen<List<KvEntry>> all = new Seen<>();
    kv.watch("t/a b", one);
    kv.watchAll("t/", all);
    assertThat(kv.get("t/a b")).isEmpty();
    assertThat(kv.cas("t/a b", "1".getBytes(StandardCharsets.UTF_8), 0)).isTrue();
    assertThat(kv.cas("t/a b", "2".getBytes(StandardCharsets.UTF_8), 0)).isFalse();
    KvEntry first = kv.get("t/a b").orElseThrow();
    assertThat(first.text()).isEqualTo("1");
    kv.put("t/c", "ü");
    assertThat(kv.list("t/")).extracting(KvEntry::text).containsExactly("1", "ü");
    assertThat(kv.keys("t/")).containsExactly("t/a b", "t/c");
    one.await(Optional::isPresent);
    all.await(now -> now.size() == 2);
    assertThat(kv.deleteCas("t/a b", first.modifyIndex() - 1)).isFalse();
    assertThat(kv.deleteCas("t/a b", first.modifyIndex())).isTrue();
    one.await(Optional::isEmpty);
    all.await(now -> now.size() == 1);
    kv.deleteAll("t/");
    all.await(List::isEmpty);
    assertThat(kv.list("t/")).isEmpty();
  }

  @Test
  void followsTheGrpcHealthOfTheService() throws IOException {
    HealthStatusManager health = new HealthStatusManager();
    Server server =
        NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
            .addService(health.getHealthService())
            .build()
            .start();
    Seen<ServiceSnapshot> seen = new Seen<>();
    consul.watchService("grpc-svc", seen);
    health.setStatus("shop.v1.Grpc", ServingStatus.SERVING);
    try (Registration registration =
        consul.register(
            ServiceRegistration.grpc("grpc-svc", "127.0.0.1", server.getPort(), "shop.v1.Grpc"))) {
      seen.await(now -> now.passing().size() == 1);
      CheckResult check =
          seen.last().passing().getFirst().checks().stream()
              .filter(result -> result.id().endsWith(":grpc"))
              .findFirst()
              .orElseThrow();
      assertThat(check.output()).contains("success");
      assertThat(check.type()).isEqualTo("grpc");
      health.setStatus("shop.v1.Grpc", ServingStatus.NOT_SERVING);
      seen.await(now -> now.passing().isEmpty());
      assertThat(seen.last().stale()).isFalse();
      assertThat(consul.agent().health(registration.registration().id()).orElseThrow().health())
          .isEqualTo(Health.CRITICAL);
    } finally {
      server.shutdownNow();
    }
  }

  @Test
  void tellsWhoTheAgentIs() {
    assertThat(consul.agent().self().node()).isEqualTo("test");
    assertThat(consul.agent().leader()).isPresent();
  }

  private static ServiceRegistration ttl(String name, int port) {
    String id = name + "-" + port;
    return ServiceRegistration.grpc(name, "127.0.0.1", port, "")
        .withId(id)
        .withTags("a")
        .withMeta(ServiceRegistration.META_VERSION, "v1")
        .withWeights(new Weights(10, 1))
        .withChecks(List.of(Check.of(id + ":ttl", new Check.Probe.Ttl(Duration.ofSeconds(30)))));
  }
}
