package dev.weft.consul;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.consul.FakeAgent.Reply;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Addresses, tokens, bounds and errors of single calls. */
class ConsulHttpTest {
  private final FakeAgent agent = FakeAgent.start();
  private final Consul consul = Consul.connect(agent.config());

  @AfterEach
  void stop() {
    consul.close();
    agent.close();
  }

  @Test
  void readsAddressesAsConsulsOwnToolsDo() {
    assertThat(address("127.0.0.1:8500")).isEqualTo("http://127.0.0.1:8500");
    assertThat(address("http://consul")).isEqualTo("http://consul:8500");
    assertThat(address("https://consul.example/")).isEqualTo("https://consul.example:443");
    assertThat(address(" [::1]:8500 ")).isEqualTo("http://[::1]:8500");
    assertThat(address("http://h:1/consul//")).isEqualTo("http://h:1/consul");
  }

  @Test
  void refusesAddressesItCannotUseWithoutRepeatingThem() {
    for (String bad :
        new String[] {"", "unix:///x", "http://u:pass@h:1", "h:1?x", "http://h:x", "a b"}) {
      assertThatThrownBy(() -> address(bad))
          .as(bad)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("http://host:port")
          .hasMessageNotContaining("pass");
    }
  }

  @Test
  void neverPrintsTheToken() {
    ConsulConfig config = ConsulConfig.of("h:1", Optional.of("s3cret"));
    assertThat(config.toString()).doesNotContain("s3cret").contains("h:1");
    assertThat(ConsulConfig.of("h:1", Optional.of(" ")).token()).isEmpty();
    assertThatThrownBy(() -> ConsulConfig.of("h:1", Optional.of("a\nb")))
        .hasMessageNotContaining("a\nb");
  }

  @Test
  void readsTheTokenOfAFileForEveryRequest(@TempDir Path folder) throws IOException {
    Path file = folder.resolve("token");
    agent.answer("/v1/kv/k", _ -> Reply.status(404, ""));
    ConsulConfig config =
        ConsulConfig.of("127.0.0.1:" + agent.port(), Optional.empty(), Optional.of(file));
    try (Consul withFile = Consul.connect(config)) {
      assertThatThrownBy(() -> withFile.kv().get("k"))
          .isInstanceOf(ConsulException.class)
          .hasMessageContaining("was not sent")
          .hasMessageContaining(file.toString());
      for (String token : new String[] {"first", "second"}) {
        Files.writeString(file, token + "\n");
        withFile.kv().get("k");
        assertThat(agent.requests("/v1/kv/k").getLast().token()).hasValue(token);
      }
      Files.writeString(file, "s3cret\nx");
      assertThatThrownBy(() -> withFile.kv().get("k")).hasMessageNotContaining("s3cret");
    }
    assertThat(config.toString()).contains("in " + file);
  }

  @Test
  void saysWhatToDoAboutARefusal() {
    agent.answer("/v1/kv/k", _ -> Reply.status(403, "Permission denied\nstack"));
    assertThatThrownBy(() -> consul.kv().get("k"))
        .isInstanceOfSatisfying(
            ConsulException.class,
            e -> {
              assertThat(e.status()).isEqualTo(403);
              assertThat(e.path()).isEqualTo("GET /v1/kv/k");
              assertThat(e.permanent()).isFalse();
            })
        .hasMessage(
            "Consul answered GET /v1/kv/k with 403: Permission denied"
                + " (check CONSUL_HTTP_TOKEN and its policies)");
  }

  @Test
  void takesAnswersThatAreNotConsulsForErrors() {
    agent.answer("/v1/kv/k", _ -> Reply.ok("<html>"));
    assertThatThrownBy(() -> consul.kv().get("k"))
        .isInstanceOf(ConsulException.class)
        .hasMessageContaining("is not one of Consul's");
    agent.answer("/v1/agent/self", _ -> Reply.ok("{}"));
    assertThatThrownBy(() -> consul.agent().self())
        .isInstanceOf(ConsulException.class)
        .hasMessageContaining("no Config");
  }

  @Test
  void readsWhatANewerAgentSaysOfItself() {
    String self = "/v1/agent/self";
    agent.answer(self, _ -> Reply.ok(Bodies.newerSelf(true, "deny", "")));
    assertThat(consul.agent().self()).isEqualTo(new AgentInfo("n1", "dc1", "1.19.2", true));
    assertThat(consul.agent().aclsEnabled()).isTrue();
    agent.answer(self, _ -> Reply.ok(Bodies.newerSelf(false, "deny", "")));
    assertThat(consul.agent().aclsEnabled()).isFalse();
  }

  @Test
  void refusesABodyLargerThanItsBound() {
    String huge = "[" + " ".repeat(9 << 20) + "]";
    agent.answer("/v1/health/service/web", _ -> Reply.ok(huge));
    assertThatThrownBy(() -> consul.instances("web"))
        .isInstanceOf(ConsulException.class)
        .hasMessageContaining("8388608");
  }

  @Test
  void givesUpOnAnAgentThatHangs() {
    // Nothing is scripted, so the agent never answers.
    long start = System.nanoTime();
    assertThatThrownBy(() -> consul.instances("web")).isInstanceOf(ConsulException.class);
    assertThat(Duration.ofNanos(System.nanoTime() - start))
        .isBetween(Duration.ofSeconds(4), Duration.ofSeconds(8));
  }

  @Test
  void escapesNamesAndKeys() {
    agent.answer("/v1/health/service/a%2Fb%20c%3Fd", _ -> Reply.ok("[]"));
    assertThat(consul.instances("a/b c?d")).isEmpty();
    agent.answer("/v1/kv/a/b%20c%3Fd%25", _ -> Reply.status(404, ""));
    assertThat(consul.kv().get("a/b c?d%")).isEmpty();
  }

  @Test
  void refusesKeysAndValuesOutOfRange() {
    assertThatThrownBy(() -> consul.kv().deleteAll(""))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> consul.kv().put("/a", "b"))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> consul.kv().put("a", new byte[(512 << 10) + 1]))
        .hasMessageContaining("524289");
  }

  @Test
  void readsValuesOfAnyBytes() {
    agent.answer(
        "/v1/kv/k",
        _ -> Reply.ok("[{\"Key\":\"k\",\"Value\":\"AP8=\",\"Flags\":3,\"ModifyIndex\":9}]"));
    KvEntry entry = consul.kv().get("k").orElseThrow();
    assertThat(entry.value()).containsExactly(0, -1);
    assertThat(entry.flags()).isEqualTo(3);
    assertThat(entry.modifyIndex()).isEqualTo(9);
    agent.answer("/v1/kv/k", _ -> Reply.ok("[{\"Key\":\"k\",\"Value\":null,\"ModifyIndex\":9}]"));
    assertThat(consul.kv().get("k").orElseThrow().text()).isEmpty();
  }

  @Test
  void comparesAndSetsByIndex() {
    agent.answer("/v1/kv/k", request -> Reply.ok(String.valueOf(request.query().equals("cas=9"))));
    byte[] value = "v".getBytes(StandardCharsets.UTF_8);
    assertThat(consul.kv().cas("k", value, 9)).isTrue();
    assertThat(consul.kv().cas("k", value, 0)).isFalse();
    assertThat(consul.kv().deleteCas("k", 9)).isTrue();
    assertThat(consul.kv().deleteCas("k", 8)).isFalse();
  }

  @Test
  void refusesNewWatchesOnceClosed() {
    consul.close();
    assertThatThrownBy(() -> consul.watchService("web", _ -> {}))
        .isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> consul.instances("web")).isInstanceOf(ConsulException.class);
  }

  private static String address(String text) {
    return ConsulConfig.of(text, Optional.empty()).address().toString();
  }
}
