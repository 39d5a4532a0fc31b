package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.net.http.HttpRequest.BodyPublishers;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * {@code /v1/catalog}, {@code /v1/status}, {@code /v1/agent} itself, and events. Each statement and
 * its test:
 *
 * <ul>
 *   <li>the names of all services with all their tags: {@link
 *       #listsServicesWithTheTagsOfAllInstances}.
 *   <li>the instances of one: {@link #listsTheInstancesOfAServiceFlat}.
 *   <li>nodes and datacenters: {@link #knowsItsNodeAndDatacenter}.
 *   <li>leader and peers: {@link #knowsItsLeaderAndPeers}.
 *   <li>agent/self and members: {@link #describesItself}.
 *   <li>agent/services, filtered: {@link #listsItsServicesFiltered}.
 *   <li>another method is 405 and names those there are: {@link #namesTheMethodsOfAPath}.
 *   <li>another path is 404: {@link #answers404OutsideItsPaths}.
 *   <li>a missing name is 400: {@link #asksForTheNamesItNeeds}.
 *   <li>the index of events is a hash that may exceed a signed long: {@link
 *       #indexesEventsByAHashOfTheNewestThatMayExceedASignedLong}.
 * </ul>
 */
interface CatalogContract extends Contract {
  @Test
  default void listsServicesWithTheTagsOfAllInstances() {
    String name = unique("named");
    api().register("{\"ID\":\"%1$s-1\",\"Name\":\"%1$s\",\"Tags\":[\"a\",\"b\"]}".formatted(name));
    api().register("{\"ID\":\"%1$s-2\",\"Name\":\"%1$s\",\"Tags\":[\"b\",\"c\"]}".formatted(name));
    instances(name, 2);
    Api.Answer answer = api().get("/v1/catalog/services").isOk();
    assertThat(answer.index()).isPositive();
    assertThat(answer.at("consul")).isEqualTo(List.of());
    assertThat(answer.texts(name)).containsExactlyInAnyOrder("a", "b", "c");
  }

  @Test
  default void listsTheInstancesOfAServiceFlat() {
    String name = unique("flat");
    api()
        .register(
            "{\"Name\":\"%s\",\"Address\":\"127.0.0.1\",\"Port\":7,\"Tags\":[\"a\"],\"Meta\":{\"k\":\"v\"}}"
                .formatted(name))
        .isOk();
    instances(name, 1);
    Api.Answer answer = api().get("/v1/catalog/service/" + name).isOk();
    assertThat(answer.at(0, "ServiceID")).isEqualTo(name);
    assertThat(answer.at(0, "ServiceAddress")).isEqualTo("127.0.0.1");
    assertThat(answer.at(0, "ServicePort")).isEqualTo(7L);
    assertThat(answer.at(0, "ServiceTags")).isEqualTo(List.of("a"));
    assertThat(answer.at(0, "ServiceMeta")).isEqualTo(Map.of("k", "v"));
    assertThat(answer.at(0, "Address")).isEqualTo("127.0.0.1");
    assertThat(api().get("/v1/catalog/service/nobody").isOk().list()).isEmpty();
  }

  @Test
  default void knowsItsNodeAndDatacenter() {
    Api.Answer nodes = api().get("/v1/catalog/nodes").isOk();
    assertThat(nodes.list()).hasSize(1);
    assertThat(nodes.at(0, "Datacenter")).isEqualTo("dc1");
    assertThat(api().get("/v1/catalog/datacenters").isOk().list()).isEqualTo(List.of("dc1"));
  }

  @Test
  default void knowsItsLeaderAndPeers() {
    String leader = String.valueOf(api().get("/v1/status/leader").isOk().json());
    assertThat(leader).startsWith("127.0.0.1:");
    assertThat(api().get("/v1/status/peers").isOk().list()).isEqualTo(List.of(leader));
  }

  @Test
  default void describesItself() {
    Api.Answer self = api().get("/v1/agent/self").isOk();
    assertThat(self.at("Config", "Datacenter")).isEqualTo("dc1");
    assertThat(self.at("Config", "Server")).isEqualTo(true);
    assertThat(self.at("Config", "Version")).isEqualTo("1.8.7");
    assertThat(self.at("DebugConfig", "CheckUpdateInterval")).isEqualTo("5m0s");
    assertThat(self.at("DebugConfig", "HTTPMaxConnsPerClient")).isEqualTo(200L);
    assertThat(self.at("Member", "Status")).isEqualTo(1L);
    Api.Answer members = api().get("/v1/agent/members").isOk();
    assertThat(members.list()).hasSize(1);
    assertThat(members.at(0, "Name")).isEqualTo(self.at("Config", "NodeName"));
  }

  @Test
  default void listsItsServicesFiltered() {
    String name = unique("listed");
    api().register("{\"Name\":\"%s\",\"Meta\":{\"k\":\"%s\"}}".formatted(name, name)).isOk();
    Api.Answer found =
        api().get("/v1/agent/services?filter=" + Api.encode("Meta.k == \"" + name + "\"")).isOk();
    assertThat(found.names()).containsExactly(name);
    assertThat(api().get("/v1/agent/services?filter=Bad==x").status()).isEqualTo(500);
  }

  @Test
  default void namesTheMethodsOfAPath() {
    Api.Answer get = api().get("/v1/agent/service/deregister/x");
    assertThat(get.status()).isEqualTo(405);
    assertThat(get.body()).isEqualTo("method GET not allowed");
    assertThat(get.header("Allow")).isEqualTo("OPTIONS,PUT");
    Api.Answer post = api().send("POST", "/v1/kv/x", BodyPublishers.noBody());
    assertThat(post.status()).isEqualTo(405);
    assertThat(post.header("Allow")).isEqualTo("OPTIONS,GET,PUT,DELETE");
  }

  @Test
  default void answers404OutsideItsPaths() {
    assertThat(api().get("/v1/nothing").status()).isEqualTo(404);
    assertThat(api().get("/nothing").status()).isEqualTo(404);
  }

  @Test
  default void asksForTheNamesItNeeds() {
    assertThat(api().get("/v1/health/service/").body()).isEqualTo("Missing service name");
    assertThat(api().get("/v1/catalog/service/").status()).isEqualTo(400);
  }

  @Test
  default void indexesEventsByAHashOfTheNewestThatMayExceedASignedLong() throws Exception {
    boolean beyond = false;
    for (int i = 0; i < 64 && !beyond; i++) {
      Api.Answer fired = api().put("/v1/event/fire/deploy", "x").isOk();
      String id = String.valueOf(fired.at("ID"));
      Api.Answer list =
          await()
              .until(
                  () -> api().get("/v1/event/list?name=deploy").isOk(),
                  answer -> answer.body().contains(id));
      beyond = list.index() < 0;
      assertThat(list.header("X-Consul-Index")).matches("\\d{1,20}");
    }
    assertThat(beyond).as("an index above Long.MAX_VALUE").isTrue();
  }
}
