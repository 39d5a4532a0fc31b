package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.consul.FakeAgent.Reply;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Config entries as the agent tells them. */
class ConfigEntriesTest {
  private static final String WEB = "/v1/config/service-defaults/web";
  private static final String ALL = "/v1/config/service-defaults";

  private final FakeAgent agent = FakeAgent.start();
  private final Consul consul = Consul.connect(agent.config());

  @AfterEach
  void stop() {
    consul.close();
    agent.close();
  }

  private static String entry(String name, String protocol) {
    return """
    {"Kind":"service-defaults","Name":"%s","Protocol":"%s","Meta":{"weft-tls":"required"},
     "MeshGateway":{},"CreateIndex":3,"ModifyIndex":7}
    """
        .formatted(name, protocol);
  }

  @Test
  void followsAnEntryByTheListOfItsKind() {
    Seen<Optional<ConfigEntry>> seen = new Seen<>();
    agent.reply(ALL, Reply.indexed(2, "[]"));
    consul.configEntries().watch("service-defaults", "web", seen);
    assertThat(seen.await(now -> true)).isEmpty();
    agent.reply(ALL, Reply.indexed(7, Bodies.list(entry("web", "grpc"))));
    ConfigEntry entry = seen.await(Optional::isPresent).orElseThrow();
    assertThat(entry.text("Protocol")).isEqualTo("grpc");
    assertThat(entry.text("Nothing")).isEmpty();
    assertThat(entry.meta()).containsEntry("weft-tls", "required");
    assertThat(entry.modifyIndex()).isEqualTo(7);
    assertThat(entry.json()).contains("\"MeshGateway\"");
    agent.reply(ALL, Reply.indexed(8, Bodies.list(entry("web", "grpc"), entry("api", "http"))));
    // Heard of before there is the next one, so that it is not lost between two others.
    agent.request(ALL, 4);
    agent.reply(ALL, Reply.indexed(9, Bodies.list(entry("api", "http"))));
    seen.await(Optional::isEmpty);
    assertThat(seen.all())
        .as("nothing of the other entry")
        .extracting(Optional::isPresent)
        .containsExactly(false, true, false);
    assertThat(agent.requests(WEB)).isEmpty();
  }

  @Test
  void followsAllEntriesOfAKindByName() {
    Seen<List<ConfigEntry>> seen = new Seen<>();
    agent.reply(ALL, Reply.indexed(2, "null"));
    consul.configEntries().watchAll("service-defaults", seen);
    assertThat(seen.await(now -> true)).isEmpty();
    agent.reply(ALL, Reply.indexed(7, Bodies.list(entry("web", "grpc"), entry("api", "http"))));
    assertThat(seen.await(now -> now.size() == 2))
        .extracting(ConfigEntry::name)
        .containsExactly("api", "web");
  }

  @Test
  void keepsTheEntriesThatItMayNoLongerRead() {
    Seen<List<ConfigEntry>> seen = new Seen<>();
    String both = Bodies.list(entry("web", "grpc"), entry("web 2", "grpc"));
    agent.reply(ALL, Reply.indexed(7, both));
    consul.configEntries().watchAll("service-defaults", seen);
    seen.await(now -> now.size() == 2);
    agent.answer(WEB, _ -> Reply.status(403, "Permission denied"));
    agent.answer(WEB + "%202", _ -> Reply.status(403, "Permission denied"));
    agent.reply(ALL, Reply.indexed(8, "[]"));
    // It failed, so the next one comes without an index.
    assertThat(agent.request(ALL, 3).index()).isEmpty();
    agent.reply(ALL, Reply.indexed(9, "[]"));
    agent.request(ALL, 4);
    assertThat(seen.all()).hasSize(1);

    agent.reply(ALL, Reply.indexed(10, both));
    agent.request(ALL, 5);
    agent.answer(WEB, _ -> Reply.status(404, "Config entry not found"));
    agent.answer(WEB + "%202", _ -> Reply.status(404, "Config entry not found"));
    agent.reply(ALL, Reply.indexed(11, "[]"));
    seen.await(List::isEmpty);
    assertThat(seen.all()).hasSize(2);
  }

  @Test
  void writesReadsAndDeletes() {
    agent.reply("/v1/config", Reply.ok("true"));
    consul.configEntries().put("{\"Kind\":\"k\"}");
    assertThat(agent.request("/v1/config", 1).body()).isEqualTo("{\"Kind\":\"k\"}");
    agent.reply(ALL, Reply.ok(Bodies.list(entry("web", "grpc"))));
    assertThat(consul.configEntries().list("service-defaults")).hasSize(1);
    agent.reply(WEB, Reply.ok(entry("web", "grpc")));
    assertThat(consul.configEntries().get("service-defaults", "web")).isPresent();
    agent.reply(WEB, Reply.status(404, "not found"));
    assertThat(consul.configEntries().get("service-defaults", "web")).isEmpty();
    agent.reply(WEB, Reply.ok("{}"));
    consul.configEntries().delete("service-defaults", "web");
    assertThat(agent.request(WEB, 3).method()).isEqualTo("DELETE");
    agent.reply("/v1/config", Reply.status(400, "invalid config key"));
    assertThatThrownBy(() -> consul.configEntries().put("{}"))
        .isInstanceOfSatisfying(ConsulException.class, e -> assertThat(e.permanent()).isTrue());
  }

  @Test
  void writesAndDeletesOnlyWhatNobodyWroteMeanwhile() {
    agent.reply("/v1/config", Reply.ok("true"));
    assertThat(consul.configEntries().cas("{\"Kind\":\"k\"}", 0)).isTrue();
    assertThat(agent.request("/v1/config", 1).query()).isEqualTo("cas=0");
    agent.reply("/v1/config", Reply.ok("false"));
    assertThat(consul.configEntries().cas("{\"Kind\":\"k\"}", 7)).isFalse();
    assertThat(agent.request("/v1/config", 2).query()).isEqualTo("cas=7");

    agent.reply(WEB, Reply.ok("false"));
    assertThat(consul.configEntries().deleteCas("service-defaults", "web", 7)).isFalse();
    assertThat(agent.request(WEB, 1).query()).isEqualTo("cas=7");
    agent.reply(WEB, Reply.ok("{}"));
    assertThat(consul.configEntries().deleteCas("service-defaults", "web", 7))
        .as("of Consul before 1.11")
        .isTrue();
  }

  @Test
  void tellsWhatIsSaidInOurOwnWordsTheMostExactLast() {
    Seen<Map<String, String>> seen = new Seen<>();
    agent.reply(
        "/v1/config/proxy-defaults",
        Reply.indexed(
            3,
            """
            [{"Kind":"proxy-defaults","Name":"global","ModifyIndex":3,
              "Config":{"weft-lb":"random","weft-lb-panic":50,"protocol":"grpc","weft-x":{}}}]
            """));
    agent.reply(ALL, Reply.indexed(3, Bodies.list(meta("service-defaults", "weft-lb-zone"))));
    agent.reply(
        "/v1/config/service-resolver",
        Reply.indexed(
            3,
            """
            [{"Kind":"service-resolver","Name":"web","ModifyIndex":3,
              "LoadBalancer":{"Policy":"ring_hash","HashPolicies":[
                {"Field":"cookie","FieldValue":"c"},{"Field":"header","FieldValue":"x-user"}]}}]
            """));

    consul.configEntries().watchSettings("web", seen);

    assertThat(seen.await(now -> true))
        .isEqualTo(
            Map.of(
                "weft-lb", "ring_hash",
                "weft-lb-hash", "header:x-user",
                "weft-lb-panic", "50",
                "weft-lb-zone", "said"));
    agent.reply(
        "/v1/config/service-resolver",
        Reply.indexed(4, Bodies.list(meta("service-resolver", "weft-lb"))));
    assertThat(seen.await(now -> !now.containsKey("weft-lb-hash")))
        .containsEntry("weft-lb", "said");
  }

  private static String meta(String kind, String key) {
    return "{\"Kind\":\"%s\",\"Name\":\"web\",\"Meta\":{\"%s\":\"said\",\"owner\":\"x\"},\"ModifyIndex\":3}"
        .formatted(kind, key);
  }
}
