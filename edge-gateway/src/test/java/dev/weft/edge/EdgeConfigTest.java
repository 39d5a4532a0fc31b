package dev.weft.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.weft.mesh.ConfigException;
import dev.weft.mesh.Env;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class EdgeConfigTest {
  @Test
  void needsNothingToBeSaid() {
    EdgeConfig config = EdgeConfig.from(Env.of(Map.of()));

    assertThat(config.mesh().port()).isEqualTo(8080);
    assertThat(config.mesh().managementPort()).isEqualTo(8081);
    assertThat(config.bindPublic()).isEqualTo("127.0.0.1");
    assertThat(config.tokenServices()).isEmpty();
    assertThat(config.foreignDefault()).isEqualTo(new Access.Authenticated(Set.of()));
    assertThat(config.owners().owner(List.of("v1", "auth:login"))).contains("user-svc");
    assertThat(config.hops()).isEqualTo(TrustedHops.NONE);
    assertThat(config.cacheFolder()).isEmpty();
    assertThat(config.cors().origins()).isEmpty();
    assertThat(config.cacheBytes()).isBetween(1 << 20, 32 << 20);
    assertThat(config.rates().address()).contains(new Quota(6_000, 60));
    assertThat(config.rates().principal()).contains(new Quota(1_200, 60));
    assertThat(config.rates().redis()).isEmpty();
    assertThat(config.rates().uncounted().contains(IpAddress.of("127.0.0.1").orElseThrow()))
        .isFalse();
  }

  @Test
  void readsHowOftenAnybodyMayAsk() {
    RateLimitConfig rates =
        EdgeConfig.from(
                Env.of(
                    Map.of(
                        "WEFT_RATE_LIMIT_ADDRESS", "20/5s",
                        "WEFT_RATE_LIMIT_PRINCIPAL", "off",
                        "WEFT_UNCOUNTED_ADDRESSES", "127.0.0.0/8, ::1",
                        "REDIS_URL", "redis://limits.example")))
            .rates();

    assertThat(rates.address()).contains(new Quota(20, 5));
    assertThat(rates.principal()).isEmpty();
    assertThat(rates.uncounted().contains(IpAddress.of("127.0.0.1").orElseThrow())).isTrue();
    assertThat(rates.redis().orElseThrow().host()).isEqualTo("limits.example");
  }

  @Test
  void readsWhatIsSaid() {
    EdgeConfig config =
        EdgeConfig.from(
            Env.of(
                Map.of(
                    "PORT", "9000",
                    "WEFT_BIND_PUBLIC", "0.0.0.0",
                    "WEFT_TOKEN_SERVICES", "a, b,",
                    "WEFT_DEFAULT_ACCESS", "public",
                    "WEFT_ISSUER_SERVICE", "people",
                    "WEFT_CACHE_DIR", "/tmp/edge",
                    "WEFT_CORS_ORIGINS", "https://a.example,http://localhost:3000",
                    "WEFT_TRUSTED_HOPS", "2",
                    "WEFT_STREAMS_PER_PRINCIPAL", "7",
                    "WEFT_CONNECTIONS_PER_ADDRESS", "900")));

    assertThat(config.mesh().managementPort()).isEqualTo(9001);
    assertThat(config.mesh().bind()).isEqualTo("127.0.0.1");
    assertThat(config.bindPublic()).isEqualTo("0.0.0.0");
    assertThat(config.tokenServices()).contains(Set.of("a", "b"));
    assertThat(config.foreignDefault()).isEqualTo(new Access.Public());
    assertThat(config.owners().owner(List.of("v1", "auth:login"))).contains("people");
    assertThat(config.hops().number()).isEqualTo(2);
    assertThat(config.cacheFolder()).contains(Path.of("/tmp/edge"));
    assertThat(config.cors().origins()).hasSize(2);
    assertThat(config.limits().streamsPerPrincipal()).isEqualTo(7);
    assertThat(config.limits().connectionsPerAddress()).isEqualTo(900);
    assertThat(config.limits().requestsPerConnection())
        .isEqualTo(HttpLimits.DEFAULT.requestsPerConnection());
  }

  @Test
  void proxiesAreOnThisMachineUnlessItIsSaidWhereTheyAre() {
    TrustedHops hops = EdgeConfig.from(Env.of(Map.of("WEFT_TRUSTED_HOPS", "1"))).hops();

    assertThat(hops.number()).isEqualTo(1);
    for (String own : List.of("127.0.0.1", "127.1.2.3", "::1")) {
      assertThat(hops.proxies().contains(IpAddress.of(own).orElseThrow())).as(own).isTrue();
    }
    for (String other : List.of("10.0.0.1", "192.168.0.1", "203.0.113.1", "fc00::1")) {
      assertThat(hops.proxies().contains(IpAddress.of(other).orElseThrow())).as(other).isFalse();
    }
    Networks said =
        EdgeConfig.from(
                Env.of(Map.of("WEFT_TRUSTED_HOPS", "1", "WEFT_TRUSTED_PROXIES", "10.0.0.0/8")))
            .hops()
            .proxies();
    assertThat(said.contains(IpAddress.of("10.1.2.3").orElseThrow())).isTrue();
    assertThat(said.contains(IpAddress.of("127.0.0.1").orElseThrow())).isFalse();
  }

  @Test
  void holdsContractsThatBreakOthersWhereItIsToldSo() {
    assertThat(EdgeConfig.from(Env.of(Map.of())).contracts()).isEqualTo(ContractConfig.TOLD);
    assertThat(EdgeConfig.from(Env.of(Map.of("WEFT_HOLD_BREAKING", "true"))).contracts().breaking())
        .isEqualTo(Compatibility.Policy.HOLD);
    assertThat(
            EdgeConfig.from(Env.of(Map.of("WEFT_HOLD_BREAKING", "false"))).contracts().breaking())
        .isEqualTo(Compatibility.Policy.REPORT);
  }

  @Test
  void readsForWhichHostsItIsThere() {
    assertThat(EdgeConfig.from(Env.of(Map.of())).hosts()).isEmpty();
    assertThat(
            EdgeConfig.from(Env.of(Map.of("WEFT_HOSTS", "Shop.example, [2001:DB8::1], 192.0.2.1")))
                .hosts())
        .containsExactlyInAnyOrder("shop.example", "[2001:db8::1]", "192.0.2.1");
  }

  @Test
  void keepsNoAnswersWhereItIsToldSo() {
    assertThat(EdgeConfig.from(Env.of(Map.of("WEFT_CACHE_BYTES", "0"))).cacheBytes()).isZero();
  }

  @Test
  void takesACertificateOnlyWithItsKey(@TempDir Path folder) throws Exception {
    String file = Files.createFile(folder.resolve("pem")).toString();

    assertThat(EdgeConfig.from(Env.of(Map.of())).tls()).isEmpty();
    assertThat(
            EdgeConfig.from(Env.of(Map.of("WEFT_TLS_CERT_FILE", file, "WEFT_TLS_KEY_FILE", file)))
                .tls())
        .contains(new TlsFiles(Path.of(file), Path.of(file)));
    for (String alone : List.of("WEFT_TLS_CERT_FILE", "WEFT_TLS_KEY_FILE")) {
      assertThatThrownBy(() -> EdgeConfig.from(Env.of(Map.of(alone, file))))
          .isInstanceOf(ConfigException.class)
          .hasMessageMatching("WEFT_TLS_.* is not set")
          .hasMessageNotContaining(alone);
    }
  }

  @Test
  void describesWhatItServesUnlessItIsToldNotTo() {
    EdgeConfig shown = EdgeConfig.from(Env.of(Map.of("WEFT_DOCS_COMMENTS", "/comments")));
    EdgeConfig silent = EdgeConfig.from(Env.of(Map.of("WEFT_DOCS", "off")));

    assertThat(shown.api())
        .isEqualTo(new ApiConfig(true, Optional.of(Path.of("/comments")), false, false));
    assertThat(shown.owners().owner(List.of("docs", "page.js"))).contains(EdgeConfig.SERVICE);
    assertThat(shown.owners().with(Optional.of("{\"/docs\": \"x\"}")).owner(List.of("docs")))
        .contains(EdgeConfig.SERVICE);
    assertThat(shown.owners().owner(List.of("v1", "auth:login"))).contains("user-svc");
    assertThat(silent.api()).isEqualTo(ApiConfig.OFF);
    assertThat(silent.owners().owner(List.of("docs"))).isEmpty();
  }

  @Test
  void explainsAndHasToolsOnlyIfItIsToldTo() {
    EdgeConfig told = EdgeConfig.from(Env.of(Map.of("WEFT_EXPLAIN", "true", "WEFT_MCP", "true")));
    EdgeConfig not = EdgeConfig.from(Env.of(Map.of("WEFT_MCP", "false")));

    assertThat(told.api()).isEqualTo(new ApiConfig(true, Optional.empty(), true, true));
    assertThat(told.owners().owner(List.of("mcp"))).contains(EdgeConfig.SERVICE);
    assertThat(not.api()).isEqualTo(new ApiConfig(true, Optional.empty(), false, false));
    assertThat(not.owners().owner(List.of("mcp"))).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "PORT,99999",
    "WEFT_DOCS,maybe",
    "WEFT_HOLD_BREAKING,yes",
    "WEFT_EXPLAIN,on",
    "WEFT_MCP,yes",
    "WEFT_DEFAULT_ACCESS,anyone",
    "WEFT_CORS_ORIGINS,*",
    "WEFT_CORS_ORIGINS,https://a.example/path",
    "WEFT_STREAMS_PER_PRINCIPAL,0",
    "WEFT_HOSTS,shop.example:8080",
    "WEFT_HOSTS,https://shop.example",
    "WEFT_HOSTS,*.shop.example",
    "WEFT_TRUSTED_HOPS,-1",
    "WEFT_TRUSTED_PROXIES,10.0.0.0/8",
    "WEFT_TRUSTED_PROXIES,proxy.example",
    "WEFT_CONNECTIONS_PER_ADDRESS,10001",
    "WEFT_CACHE_BYTES,-1",
    "WEFT_RATE_LIMIT_ADDRESS,100",
    "WEFT_RATE_LIMIT_ADDRESS,0/1m",
    "WEFT_RATE_LIMIT_PRINCIPAL,10/2d",
    "WEFT_RATE_LIMIT_PRINCIPAL,10/25h",
    "WEFT_UNCOUNTED_ADDRESSES,example.org",
    "WEFT_UNCOUNTED_ADDRESSES,10.0.0.0/33"
  })
  void namesTheVariableAndTheValueThatAreWrong(String variable, String value) {
    assertThatThrownBy(() -> EdgeConfig.from(Env.of(Map.of(variable, value))))
        .isInstanceOf(ConfigException.class)
        .hasMessageContaining(variable)
        .hasMessageContaining(value);
  }
}
