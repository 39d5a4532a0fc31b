package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What operators can read of every process. */
@ExtendWith(SharedWeft.class)
final class PagesTest {
  private final Weft weft;

  PagesTest(Weft weft) {
    this.weft = weft;
  }

  @Test
  void theEdgeListsTheServicesItFound() {
    Answer services = Visitor.fetch(weft.url("services"));

    assertThat(services.status()).isEqualTo(200);
    List<String> names = services.json().path("services").findValuesAsText("name");
    assertThat(names).containsAll(Weft.SERVICES);
    for (JsonNode service : services.json().path("services")) {
      // A service that left, as another test's does, stays listed with no instance.
      if (Weft.SERVICES.contains(service.path("name").asText())) {
        assertThat(service.path("healthy").asInt()).as("%s", service).isEqualTo(1);
      }
    }
  }

  @Test
  void theEdgeShowsTheInstancesOfAServiceAndTheirHealth() {
    Answer service = Visitor.fetch(weft.url("services") + "/order-svc");

    JsonNode instance = service.json().at("/instances/0");
    assertThat(instance.path("port").intValue()).isEqualTo(weft.port("order-svc"));
    assertThat(instance.path("health").textValue()).isEqualTo("passing");
    assertThat(service.json().path("routes").findValuesAsText("path")).contains("/v1/orders");
    assertThat(Visitor.fetch(weft.url("services") + "/no-such-svc").status()).isEqualTo(404);
  }

  @ParameterizedTest
  @ValueSource(strings = {"edge-gateway", "user-svc", "order-svc", "payment-svc", "inventory-svc"})
  void everyProcessTellsHowItIs(String process) {
    String management = "http://127.0.0.1:" + weft.managementPort(process);

    assertThat(Visitor.fetch(management + "/livez").status()).isEqualTo(200);
    assertThat(Visitor.fetch(management + "/readyz").status()).isEqualTo(200);
    assertThat(Visitor.fetch(management + "/info").body()).contains(process);
    assertThat(Visitor.fetch(management + "/metrics").body()).contains("# TYPE ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"edge-gateway", "user-svc"})
  void theVersionIsTheOneOfTheBuild(String process) throws IOException {
    String pom = Files.readString(Command.ROOT.resolve("pom.xml"));
    String version = pom.replaceFirst("(?s).*?<version>([^<]+)</version>.*", "$1");

    Answer info = Visitor.fetch("http://127.0.0.1:" + weft.managementPort(process) + "/info");

    assertThat(info.json().path("version").textValue()).isEqualTo(version);
  }

  @Test
  void everyAnswerTellsItsRequestAndItsTime() {
    Answer answer = Visitor.anonymous(weft).get("/v1/products?pageSize=1");

    assertThat(answer.headers().firstValue("x-request-id")).isPresent();
    assertThat(answer.headers().firstValue("x-response-time")).isPresent();
  }
}
