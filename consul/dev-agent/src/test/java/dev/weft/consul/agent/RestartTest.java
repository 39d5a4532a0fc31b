package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.Consul;
import dev.weft.consul.ConsulConfig;
import dev.weft.consul.Registration;
import dev.weft.consul.ServiceRegistration;
import dev.weft.consul.ServiceSnapshot;
import dev.weft.consul.Subscription;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is there again after a restart, and what follows the agent through one. */
final class RestartTest {
  @TempDir Path folder;

  private Path dataDir() {
    return folder.resolve("agent");
  }

  private DevAgent start() throws IOException {
    return DevAgent.start(DevAgentConfig.inMemory().withDataDir(dataDir()));
  }

  private static Api api(DevAgent agent) {
    return new Api(agent.url());
  }

  @Test
  void bringsServicesChecksMaintenanceAndKeysBack() throws IOException {
    Object services;
    Object checks;
    Object keys;
    Object node;
    long index;
    try (DevAgent agent = start();
        Api api = api(agent)) {
      api.register(
              """
              {"ID":"s-1","Name":"s","Address":"127.0.0.1","Port":7,"Tags":["a"],"Meta":{"version":"v1"},
               "Weights":{"Passing":10,"Warning":2},"Connect":{"Native":true},
               "Checks":[{"CheckID":"s:ttl","TTL":"60s","DeregisterCriticalServiceAfter":"2m"},
                {"CheckID":"s:tcp","TCP":"127.0.0.1:1","Interval":"10m","Notes":"n"},
                {"CheckID":"s:http","HTTP":"http://127.0.0.1:1/","Interval":"10m","Header":{"h":["1"]}},
                {"CheckID":"s:grpc","GRPC":"127.0.0.1:1/x","Interval":"10m","Timeout":"1s"}]}\
              """)
          .isOk();
      await()
          .untilAsserted(
              () ->
                  assertThat(api.get("/v1/agent/checks").body())
                      .contains("dial tcp 127.0.0.1:1", "GET \\\"http://", "rpc error"));
      api.put("/v1/agent/check/pass/s:ttl?note=well").isOk();
      api.put("/v1/agent/service/maintenance/s-1?enable=true&reason=deploy").isOk();
      api.put("/v1/kv/a/b?flags=18446744073709551615", new byte[] {0, (byte) 0xff}).isOk();
      services = api.get("/v1/agent/services").json();
      checks = api.get("/v1/agent/checks").json();
      keys = api.get("/v1/kv/?recurse").json();
      node = api.get("/v1/agent/self").at("Config", "NodeID");
      index = api.get("/v1/health/service/s").index();
    }
    try (DevAgent agent = start();
        Api api = api(agent)) {
      assertThat(api.get("/v1/agent/services").json()).isEqualTo(services);
      assertThat(api.get("/v1/agent/checks").json()).isEqualTo(checks);
      assertThat(api.get("/v1/kv/?recurse").json()).isEqualTo(keys);
      assertThat(api.get("/v1/agent/self").at("Config", "NodeID")).isEqualTo(node);
      assertThat(api.get("/v1/health/service/s").index()).isGreaterThanOrEqualTo(index);
      assertThat(api.get("/v1/agent/health/service/id/s-1").at("AggregatedStatus"))
          .isEqualTo("maintenance");
    }
  }

  @Test
  void bringsConfigEntriesOfEveryKindBackAndTheirChain() throws IOException {
    List<String> entries =
        List.of(
            """
            {"Kind":"proxy-defaults","Name":"global","Config":{"protocol":"http","n":{"share":0.5}},
             "MeshGateway":{"Mode":"local"},"Meta":{"a":"b"}}\
            """,
            """
            {"Kind":"service-resolver","Name":"web","DefaultSubset":"v1","ConnectTimeout":"1500ms",
             "Subsets":{"v1":{"Filter":"Service.Meta.version == v1","OnlyPassing":true}},
             "Failover":{"*":{"Service":"api","Datacenters":["dc2"]}},"Meta":{"a":"b"}}\
            """,
            """
            {"Kind":"service-resolver","Name":"api","Redirect":{"Service":"old"}}\
            """,
            """
            {"Kind":"service-splitter","Name":"web","Splits":[{"Weight":99.95},{"Weight":0.05,"Service":"api"}]}\
            """,
            """
            {"Kind":"service-router","Name":"web","Routes":[{},
             {"Match":{"HTTP":{"PathPrefix":"/a","Methods":["GET"],
               "Header":[{"Name":"x","Present":true,"Invert":true}],"QueryParam":[{"Name":"q","Exact":"1"}]}},
              "Destination":{"Service":"api","RequestTimeout":"1m","NumRetries":2,"RetryOnStatusCodes":[503]}}]}\
            """);
    List<String> kinds =
        List.of("proxy-defaults", "service-resolver", "service-splitter", "service-router");
    List<String> before;
    String chain;
    try (DevAgent agent = start();
        Api api = api(agent)) {
      entries.forEach(entry -> api.put("/v1/config", entry).isOk());
      before = kinds.stream().map(kind -> api.get("/v1/config/" + kind).isOk().body()).toList();
      chain = api.get("/v1/discovery-chain/web").isOk().body();
    }
    try (DevAgent agent = start();
        Api api = api(agent)) {
      assertThat(kinds.stream().map(kind -> api.get("/v1/config/" + kind).isOk().body()))
          .containsExactlyElementsOf(before);
      assertThat(api.get("/v1/discovery-chain/web").isOk().body()).isEqualTo(chain);
    }
  }

  @Test
  void hasEveryAnsweredChangeAfterACrashAndNoIndexThatGoesBackwards() throws IOException {
    try (DevAgent agent = start();
        Api api = api(agent)) {
      long index = 0;
      for (int i = 0; i < 20; i++) {
        api.registerTtl("s", "s-" + i, "passing");
        api.put("/v1/kv/k", String.valueOf(i)).isOk();
        Path crashed = Files.createDirectory(folder.resolve("crashed-" + i));
        Files.copy(dataDir().resolve("state.json"), crashed.resolve("state.json"));
        index = api.get("/v1/kv/k").index();
      }
      DevAgentConfig last = DevAgentConfig.inMemory().withDataDir(folder.resolve("crashed-19"));
      try (DevAgent next = DevAgent.start(last);
          Api after = api(next)) {
        assertThat(after.get("/v1/kv/k?raw").body()).isEqualTo("19");
        assertThat(after.get("/v1/agent/services").names()).hasSize(20);
        assertThat(after.get("/v1/kv/k").index()).isGreaterThan(index);
      }
    }
  }

  @Test
  void movesAStateThatMakesNoSenseAsideAndStartsEmpty() throws IOException {
    for (String nonsense :
        List.of(
            "",
            "{\"Format\":1,\"Index\":7",
            "{\"Format\":9,\"Index\":1,\"Node\":\"n\"}",
            "{\"Format\":1,\"Index\":1,\"Node\":\"n\",\"Services\":[{\"Registration\":{}}]}")) {
      Path data = Files.createTempDirectory(folder, "nonsense");
      Files.writeString(data.resolve("state.json"), nonsense);
      try (DevAgent agent = DevAgent.start(DevAgentConfig.inMemory().withDataDir(data));
          Api api = api(agent)) {
        assertThat(api.get("/v1/agent/services").isOk().names()).isEmpty();
        assertThat(api.get("/v1/health/service/s").index())
            .as("higher than any index of an earlier run")
            .isGreaterThan(1_000_000_000);
      }
      try (Stream<Path> files = Files.list(data)) {
        assertThat(files.filter(file -> file.toString().contains("state.json.corrupt-")))
            .singleElement()
            .satisfies(aside -> assertThat(aside).hasContent(nonsense));
      }
    }
  }

  @Test
  void refusesTheDirectoryOfAnAgentThatRuns() throws IOException {
    try (DevAgent _ = start()) {
      assertThatThrownBy(this::start)
          .isInstanceOf(IOException.class)
          .hasMessage(dataDir() + " is in use by another agent");
    }
    start().close();
  }

  @Test
  void saysSoWhenItCannotKeepAChangeAndGoesOnWhenItCan() throws IOException {
    Path away = folder.resolve("away");
    try (DevAgent agent = start();
        Api api = api(agent)) {
      Files.move(dataDir(), away);
      Api.Answer lost = api.put("/v1/kv/k", "1");
      assertThat(lost.status()).isEqualTo(500);
      assertThat(lost.body()).startsWith("the agent cannot write its state: ");
      Files.move(away, dataDir());
      api.put("/v1/kv/k", "2").isOk();
    }
    try (DevAgent agent = start();
        Api api = api(agent)) {
      assertThat(api.get("/v1/kv/k?raw").isOk().body()).isEqualTo("2");
    }
  }

  @Test
  void keepsItsFilesToItsOwner() throws IOException {
    try (DevAgent agent = start();
        Api api = api(agent)) {
      api.put("/v1/kv/secret", "1").isOk();
      assertThat(permissions(dataDir())).isEqualTo("rwx------");
      assertThat(permissions(dataDir().resolve("state.json"))).isEqualTo("rw-------");
    }
  }

  private static String permissions(Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }

  @Test
  void answersWhoWaitsBeforeItStops() throws Exception {
    DevAgent agent = start();
    try (Api api = api(agent)) {
      long index = api.get("/v1/catalog/services").index();
      Api.Pending waiting = api.after("/v1/catalog/services", index);
      waiting.sleepsFor(Duration.ofMillis(200));
      agent.close();
      assertThat(waiting.wakes().isOk().index()).isEqualTo(index);
    }
  }

  @Test
  void isFollowedByClientsThroughARestartThatForgetsEverything() throws Exception {
    DevAgent agent = DevAgent.start(DevAgentConfig.inMemory());
    int port = agent.address().getPort();
    Latest<ServiceSnapshot> seen = new Latest<>(new ServiceSnapshot("s", List.of(), true));
    Latest<Map<String, List<String>>> names = new Latest<>(Map.of());
    try (HealthServer server = new HealthServer();
        Consul consul = Consul.connect(ConsulConfig.of("127.0.0.1:" + port, Optional.empty()));
        Subscription _ = consul.watchService("s", seen);
        Subscription _ = consul.watchServices(names);
        Registration _ =
            consul.register(ServiceRegistration.grpc("s", "127.0.0.1", server.port(), ""))) {
      await().untilAsserted(() -> assertThat(seen.get().passing()).hasSize(1));
      agent.close();
      await().until(() -> seen.get().stale());
      assertThat(seen.get().passing()).as("last known good").hasSize(1);
      agent = DevAgent.start(DevAgentConfig.inMemory().withPort(port));
      await()
          .atMost(Duration.ofSeconds(20))
          .untilAsserted(
              () -> {
                assertThat(seen.get().passing()).hasSize(1);
                assertThat(seen.get().stale()).isFalse();
                assertThat(names.get()).containsKey("s");
              });
    } finally {
      agent.close();
    }
  }
}
