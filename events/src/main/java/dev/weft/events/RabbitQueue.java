package dev.weft.events;

import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.AlreadyClosedException;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.DefaultConsumer;
import com.rabbitmq.client.Envelope;
import com.rabbitmq.client.ShutdownSignalException;
import dev.weft.durable.Event;
import java.io.IOException;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One queue that this process reads: at most {@value #PREFETCH} messages ahead, each acknowledged
 * when the receiver has taken charge of it.
 */
final class RabbitQueue implements AutoCloseable {
  static final int PREFETCH = 20;

  private static final Logger log = LoggerFactory.getLogger(RabbitQueue.class);

  /** What is done with the events of a queue. */
  @FunctionalInterface
  interface Taking {
    void take(EventTransport.Receiver receiver, Event event) throws InterruptedException;
  }

  private final String name;
  private final Taking taking;
  private final Runnable gone;
  private final Lanes lanes;
  private final Channel channel;
  private final String tag;
  private volatile boolean closing;

  /**
   * Reads from now on.
   *
   * @param gone told when the queue can be read no longer
   */
  RabbitQueue(
      Connection connection,
      String name,
      EventTransport.Receiver receiver,
      Taking taking,
      Runnable gone)
      throws IOException {
    this.name = name;
    this.taking = taking;
    this.gone = gone;
    this.lanes = new Lanes(receiver);
    this.channel = connection.createChannel();
    this.tag = consume();
  }

  private String consume() throws IOException {
    try {
      channel.basicQos(PREFETCH);
      return channel.basicConsume(name, false, new Reader(channel));
    } catch (IOException | AlreadyClosedException e) {
      // Else the broker may still make a reader of it, whom it would bring what nobody takes.
      RabbitTopology.close(channel);
      throw e;
    }
  }

  /** Reads no more, and waits so long at most until what was read is handled. */
  void finish(Duration atMost) throws IOException, InterruptedException {
    channel.basicCancel(tag);
    boolean _ = lanes.drain(atMost);
  }

  /** Ends it; what was read and not handled comes again. */
  @Override
  public void close() {
    closing = true;
    lanes.close();
    RabbitTopology.close(channel);
  }

  private final class Reader extends DefaultConsumer {
    Reader(Channel channel) {
      super(channel);
    }

    @Override
    public void handleDelivery(
        String consumerTag, Envelope envelope, BasicProperties properties, byte[] body) {
      try {
        lanes.put(item(envelope.getDeliveryTag(), properties, body));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }

    @Override
    public void handleCancel(String consumerTag) {
      log.warn("{}: the queue is gone", name);
      gone.run();
    }

    @Override
    public void handleShutdownSignal(String consumerTag, ShutdownSignalException signal) {
      if (!closing) {
        gone.run();
      }
    }
  }

  private Item item(long deliveryTag, BasicProperties properties, byte[] body) {
    try {
      Event event = RabbitMessages.event(properties, body);
      return new Item(
          deliveryTag,
          event.aggregate().bucket(),
          event.id().toString(),
          receiver -> taking.take(receiver, event));
    } catch (UnreadableEventException e) {
      return new Item(
          deliveryTag,
          0,
          "unreadable",
          receiver -> receiver.unreadable(body, String.valueOf(e.getMessage())));
    }
  }

  private void acknowledge(long deliveryTag) {
    try {
      channel.basicAck(deliveryTag, false);
    } catch (IOException | AlreadyClosedException e) {
      log.debug("{}: an acknowledgement did not arrive, its message comes again", name, e);
    }
  }

  @FunctionalInterface
  private interface Handing {
    void to(EventTransport.Receiver receiver) throws InterruptedException;
  }

  /** A message on its way. */
  private final class Item implements Lanes.Item {
    private final long deliveryTag;
    private final int lane;
    private final String name;
    private final Handing handing;

    Item(long deliveryTag, int lane, String name, Handing handing) {
      this.deliveryTag = deliveryTag;
      this.lane = lane;
      this.name = name;
      this.handing = handing;
    }

    @Override
    public int lane() {
      return lane;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public void handOver(EventTransport.Receiver receiver) throws InterruptedException {
      handing.to(receiver);
    }

    @Override
    public void acknowledge() {
      RabbitQueue.this.acknowledge(deliveryTag);
    }
  }
}
