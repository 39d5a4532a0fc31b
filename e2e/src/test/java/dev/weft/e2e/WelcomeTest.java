package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The last words of {@code ./weft up} are true. */
@ExtendWith(SharedWeft.class)
final class WelcomeTest {
  private final Weft weft;

  WelcomeTest(Weft weft) {
    this.weft = weft;
  }

  @Test
  void thePrintedLinesPlaceAnOrderThatIsConfirmed() {
    List<String> lines =
        weft.welcome()
            .lines()
            .map(String::strip)
            .filter(line -> line.startsWith("TOKEN=") || line.startsWith("curl "))
            .toList();
    assertThat(lines).hasSize(3);

    Command.Outcome placed = Command.bash(String.join("\n", lines.subList(0, 2)), Map.of());

    JsonNode order = Answer.json(placed.out());
    assertThat(order.path("state").asText()).as("%s", placed).isEqualTo("STATE_PENDING");
    String list = lines.getFirst() + "\n" + lines.getLast();
    await()
        .atMost(Duration.ofMinutes(1))
        .until(
            () -> Answer.json(Command.bash(list, Map.of()).out()).path("orders"),
            orders -> endedConfirmed(orders, order.path("orderId").textValue()));
  }

  @Test
  void thePrintedPagesAnswer() {
    List<String> pages =
        weft.welcome()
            .lines()
            .map(line -> line.replaceFirst("^\\s*(registry|services) +(http\\S+).*", "$2"))
            .filter(line -> line.startsWith("http"))
            .toList();
    assertThat(pages).hasSize(2);

    for (String page : pages) {
      Answer answer = Visitor.fetch(page);
      assertThat(answer.status()).as(page).isEqualTo(200);
      assertThat(answer.body()).contains(Weft.SERVICES);
    }
  }

  private static boolean endedConfirmed(JsonNode orders, String id) {
    for (JsonNode order : orders) {
      if (order.path("orderId").asText().equals(id)) {
        return Orders.confirmed(order);
      }
    }
    return false;
  }
}
