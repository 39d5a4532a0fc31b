package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The end of a service that stays critical: DeregisterCriticalServiceAfter, a minute at least. */
interface ReapContract extends Contract {
  /** Lets time pass for the agent. */
  void pass(Duration time);

  /** The agent looks every 30 s, and counts no allowance below a minute. */
  @Test
  @Timeout(180)
  default void removesAServiceThatIsCriticalForAMinuteAndWhatItAllowsIsLess() {
    String name = unique("zombie");
    api()
        .register(
            "{\"Name\":\"%1$s\",\"Check\":{\"CheckID\":\"%1$s:ttl\",\"TTL\":\"5m\",\"DeregisterCriticalServiceAfter\":\"5s\"}}"
                .formatted(name))
        .isOk();
    instances(name, 1);
    api().tell(name, "pass");
    api().tell(name, "fail");
    pass(Duration.ofSeconds(50));
    assertThat(api().get("/v1/agent/services").at(name)).isNotNull();
    pass(Duration.ofSeconds(45));
    assertThat(api().get("/v1/agent/services").at(name)).isNull();
    assertThat(api().get("/v1/agent/checks").at(name + ":ttl")).isNull();
    instances(name, 0);
  }
}
