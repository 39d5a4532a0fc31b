package dev.weft.consul.agent;

import java.io.IOException;
import org.jspecify.annotations.NullUnmarked;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;

/** The CA's part of the contract, kept by the development agent. */
@NullUnmarked // set before the first test
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class DevAgentConnectContractTest implements ConnectContract {
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
  public Api api() {
    return api;
  }
}
