package dev.weft.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.weft.testkit.LocalRabbit;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Events through a broker that is there, and orders whether it is there or not. */
@Tag("broker")
final class BrokerTest {
  private static final Duration LIMIT = Duration.ofSeconds(60);
  private static final List<String> OF_A_CONFIRMED_ORDER =
      List.of("shop.order.created", "shop.order.capture_begun", "shop.order.confirmed");

  @RegisterExtension static final LocalRabbit broker = new LocalRabbit();

  @Test
  void ordersAreConfirmedWhileTheBrokerIsDownAndItsEventsArriveAfter() {
    try (Weft weft =
        Weft.up("broker", Map.of("WEFT_EVENTS_URL", broker.url()), "--registry", "dev")) {
      Visitor customer = Visitor.demo(weft);
      Tap tap = new Tap(broker.url(), "weft.order-svc");
      String before = confirmed(weft, customer);
      awaitEvents(tap, before);
      assertThat(tap.of(before)).allSatisfy(BrokerTest::isACloudEvent);
      await().atMost(LIMIT).until(() -> readiness(weft), ready -> ready.contains("\"ready\""));

      broker.kill();
      String during = confirmed(weft, customer);
      await().atMost(LIMIT).until(() -> readiness(weft), ready -> ready.contains("\"degraded\""));
      assertThat(weft.ready("order-svc")).isTrue();
      broker.start();
      String after = confirmed(weft, customer);

      awaitEvents(tap, during);
      awaitEvents(tap, after);
      await().atMost(LIMIT).until(() -> readiness(weft), ready -> ready.contains("\"ready\""));
      calledOffIsRefunded(customer, during);
    }
  }

  /** By events of three services, there and back. */
  private static void calledOffIsRefunded(Visitor customer, String order) {
    Answer called =
        customer.post("/v1/orders/" + order + ":cancel", UUID.randomUUID().toString(), Map.of());
    assertThat(called.status()).as("%s", called).isEqualTo(200);
    await("the refund of " + order)
        .atMost(LIMIT)
        .until(() -> customer.get("/v1/orders/" + order).text("state").equals("STATE_REFUNDED"));
  }

  private static String confirmed(Weft weft, Visitor customer) {
    String order =
        Orders.place(
            customer,
            UUID.randomUUID().toString(),
            Orders.of(weft.product("MUG-01"), 1, "card_ok"));
    assertThat(Orders.confirmed(Orders.awaitEnd(customer, order))).isTrue();
    return order;
  }

  /** All that was said of a confirmed order, in the order of its versions. */
  private static void awaitEvents(Tap tap, String order) {
    await("the events of " + order).atMost(LIMIT).until(() -> tap.read().of(order).size() == 3);
    assertThat(tap.of(order)).extracting(Tap.Message::type).isEqualTo(OF_A_CONFIRMED_ORDER);
    assertThat(tap.of(order))
        .extracting(message -> message.attribute("aggregateversion"))
        .containsExactly("1", "2", "3");
  }

  private static void isACloudEvent(Tap.Message message) {
    assertThat(message.attribute("specversion")).isEqualTo("1.0");
    assertThat(message.attribute("source")).isEqualTo("order-svc");
    assertThat(message.attribute("id")).isEqualTo(message.id());
    assertThat(message.attribute("type")).isEqualTo(message.type());
    assertThat(message.contentType()).isEqualTo("application/protobuf");
  }

  private static String readiness(Weft weft) {
    Answer answer =
        Visitor.fetch("http://127.0.0.1:" + weft.managementPort("order-svc") + "/readyz");
    assertThat(answer.status()).isEqualTo(200);
    return answer.json().path("status").toString();
  }
}
