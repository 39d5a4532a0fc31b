package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/**
 * {@code /v1/discovery-chain} as an endpoint; what chains are made of is in {@link
 * ChainConformance}. Each statement and its test:
 *
 * <ul>
 *   <li>a chain has the headers of a read, and its own datacenter only: {@link
 *       #readsAChainLikeTheCatalog}.
 *   <li>a query wakes when any config entry changes, be it of another service: {@link
 *       #wakesForAnyConfigEntry}.
 *   <li>a chain with overrides blocks, too: {@link #wakesWithOverrides}.
 *   <li>cas holds for every kind, and a refused entry changes nothing: {@link
 *       #writesNothingThatIsRefused}.
 * </ul>
 */
interface DiscoveryChainContract extends Contract {
  private static String chain(String service) {
    return "/v1/discovery-chain/" + service;
  }

  private void protocol(String service, String protocol) {
    api()
        .put(
            "/v1/config",
            "{\"Kind\":\"service-defaults\",\"Name\":\"%s\",\"Protocol\":\"%s\"}"
                .formatted(service, protocol))
        .isOk();
  }

  private static String resolver(String service, String timeout) {
    return "{\"Kind\":\"service-resolver\",\"Name\":\"%s\",\"ConnectTimeout\":\"%s\"}"
        .formatted(service, timeout);
  }

  private static String timeout(Api.Answer answer, String service) {
    return String.valueOf(
        answer
            .isOk()
            .at(
                "Chain",
                "Nodes",
                "resolver:" + service + ".default.dc1",
                "Resolver",
                "ConnectTimeout"));
  }

  @Test
  default void readsAChainLikeTheCatalog() {
    String name = unique("chain");
    Api.Answer answer = api().get(chain(name)).isOk();
    assertThat(answer.index()).isPositive();
    assertThat(answer.header("X-Consul-Knownleader")).isEqualTo("true");
    assertThat(answer.header("X-Consul-Effective-Consistency")).isEqualTo("leader");
    assertThat(api().get(chain(name) + "?cached").isOk().header("X-Cache")).isEqualTo("MISS");
    assertThat(api().get(chain(name) + "?cached").isOk().header("X-Cache")).isEqualTo("HIT");
    assertThat(api().get(chain(name) + "?stale&consistent").status()).isEqualTo(400);
    assertThat(api().delete(chain(name)).status()).isEqualTo(405);
  }

  @Test
  default void wakesForAnyConfigEntry() throws Exception {
    String name = unique("woken");
    Api.Answer before = api().get(chain(name)).isOk();
    assertThat(timeout(before, name)).isEqualTo("5s");
    Api.Pending pending = api().after(chain(name), before.index());
    api().put("/v1/config", resolver(unique("other"), "1s")).isOk();
    assertThat(pending.wakes().isOk().index()).isGreaterThan(before.index());
    api().put("/v1/config", resolver(name, "250ms")).isOk();
    assertThat(timeout(api().get(chain(name)), name)).isEqualTo("250ms");
  }

  @Test
  default void wakesWithOverrides() throws Exception {
    String name = unique("overridden");
    String overrides = "{\"OverrideConnectTimeout\":\"7s\"}";
    Api.Answer before = api().post(chain(name), overrides).isOk();
    assertThat(timeout(before, name)).isEqualTo("7s");
    api().put("/v1/config", resolver(name, "7s")).isOk();
    Api.Answer after =
        api().post(chain(name) + "?wait=20s&index=" + before.index(), overrides).isOk();
    assertThat(after.index()).isGreaterThan(before.index());
  }

  @Test
  default void writesNothingThatIsRefused() {
    String name = unique("refused");
    String path = "/v1/config/service-router/" + name;
    String router = "{\"Kind\":\"service-router\",\"Name\":\"%s\"}".formatted(name);
    assertThat(api().put("/v1/config?cas=0", router).status()).isEqualTo(500);
    assertThat(api().get(path).status()).isEqualTo(404);
    protocol(name, "http");
    assertThat(api().put("/v1/config?cas=0", router).isOk().json()).isEqualTo(true);
    assertThat(api().put("/v1/config?cas=0", router).isOk().json()).isEqualTo(false);
    Object index = api().get(path).isOk().at("ModifyIndex");
    String defaults = "/v1/config/service-defaults/" + name;
    assertThat(api().delete(defaults).status()).isEqualTo(500);
    assertThat(api().get(defaults).isOk().at("Protocol")).isEqualTo("http");
    assertThat(api().get(path).isOk().at("ModifyIndex")).isEqualTo(index);
  }
}
