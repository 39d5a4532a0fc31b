package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/**
 * {@code /v1/agent/health}: one instance, or all of a name, as a status code. Each statement and
 * its test:
 *
 * <ul>
 *   <li>passing is 200: {@link #answers200ForAPassingInstance}.
 *   <li>warning is 429: {@link #answers429ForAWarningInstance}.
 *   <li>critical is 503: {@link #answers503ForACriticalInstance}.
 *   <li>maintenance is 503, as text too: {@link #answers503ForAnInstanceInMaintenance}.
 *   <li>unknown is 404: {@link #answers404ForAnUnknownInstanceOrName}.
 *   <li>a name is as well as its worst instance: {@link #answersForANameWithItsWorstInstance}.
 * </ul>
 */
interface AgentHealthContract extends Contract {
  @Test
  default void answers200ForAPassingInstance() {
    isAnsweredWith("pass", 200, "passing");
  }

  @Test
  default void answers429ForAWarningInstance() {
    isAnsweredWith("warn", 429, "warning");
  }

  @Test
  default void answers503ForACriticalInstance() {
    isAnsweredWith("fail", 503, "critical");
  }

  private void isAnsweredWith(String verb, int status, String word) {
    String name = unique("health");
    api().registerTtl(name, name, "critical");
    api().tell(name, verb);
    for (String path : new String[] {"id/", "name/"}) {
      Api.Answer answer = api().get("/v1/agent/health/service/" + path + name);
      assertThat(answer.status()).as(path).isEqualTo(status);
      assertThat(answer.header("X-Consul-Reason")).isEqualTo(word);
    }
    Api.Answer one = api().get("/v1/agent/health/service/id/" + name);
    assertThat(one.at("AggregatedStatus")).isEqualTo(word);
    assertThat(one.at("Service", "ID")).isEqualTo(name);
    assertThat(one.at("Checks", 0, "CheckID")).isEqualTo(name + ":ttl");
    Api.Answer all = api().get("/v1/agent/health/service/name/" + name);
    assertThat(all.at(0, "AggregatedStatus")).isEqualTo(word);
    assertThat(all.list()).hasSize(1);
  }

  @Test
  default void answers503ForAnInstanceInMaintenance() {
    String name = unique("health");
    api().registerTtl(name, name, "passing");
    api().put("/v1/agent/service/maintenance/" + name + "?enable=true&reason=deploy").isOk();
    Api.Answer json = api().get("/v1/agent/health/service/id/" + name);
    assertThat(json.status()).isEqualTo(503);
    assertThat(json.at("AggregatedStatus")).isEqualTo("maintenance");
    Api.Answer text = api().get("/v1/agent/health/service/id/" + name + "?format=text");
    assertThat(text.status()).isEqualTo(503);
    assertThat(text.body()).isEqualTo("maintenance");
    assertThat(text.header("Content-Type")).startsWith("text/plain");
  }

  @Test
  default void answers404ForAnUnknownInstanceOrName() {
    Api.Answer id = api().get("/v1/agent/health/service/id/nobody");
    assertThat(id.status()).isEqualTo(404);
    assertThat(id.header("X-Consul-Reason")).isEqualTo("ServiceId nobody not found");
    assertThat(id.at("AggregatedStatus")).isEqualTo("critical");
    Api.Answer name = api().get("/v1/agent/health/service/name/nobody");
    assertThat(name.status()).isEqualTo(404);
    assertThat(name.list()).isEmpty();
  }

  @Test
  default void answersForANameWithItsWorstInstance() {
    String name = unique("worst");
    api().registerTtl(name, name + "-1", "passing");
    api().registerTtl(name, name + "-2", "warning");
    assertThat(api().get("/v1/agent/health/service/name/" + name).status()).isEqualTo(429);
    api().registerTtl(name, name + "-3", "critical");
    assertThat(api().get("/v1/agent/health/service/name/" + name).status()).isEqualTo(503);
  }
}
