package dev.weft.events;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.DefaultConsumer;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.TimeoutException;

/**
 * Which queues of a consumer are read by which of its processes, agreed upon in the broker: a
 * process counts for as long as it reads the queue {@code .members}, and holds a queue by an
 * exclusive one beside it, which goes with its connection. Equal shares; who holds more gives the
 * rest away.
 *
 * <p>That one process at a time reads a queue does not hang on it: the queues have a single active
 * consumer each. Used by one thread.
 */
final class RabbitShares implements AutoCloseable {
  private static final String COMPLETING = ".completing";

  private final Connection connection;
  private final String consumer;
  private final Channel members;

  RabbitShares(Connection connection, String consumer) throws IOException {
    this.connection = connection;
    this.consumer = consumer;
    this.members = connection.createChannel();
  }

  /** From now on this process counts. */
  void join() throws IOException {
    AMQP.Queue.DeclareOk _ = declareMembers();
    String _ = members.basicConsume(name(consumer), true, new DefaultConsumer(members));
  }

  /** The queue of those who take part. */
  static String name(String consumer) {
    return "weft." + consumer + ".members";
  }

  private AMQP.Queue.DeclareOk declareMembers() throws IOException {
    // Durable, because brokers to come know no other that is shared; gone with its last reader.
    return members.queueDeclare(name(consumer), true, false, true, Map.of());
  }

  /** How many queues are this process's share. */
  int fair() throws IOException {
    return Math.ceilDiv(RabbitTopology.QUEUES, Math.max(1, declareMembers().getConsumerCount()));
  }

  /** Holds a queue unless another process does. */
  boolean take(int queue) throws IOException, TimeoutException {
    return hold(lock(queue));
  }

  /** Lets another process have it. */
  void give(int queue) throws IOException {
    AMQP.Queue.DeleteOk _ = members.queueDelete(lock(queue));
  }

  /**
   * Lets this process alone fill the queues with what is in the log only; false if another does.
   */
  boolean takeCompleting() throws IOException, TimeoutException {
    return hold(RabbitTopology.queue(consumer, 0) + COMPLETING);
  }

  void giveCompleting() throws IOException {
    AMQP.Queue.DeleteOk _ = members.queueDelete(RabbitTopology.queue(consumer, 0) + COMPLETING);
  }

  private String lock(int queue) {
    return RabbitTopology.queue(consumer, queue) + ".held";
  }

  private boolean hold(String lock) throws IOException, TimeoutException {
    Channel channel = connection.createChannel();
    try {
      AMQP.Queue.DeclareOk _ = channel.queueDeclare(lock, false, true, false, Map.of());
      return true;
    } catch (IOException e) {
      if (RabbitTopology.code(e) == AMQP.RESOURCE_LOCKED) {
        return false;
      }
      throw e;
    } finally {
      RabbitTopology.close(channel);
    }
  }

  @Override
  public void close() {
    RabbitTopology.close(members);
  }
}
