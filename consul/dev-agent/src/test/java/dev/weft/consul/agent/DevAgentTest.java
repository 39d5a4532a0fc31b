package dev.weft.consul.agent;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.Test;

/** What the agent promises beyond Consul's API. */
final class DevAgentTest {
  @Test
  void answersOnAFreePortWithinItsOwnProcess() throws Exception {
    try (DevAgent agent = DevAgent.start(DevAgentConfig.inMemory());
        HttpClient http = HttpClient.newHttpClient()) {
      URI leader = URI.create("http:/" + agent.address() + "/v1/status/leader");
      HttpResponse<String> answer =
          http.send(HttpRequest.newBuilder(leader).build(), HttpResponse.BodyHandlers.ofString());
      assertThat(answer.statusCode()).isEqualTo(200);
      assertThat(answer.body()).isEqualTo("\"127.0.0.1:" + agent.address().getPort() + "\"");
    }
  }
}
