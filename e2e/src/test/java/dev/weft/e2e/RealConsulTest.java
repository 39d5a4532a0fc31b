package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/**
 * The same system on a real Consul: the binary that {@code WEFT_CONSUL_BINARY} names, or {@code
 * consul} on the PATH.
 */
@BesideSharedWeft
final class RealConsulTest {

  @Test
  void anOrderIsConfirmedWithARealConsulAsTheRegistry() {
    Path consul =
        Command.find("WEFT_CONSUL_BINARY", "consul")
            .orElseGet(
                () -> {
                  String why = "no consul: put it on the PATH or name it in WEFT_CONSUL_BINARY";
                  System.out.println("SKIPPED: " + why);
                  return abort(why);
                });
    String path = consul.getParent() + ":" + System.getenv("PATH");

    try (Weft weft = Weft.up("consul", Map.of("PATH", path), "--registry", "consul")) {
      Visitor customer = Visitor.demo(weft);
      String id =
          Orders.place(
              customer,
              UUID.randomUUID().toString(),
              Orders.of(weft.product("MUG-01"), 1, "card_ok"));

      JsonNode order = Orders.awaitEnd(customer, id);

      assertThat(order.path("state").textValue()).isEqualTo("STATE_CONFIRMED");
      JsonNode self = Visitor.fetch(weft.url("registry") + "/v1/agent/self").json();
      assertThat(self.at("/Config/Server").asBoolean()).isTrue();
      JsonNode services = Visitor.fetch(weft.url("registry") + "/v1/catalog/services").json();
      assertThat(services.fieldNames()).toIterable().contains("consul").containsAll(Weft.SERVICES);
    }
  }
}
