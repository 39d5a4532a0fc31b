package dev.weft.testkit;

import dev.weft.consul.agent.DevAgent;
import dev.weft.consul.agent.DevAgentConfig;
import java.io.IOException;
import java.net.URI;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** The contract, with the development agent. */
@NullUnmarked // set before the first test
final class DevAgentIdentityTest extends IdentityContract {
  private DevAgent agent;

  @BeforeAll
  void start() throws IOException {
    agent = DevAgent.start(DevAgentConfig.inMemory());
  }

  @AfterAll
  void stop() {
    agent.close();
  }

  @Override
  URI registry() {
    return agent.url();
  }
}
