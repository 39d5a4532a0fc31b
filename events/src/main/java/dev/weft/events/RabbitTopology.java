package dev.weft.events;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.AlreadyClosedException;
import com.rabbitmq.client.BuiltinExchangeType;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Command;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ShutdownSignalException;
import dev.weft.durable.Event;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;

/**
 * What there is in the broker, by name, and how it is declared. Declaring again changes nothing.
 *
 * <ul>
 *   <li>{@code weft.<source>}: a topic exchange for each service that says events; the routing key
 *       is the event's type and its bucket, {@code shop.order.confirmed.7}
 *   <li>{@code weft.<source>.wanted}: a topic exchange that tells whether anybody ever asked for a
 *       type
 *   <li>{@code weft.<consumer>.0} to {@code .3}: quorum queues, each for a quarter of the buckets
 *   <li>{@code weft.<consumer>.dead}: what was brought {@value #DELIVERIES_MAX} times in vain,
 *       through the exchange {@code weft.dead}
 *   <li>{@code weft.<consumer>.wants}: holds nothing; bound to what the consumer asked for, for as
 *       long as it is a consumer
 *   <li>{@code weft.<consumer>.complete}: holds nothing; there as long as the queues hold all that
 *       the consumer did not handle
 * </ul>
 */
final class RabbitTopology {
  /**
   * For each consumer, for ever: with another number an aggregate's events would be in two queues.
   */
  static final int QUEUES = 4;

  static final int DELIVERIES_MAX = 20;

  private static final Duration DELETE_MAX = Duration.ofSeconds(10);
  private static final int LENGTH_MAX = 1_000_000;
  private static final String PREFIX = "weft.";
  private static final String DEAD = PREFIX + "dead";

  private RabbitTopology() {}

  static String exchange(String source) {
    return PREFIX + source;
  }

  static String wanted(String source) {
    return PREFIX + source + ".wanted";
  }

  static String routingKey(Event event) {
    return event.type() + "." + event.aggregate().bucket();
  }

  static String queue(String consumer, int index) {
    return PREFIX + consumer + "." + index;
  }

  static String dead(String consumer) {
    return PREFIX + consumer + ".dead";
  }

  static String wants(String consumer) {
    return PREFIX + consumer + ".wants";
  }

  static String complete(String consumer) {
    return PREFIX + consumer + ".complete";
  }

  /** All that belongs to a consumer, its quorum queues first; deleting it ends the consumer. */
  static List<String> queues(String consumer) {
    return List.of(
        queue(consumer, 0),
        queue(consumer, 1),
        queue(consumer, 2),
        queue(consumer, 3),
        dead(consumer),
        wants(consumer),
        complete(consumer));
  }

  /** What a service publishes to. */
  static void declareSource(Channel channel, String source) throws IOException {
    channel.exchangeDeclare(exchange(source), BuiltinExchangeType.TOPIC, true);
    channel.exchangeDeclare(wanted(source), BuiltinExchangeType.TOPIC, true);
  }

  /** Whether the queues are there and hold all that the consumer did not handle. */
  static boolean isComplete(Connection connection, String consumer)
      throws IOException, TimeoutException {
    for (String queue : quorumQueues(consumer)) {
      if (!exists(connection, queue)) {
        return false;
      }
    }
    return exists(connection, complete(consumer));
  }

  /**
   * Makes the queues of a consumer that are missing; what there was before is in the log alone. By
   * one process of the consumer at a time.
   */
  static void make(Connection connection, Subscription subscription)
      throws IOException, TimeoutException, InterruptedException {
    String consumer = subscription.consumer();
    if (exists(connection, complete(consumer))) {
      delete(connection, List.of(complete(consumer)));
    } else {
      // Nobody finished those that are there. A broker that is killed within a second of making a
      // quorum queue may bring it back without a leader, and then it never has one.
      delete(connection, quorumQueues(consumer));
    }
    declareConsumer(connection, subscription);
  }

  private static List<String> quorumQueues(String consumer) {
    return queues(consumer).subList(0, QUEUES + 1);
  }

  /** All at the same time: one that has no leader takes seconds. */
  private static void delete(Connection connection, List<String> queues)
      throws IOException, TimeoutException, InterruptedException {
    List<Channel> channels = new ArrayList<>();
    try {
      List<CompletableFuture<Command>> answers = new ArrayList<>();
      for (String queue : queues) {
        Channel channel = connection.createChannel();
        channels.add(channel);
        answers.add(
            channel.asyncCompletableRpc(new AMQP.Queue.Delete.Builder().queue(queue).build()));
      }
      Void _ =
          CompletableFuture.allOf(answers.toArray(CompletableFuture<?>[]::new))
              .get(DELETE_MAX.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw new IOException("queues could not be deleted", e.getCause());
    } finally {
      channels.forEach(RabbitTopology::close);
    }
  }

  /** What a consumer reads from, and what it asked for. */
  static void declareConsumer(Connection connection, Subscription subscription) throws IOException {
    Channel channel = connection.createChannel();
    try {
      declareSource(channel, subscription.source());
      declareDead(channel, subscription.consumer());
      for (int i = 0; i < QUEUES; i++) {
        declareQueue(channel, subscription, i);
      }
      // At last: what somebody wants and no queue takes is an error.
      declareWants(channel, subscription);
    } finally {
      close(channel);
    }
  }

  /** The queues hold all that the consumer did not handle, from now on. */
  static void declareComplete(Connection connection, String consumer) throws IOException {
    Channel channel = connection.createChannel();
    try {
      AMQP.Queue.DeclareOk _ =
          channel.queueDeclare(complete(consumer), true, false, false, Map.of("x-max-length", 0));
    } finally {
      close(channel);
    }
  }

  private static void declareDead(Channel channel, String consumer) throws IOException {
    channel.exchangeDeclare(DEAD, BuiltinExchangeType.DIRECT, true);
    AMQP.Queue.DeclareOk _ =
        channel.queueDeclare(
            dead(consumer),
            true,
            false,
            false,
            Map.of(
                "x-queue-type",
                "quorum",
                "x-max-length",
                LENGTH_MAX,
                "x-overflow",
                "reject-publish"));
    channel.queueBind(dead(consumer), DEAD, consumer);
  }

  private static void declareWants(Channel channel, Subscription subscription) throws IOException {
    String name = wants(subscription.consumer());
    AMQP.Queue.DeclareOk _ =
        channel.queueDeclare(name, true, false, false, Map.of("x-max-length", 0));
    for (TypePattern type : subscription.types()) {
      channel.queueBind(name, wanted(subscription.source()), type.text());
    }
  }

  private static void declareQueue(Channel channel, Subscription subscription, int index)
      throws IOException {
    String name = queue(subscription.consumer(), index);
    AMQP.Queue.DeclareOk _ =
        channel.queueDeclare(
            name,
            true,
            false,
            false,
            Map.of(
                "x-queue-type",
                "quorum",
                "x-single-active-consumer",
                true,
                "x-delivery-limit",
                DELIVERIES_MAX,
                "x-max-length",
                LENGTH_MAX,
                "x-overflow",
                "reject-publish",
                "x-dead-letter-exchange",
                DEAD,
                "x-dead-letter-routing-key",
                subscription.consumer(),
                "x-dead-letter-strategy",
                "at-least-once"));
    int[] buckets =
        IntStream.range(0, Event.BUCKETS).filter(bucket -> bucket % QUEUES == index).toArray();
    for (TypePattern type : subscription.types()) {
      for (int bucket : buckets) {
        channel.queueBind(name, exchange(subscription.source()), type.text() + "." + bucket);
      }
    }
  }

  /** Whether there is such a queue. On a channel of its own, which a "no" closes. */
  static boolean exists(Connection connection, String queue) throws IOException, TimeoutException {
    Channel channel = connection.createChannel();
    try {
      AMQP.Queue.DeclareOk _ = channel.queueDeclarePassive(queue);
      return true;
    } catch (IOException e) {
      if (code(e) == AMQP.NOT_FOUND) {
        return false;
      }
      throw e;
    } finally {
      close(channel);
    }
  }

  /** Why the broker closed a channel or connection; 0 if that is not what happened. */
  static int code(IOException e) {
    if (e.getCause() instanceof ShutdownSignalException signal) {
      return switch (signal.getReason()) {
        case AMQP.Channel.Close close -> close.getReplyCode();
        case AMQP.Connection.Close close -> close.getReplyCode();
        case null, default -> 0;
      };
    }
    return 0;
  }

  /** Closes a channel, however it is. */
  static void close(Channel channel) {
    try {
      channel.abort();
    } catch (IOException | AlreadyClosedException e) {
      // It is closed, which was the aim.
    }
  }
}
