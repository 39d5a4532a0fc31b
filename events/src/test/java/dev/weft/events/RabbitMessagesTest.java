package dev.weft.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.rabbitmq.client.AMQP.BasicProperties;
import dev.weft.durable.Event;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class RabbitMessagesTest {
  @Test
  void anEventIsTheSameAfterItsJourney() {
    Event event = event("a", 3);
    BasicProperties properties = RabbitMessages.properties(event);
    assertThat(RabbitMessages.event(properties, event.content().bytes()))
        .usingRecursiveComparison()
        .isEqualTo(event);
    assertThat(properties.getHeaders())
        .containsEntry("cloudEvents:specversion", "1.0")
        .containsEntry("cloudEvents:type", "shop.order.confirmed")
        .containsKey("cloudEvents:traceparent");
    assertThat(properties.getDeliveryMode()).isEqualTo(2);
  }

  @Test
  void whatNoTableTakesIsNoEvent() {
    BasicProperties properties = RabbitMessages.properties(event("a", 1));
    for (String name : List.of("id", "type", "subject", "correlationid", "dataschema")) {
      for (String text : List.of("a\0", "a".repeat(256))) {
        Map<String, Object> wrong = new HashMap<>(properties.getHeaders());
        wrong.put("cloudEvents:" + name, text);
        assertUnreadable(wrong);
      }
    }
    BasicProperties contentType = properties.builder().contentType("a\0").build();
    assertThatThrownBy(() -> RabbitMessages.event(contentType, new byte[0]))
        .isInstanceOf(UnreadableEventException.class)
        .hasMessageContaining("content type");
  }

  @Test
  void whatLacksAnAttributeOrHasOneThatIsNoneIsNoEvent() {
    BasicProperties properties = RabbitMessages.properties(event("a", 1));
    for (String name :
        List.of("specversion", "id", "type", "subject", "time", "aggregateversion", "position")) {
      Map<String, Object> without = new HashMap<>(properties.getHeaders());
      without.remove("cloudEvents:" + name);
      assertUnreadable(without);
      Map<String, Object> wrong = new HashMap<>(properties.getHeaders());
      wrong.put("cloudEvents:" + name, "");
      assertUnreadable(wrong);
    }
    assertThatThrownBy(() -> RabbitMessages.event(new BasicProperties(), new byte[0]))
        .isInstanceOf(UnreadableEventException.class);
  }

  private static void assertUnreadable(Map<String, Object> headers) {
    BasicProperties properties = new BasicProperties.Builder().headers(headers).build();
    assertThatThrownBy(() -> RabbitMessages.event(properties, new byte[0]))
        .isInstanceOf(UnreadableEventException.class)
        .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\0"));
  }

  private static Event event(String id, long version) {
    return new Event(
        7,
        UUID.randomUUID(),
        "order-svc",
        "shop.order.confirmed",
        2,
        new Event.Aggregate("shop.order", id, version),
        new Event.Content("application/protobuf", "shop.v1.Confirmed", new byte[] {1, 2}),
        new Event.Origin("request", Optional.of(UUID.randomUUID()), Optional.of("00-ab-cd-01")),
        Instant.parse("2026-11-21T10:00:00.123456Z"),
        Optional.of(Instant.parse("2026-11-21T10:00:03Z")));
  }
}
