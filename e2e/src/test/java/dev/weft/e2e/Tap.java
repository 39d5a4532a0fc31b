package dev.weft.e2e;

import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.BuiltinExchangeType;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.GetResponse;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A queue that takes all of an exchange, as somebody attaches who wants to see what goes by. */
final class Tap {
  private static final String QUEUE = "tap";

  private final ConnectionFactory factory = new ConnectionFactory();
  private final List<Message> messages = new ArrayList<>();
  private final Set<String> ids = new HashSet<>();

  /** One message, without its payload. */
  record Message(String id, String type, String contentType, Map<String, Object> headers) {
    static Message of(BasicProperties properties) {
      return new Message(
          properties.getMessageId(),
          properties.getType(),
          properties.getContentType(),
          properties.getHeaders());
    }

    /** As the binding of CloudEvents for AMQP has them. */
    String attribute(String name) {
      return String.valueOf(headers.get("cloudEvents:" + name));
    }
  }

  private interface Use {
    void on(Channel channel) throws Exception;
  }

  Tap(String url, String exchange) {
    try {
      factory.setUri(url);
    } catch (Exception e) {
      throw new IllegalArgumentException(url, e);
    }
    with(
        channel -> {
          var _ = channel.exchangeDeclare(exchange, BuiltinExchangeType.TOPIC, true);
          var _ = channel.queueDeclare(QUEUE, true, false, false, Map.of());
          var _ = channel.queueBind(QUEUE, exchange, "#");
        });
  }

  /** Takes what has come since. */
  Tap read() {
    with(
        channel -> {
          GetResponse next = channel.basicGet(QUEUE, true);
          while (next != null) {
            Message message = Message.of(next.getProps());
            if (ids.add(message.id())) {
              messages.add(message);
            }
            next = channel.basicGet(QUEUE, true);
          }
        });
    return this;
  }

  /** Of one aggregate, in the order in which they came for the first time. */
  List<Message> of(String aggregate) {
    return messages.stream()
        .filter(message -> message.attribute("subject").equals(aggregate))
        .toList();
  }

  private void with(Use use) {
    try (Connection connection = factory.newConnection();
        Channel channel = connection.createChannel()) {
      use.on(channel);
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }
}
