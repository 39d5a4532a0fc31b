package dev.weft.consul.agent;

import java.io.IOException;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Chains as the development agent compiles them. */
@NullUnmarked // set before the first test
final class DevAgentChainConformanceTest extends ChainConformance {
  private DevAgent agent;
  private Api api;

  @BeforeAll
  void start() throws IOException {
    agent = DevAgent.start(DevAgentConfig.inMemory());
    api = new Api(agent.url());
  }

  @AfterAll
  void stop() {
    api.close();
    agent.close();
  }

  @Override
  Api api() {
    return api;
  }
}
