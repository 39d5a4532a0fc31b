package dev.weft.consul.agent;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;

/** The end of a service, as told by the development agent. */
@NullUnmarked // set before the first test
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class DevAgentReapContractTest implements ReapContract {
  private volatile Instant now = Instant.parse("2026-01-01T00:00:00Z");
  private DevAgent agent;
  private Api api;

  @BeforeAll
  void start() throws IOException {
    agent = DevAgent.start(DevAgentConfig.inMemory().withClock(() -> now));
    api = new Api(agent.url());
  }

  @AfterAll
  void stop() {
    api.close();
    agent.close();
  }

  @Override
  public Api api() {
    return api;
  }

  @Override
  public void pass(Duration time) {
    now = now.plus(time);
    agent.reap();
  }
}
