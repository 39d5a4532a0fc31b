package dev.weft.prove;

import static org.assertj.core.api.Assertions.assertThat;

import com.rabbitmq.client.BuiltinExchangeType;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.GetResponse;
import dev.weft.durable.RabbitNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@Tag("broker")
final class BrokerShufflerTest {
  private static final int EVENTS = 60;
  private static final List<Flow> FLOWS = List.of(Flow.MONEY_OWED, Flow.GOODS_OWED);
  private static final List<String> ALL =
      IntStream.range(0, EVENTS).mapToObj(Integer::toString).toList();

  @Test
  void bringsEachEventThriceOutOfOrderToEveryConsumerAndOnceWhenItIsClosed(@TempDir Path folder) {
    Assumptions.assumeTrue(RabbitNode.installed(), "no RabbitMQ");
    try (Broker broker = Broker.in(folder, _ -> "")) {
      broker.with(
          channel -> {
            declare(channel);
            BrokerShuffler shuffler = new BrokerShuffler(broker, FLOWS, 7);
            publish(channel, ALL);
            shuffler.close();
            assertThat(shuffler.deliveries()).isEqualTo(EVENTS * Shuffle.TIMES);
            for (Flow flow : FLOWS) {
              List<String> seen = seen(channel, flow);
              assertThat(seen).hasSize(EVENTS * Shuffle.TIMES);
              assertThat(firstsOfOneQueue(seen)).isNotEqualTo(firstsOfOneQueue(ALL));
              ALL.forEach(
                  one -> assertThat(Collections.frequency(seen, one)).isEqualTo(Shuffle.TIMES));
            }
            publish(channel, ALL);
            assertThat(seen(channel, Flow.MONEY_OWED)).containsExactlyInAnyOrderElementsOf(ALL);
          });
    }
  }

  private static void declare(Channel channel) throws IOException {
    for (Flow flow : FLOWS) {
      var _ = channel.exchangeDeclare(flow.exchange(), BuiltinExchangeType.TOPIC, true);
      for (int i = 0; i < flow.queues().size(); i++) {
        String queue = flow.queues().get(i);
        var _ = channel.queueDeclare(queue, true, false, false, Map.of());
        for (String key : flow.keys(i)) {
          var _ = channel.queueBind(queue, flow.exchange(), key);
        }
      }
    }
    var _ = channel.confirmSelect();
  }

  private static void publish(Channel channel, List<String> events)
      throws IOException, InterruptedException {
    for (String event : events) {
      String key = "shop.order.refund_requested." + Integer.parseInt(event) % 16;
      channel.basicPublish(
          Flow.MONEY_OWED.exchange(), key, null, event.getBytes(StandardCharsets.UTF_8));
    }
    channel.waitForConfirmsOrDie();
  }

  /** Each event of the first queue where it stands first. */
  private static List<String> firstsOfOneQueue(List<String> events) {
    return events.stream().filter(one -> Integer.parseInt(one) % 4 == 0).distinct().toList();
  }

  /** What was in the queues, and is not any more. */
  private static List<String> seen(Channel channel, Flow flow) throws IOException {
    List<String> seen = new ArrayList<>();
    for (String queue : flow.queues()) {
      for (GetResponse one = channel.basicGet(queue, true);
          one != null;
          one = channel.basicGet(queue, true)) {
        seen.add(new String(one.getBody(), StandardCharsets.UTF_8));
      }
    }
    return seen;
  }
}
