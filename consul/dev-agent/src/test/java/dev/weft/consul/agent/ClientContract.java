package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.consul.CaRoots;
import dev.weft.consul.Check;
import dev.weft.consul.ConfigEntry;
import dev.weft.consul.Consul;
import dev.weft.consul.ConsulConfig;
import dev.weft.consul.Health;
import dev.weft.consul.Intention;
import dev.weft.consul.Intention.Action;
import dev.weft.consul.IntentionMatch;
import dev.weft.consul.KvEntry;
import dev.weft.consul.Leaf;
import dev.weft.consul.Registration;
import dev.weft.consul.ServiceInstance;
import dev.weft.consul.ServiceRegistration;
import dev.weft.consul.ServiceSnapshot;
import dev.weft.consul.Subscription;
import dev.weft.consul.Weights;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import java.nio.charset.StandardCharsets;
import java.security.Signature;
import java.time.Duration;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** That our own client and the agent understand each other. */
interface ClientContract extends Contract {
  private Consul connect() {
    return Consul.connect(ConsulConfig.of(api().address().getAuthority(), Optional.empty()));
  }

  @Test
  default void followsAServiceFromItsRegistrationToItsEnd() throws Exception {
    String name = unique("followed");
    Latest<ServiceSnapshot> seen = new Latest<>(new ServiceSnapshot(name, List.of(), true));
    try (HealthServer server = new HealthServer();
        Consul consul = connect();
        Subscription _ = consul.watchService(name, seen)) {
      await().until(() -> !seen.get().stale());
      assertThat(seen.get().instances()).isEmpty();
      server.set("shop.Followed", ServingStatus.SERVING);
      int port = server.port();
      ServiceRegistration wanted =
          ServiceRegistration.grpc(name, "127.0.0.1", port, "shop.Followed")
              .withTags("v1")
              .withMeta(ServiceRegistration.META_VERSION, "1.4.0")
              .withWeights(new Weights(10, 1))
              .withConnectNative();
      try (Registration registration = consul.register(wanted)) {
        assertThat(registration.state()).isEqualTo(Registration.State.REGISTERED);
        await()
            .untilAsserted(
                () ->
                    assertThat(seen.get().passing())
                        .singleElement()
                        .satisfies(
                            instance -> {
                              assertThat(instance.id()).isEqualTo(wanted.id());
                              assertThat(instance.host()).isEqualTo("127.0.0.1");
                              assertThat(instance.port()).isEqualTo(port);
                              assertThat(instance.tags()).containsExactly("v1");
                              assertThat(instance.meta())
                                  .containsEntry("version", "1.4.0")
                                  .containsEntry("protocol", "grpc");
                              assertThat(instance.weights()).isEqualTo(new Weights(10, 1));
                              assertThat(instance.datacenter()).isEqualTo("dc1");
                            }));
        server.set("shop.Followed", ServingStatus.NOT_SERVING);
        await().untilAsserted(() -> assertThat(health(seen)).containsExactly(Health.CRITICAL));
        consul.agent().maintenance(wanted.id(), true, "deploy");
        await().untilAsserted(() -> assertThat(health(seen)).containsExactly(Health.MAINTENANCE));
        consul.agent().maintenance(wanted.id(), false, "");
        server.set("shop.Followed", ServingStatus.SERVING);
        await().untilAsserted(() -> assertThat(health(seen)).containsExactly(Health.PASSING));
      }
      await().untilAsserted(() -> assertThat(seen.get().instances()).isEmpty());
    }
  }

  private static List<Health> health(Latest<ServiceSnapshot> seen) {
    return seen.get().instances().stream().map(ServiceInstance::health).toList();
  }

  @Test
  default void followsMoreServicesThanItHasConnections() throws Exception {
    List<String> names = IntStream.range(0, 60).mapToObj(i -> unique("many" + i)).toList();
    Map<String, Latest<ServiceSnapshot>> seen = new LinkedHashMap<>();
    try (Consul consul = connect();
        Consul other = connect()) {
      for (String name : names) {
        Latest<ServiceSnapshot> latest = new Latest<>(new ServiceSnapshot(name, List.of(), true));
        seen.put(name, latest);
        var _ = consul.watchService(name, latest);
      }
      awaitAll(seen.values(), now -> !now.stale());

      List<Registration> registrations =
          names.stream().map(name -> other.register(ttl(name))).toList();
      awaitAll(seen.values(), now -> now.instances().size() == 1);
      // Names that are known: nothing but the index of their list says that these come and go.
      List<Registration> more =
          names.stream()
              .map(name -> other.register(ttl(name).withId(name + "-2").withChecks(List.of())))
              .toList();
      awaitAll(seen.values(), now -> now.instances().size() == 2);
      more.forEach(Registration::close);
      awaitAll(seen.values(), now -> now.instances().size() == 1);
      names.forEach(name -> other.agent().report(name + ":ttl", Health.PASSING, "well"));
      awaitAll(seen.values(), now -> now.passing().size() == 1);
      names.forEach(name -> other.agent().report(name + ":ttl", Health.WARNING, "slow"));
      awaitAll(seen.values(), now -> now.instances().getFirst().health().equals(Health.WARNING));
      registrations.forEach(Registration::close);
      awaitAll(seen.values(), now -> now.instances().isEmpty());
    }
  }

  @Test
  default void hearsOfFailuresThatNobodyExplains() throws Exception {
    String name = unique("unexplained");
    Latest<ServiceSnapshot> seen = new Latest<>(new ServiceSnapshot(name, List.of(), true));
    try (Consul consul = connect();
        Subscription _ = consul.watchService(name, seen);
        Registration _ = consul.register(ttl(name))) {
      consul.agent().report(name + ":ttl", Health.PASSING, "well");
      await().untilAsserted(() -> assertThat(health(seen)).containsExactly(Health.PASSING));
      api().tell(name, "fail");
      await().untilAsserted(() -> assertThat(health(seen)).containsExactly(Health.CRITICAL));
      consul.agent().report(name + ":ttl", Health.PASSING, "well");
      await().untilAsserted(() -> assertThat(health(seen)).containsExactly(Health.PASSING));
      api()
          .put(
              "/v1/agent/check/register",
              """
              {"ID":"%1$s:more","Name":"more","ServiceID":"%1$s","Status":"critical",
               "TCP":"127.0.0.1:1","Interval":"24h"}
              """
                  .formatted(name))
          .isOk();
      await().untilAsserted(() -> assertThat(health(seen)).containsExactly(Health.CRITICAL));
    }
  }

  private static void awaitAll(
      Collection<Latest<ServiceSnapshot>> seen, Predicate<ServiceSnapshot> wanted) {
    await()
        .atMost(Duration.ofSeconds(15))
        .until(() -> seen.stream().allMatch(latest -> wanted.test(latest.get())));
  }

  @Test
  default void registersAgainWhatTheAgentForgot() {
    String name = unique("forgotten");
    try (Consul consul = connect();
        Registration _ = consul.register(ttl(name))) {
      consul.agent().report(name + ":ttl", Health.PASSING, "well");
      inCatalog(name, "passing");
      api().deregister(name);
      await()
          .atMost(Duration.ofSeconds(10))
          .untilAsserted(() -> assertThat(consul.instances(name)).hasSize(1));
    }
    instances(name, 0);
  }

  private static ServiceRegistration ttl(String name) {
    return ServiceRegistration.grpc(name, "127.0.0.1", 1, "")
        .withId(name)
        .withChecks(List.of(Check.of(name + ":ttl", new Check.Probe.Ttl(Duration.ofMinutes(1)))));
  }

  @Test
  default void readsTheHealthOfAnInstanceFromTheAgent() {
    String name = unique("own");
    try (Consul consul = connect();
        Registration _ = consul.register(ttl(name))) {
      consul.agent().report(name + ":ttl", Health.WARNING, "slow");
      assertThat(consul.agent().health(name))
          .hasValueSatisfying(health -> assertThat(health.health()).isEqualTo(Health.WARNING));
      assertThat(consul.agent().health("nobody")).isEmpty();
      assertThat(consul.agent().leader()).isPresent();
      assertThat(consul.agent().self().datacenter()).isEqualTo("dc1");
    }
  }

  @Test
  default void followsTheNamesOfAllServices() throws Exception {
    String name = unique("name");
    Latest<Map<String, List<String>>> seen = new Latest<>(Map.of());
    try (Consul consul = connect();
        Subscription _ = consul.watchServices(seen)) {
      await().untilAsserted(() -> assertThat(seen.get()).containsKey("consul"));
      try (Registration _ = consul.register(ttl(name).withTags("a"))) {
        await().untilAsserted(() -> assertThat(seen.get()).containsEntry(name, List.of("a")));
      }
      await().untilAsserted(() -> assertThat(seen.get()).doesNotContainKey(name));
    }
  }

  @Test
  default void followsAKey() throws Exception {
    String key = unique("conf") + "/limit rate";
    Latest<Optional<String>> seen = new Latest<>(Optional.of("nothing yet"));
    try (Consul consul = connect();
        Subscription _ = consul.kv().watch(key, entry -> seen.accept(entry.map(KvEntry::text)))) {
      await().untilAsserted(() -> assertThat(seen.get()).isEmpty());
      consul.kv().put(key, "10");
      await().untilAsserted(() -> assertThat(seen.get()).contains("10"));
      KvEntry read = consul.kv().get(key).orElseThrow();
      assertThat(consul.kv().cas(key, bytes("11"), read.modifyIndex())).isTrue();
      assertThat(consul.kv().cas(key, bytes("12"), read.modifyIndex())).isFalse();
      await().untilAsserted(() -> assertThat(seen.get()).contains("11"));
      consul.kv().delete(key);
      await().untilAsserted(() -> assertThat(seen.get()).isEmpty());
    }
  }

  @Test
  default void followsAPrefix() throws Exception {
    String prefix = unique("routes") + "/";
    Latest<List<String>> seen = new Latest<>(List.of("nothing yet"));
    try (Consul consul = connect();
        Subscription _ =
            consul
                .kv()
                .watchAll(
                    prefix, entries -> seen.accept(entries.stream().map(KvEntry::text).toList()))) {
      await().untilAsserted(() -> assertThat(seen.get()).isEmpty());
      consul.kv().put(prefix + "b", "2");
      consul.kv().put(prefix + "a", "1");
      await().untilAsserted(() -> assertThat(seen.get()).containsExactly("1", "2"));
      assertThat(consul.kv().keys(prefix)).containsExactly(prefix + "a", prefix + "b");
      consul.kv().deleteAll(prefix);
      await().untilAsserted(() -> assertThat(seen.get()).isEmpty());
    }
  }

  @Test
  default void followsTheIntentionsOfAService() throws Exception {
    String name = unique("guarded");
    Latest<IntentionMatch> seen =
        new Latest<>(new IntentionMatch(name, List.of(), Action.DENY, true));
    try (Consul consul = connect();
        Subscription _ = consul.intentions().watch(name, seen)) {
      await().until(() -> !seen.get().stale());
      assertThat(seen.get().deciding("default", "web")).isEmpty();
      assertThat(seen.get().defaultAction()).isEqualTo(Action.ALLOW);
      String body = "{\"SourceName\":\"%s\",\"DestinationName\":\"%s\",\"Action\":\"%s\"}";
      Api.Answer created =
          api().post("/v1/connect/intentions", body.formatted("web", name, "allow")).isOk();
      await()
          .untilAsserted(
              () ->
                  assertThat(seen.get().deciding("default", "web"))
                      .hasValueSatisfying(
                          web -> {
                            assertThat(web.action()).isEqualTo(Action.ALLOW);
                            assertThat(web.understood()).isTrue();
                            assertThat(web.precedence()).isEqualTo(9);
                            assertThat(web.permissions()).isEmpty();
                          }));
      api().post("/v1/connect/intentions", body.formatted("*", name, "deny")).isOk();
      await()
          .untilAsserted(
              () ->
                  assertThat(seen.get().deciding("default", "other").map(Intention::action))
                      .hasValue(Action.DENY));
      assertThat(seen.get().defaultAction()).as("not that of *").isEqualTo(Action.ALLOW);
      assertThat(consul.intentions().match(name)).isEqualTo(seen.get());
      api().delete("/v1/connect/intentions/" + created.at("ID")).isOk();
      await()
          .untilAsserted(
              () ->
                  assertThat(seen.get().deciding("default", "web").map(Intention::source))
                      .hasValue("*"));
    }
  }

  @Test
  default void followsRootsAndLeafs() throws Exception {
    String name = unique("proven");
    Latest<Optional<CaRoots>> roots = new Latest<>(Optional.empty());
    Latest<Optional<Leaf>> leaf = new Latest<>(Optional.empty());
    try (Consul consul = connect();
        Subscription _ = consul.ca().watchRoots(now -> roots.accept(Optional.of(now)));
        Subscription _ = consul.ca().watchLeaf(name, now -> leaf.accept(Optional.of(now)))) {
      await().until(() -> roots.get().isPresent() && leaf.get().isPresent());
      CaRoots trusted = roots.get().orElseThrow();
      Leaf own = leaf.get().orElseThrow();
      assertThat(own.uri())
          .hasToString("spiffe://" + trusted.trustDomain() + "/ns/default/dc/dc1/svc/" + name);
      own.certificate().verify(trusted.active().certificate().getPublicKey());
      Signature signature = Signature.getInstance("SHA256withECDSA");
      signature.initSign(own.key());
      byte[] signed = signature.sign();
      signature.initVerify(own.certificate());
      assertThat(signature.verify(signed)).as("the key is the certificate's").isTrue();
      assertThat(consul.ca().leaf(name)).isEqualTo(own);
      assertThat(consul.ca().roots()).isEqualTo(trusted);
    }
  }

  @Test
  default void followsAConfigEntry() throws Exception {
    String name = unique("entry");
    Latest<Optional<ConfigEntry>> seen = new Latest<>(Optional.empty());
    Latest<List<String>> all = new Latest<>(List.of());
    try (Consul consul = connect();
        Subscription _ = consul.configEntries().watch("service-defaults", name, seen);
        Subscription _ =
            consul
                .configEntries()
                .watchAll(
                    "service-defaults",
                    entries -> all.accept(entries.stream().map(ConfigEntry::name).toList()))) {
      consul
          .configEntries()
          .put(
              "{\"Kind\":\"service-defaults\",\"Name\":\"%s\",\"Protocol\":\"grpc\"}"
                  .formatted(name));
      await()
          .untilAsserted(
              () ->
                  assertThat(seen.get())
                      .hasValueSatisfying(
                          entry -> assertThat(entry.text("Protocol")).isEqualTo("grpc")));
      await().untilAsserted(() -> assertThat(all.get()).contains(name));
      assertThat(consul.configEntries().get("service-defaults", name)).isEqualTo(seen.get());
      assertThat(consul.configEntries().list("service-defaults"))
          .contains(seen.get().orElseThrow());
      consul.configEntries().delete("service-defaults", name);
      await().untilAsserted(() -> assertThat(seen.get()).isEmpty());
      assertThat(consul.configEntries().get("service-defaults", name)).isEmpty();
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
