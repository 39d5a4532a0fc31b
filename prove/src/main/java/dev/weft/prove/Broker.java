package dev.weft.prove;

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import dev.weft.durable.RabbitNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

/** A RabbitMQ of the proof's own, to which all services go by one line. */
final class Broker implements AutoCloseable {
  private final RabbitNode node;
  private final Line line;

  private Broker(RabbitNode node, Line line) {
    this.node = node;
    this.line = line;
  }

  /**
   * Starts one.
   *
   * @param folder for what it keeps; made if need be
   * @param caller says who is at the other end of a connection
   */
  static Broker in(Path folder, Function<Socket, String> caller) {
    try {
      RabbitNode node = RabbitNode.in(Files.createDirectories(folder));
      Broker broker = new Broker(node, new Line("broker", node::port, caller));
      node.start();
      return broker;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Where services find it, by the line. */
  String url() {
    return "amqp://guest:guest@127.0.0.1:" + line.port();
  }

  RabbitNode node() {
    return node;
  }

  Line line() {
    return line;
  }

  /** What is done there. */
  @FunctionalInterface
  interface Use {
    void on(Channel channel) throws IOException, TimeoutException, InterruptedException;
  }

  /** A connection of one's own, past the line, for whoever may do everything. */
  Connection connect() {
    ConnectionFactory factory = new ConnectionFactory();
    factory.setHost(InetAddress.getLoopbackAddress().getHostAddress());
    factory.setPort(node.port());
    factory.setAutomaticRecoveryEnabled(false);
    try {
      return factory.newConnection("proof");
    } catch (IOException | TimeoutException e) {
      throw new ProofException("no connection to the broker", e);
    }
  }

  /** Does something there. */
  void with(Use use) {
    try (Connection connection = connect()) {
      use.on(connection.createChannel());
    } catch (IOException | TimeoutException e) {
      throw new ProofException("the broker refused", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    }
  }

  /** Deletes queues with all that is in them. */
  void delete(List<String> queues) {
    with(
        channel -> {
          for (String queue : queues) {
            AMQP.Queue.DeleteOk _ = channel.queueDelete(queue);
          }
        });
  }

  /** Whether there is such a queue. */
  boolean has(String queue) {
    try (Connection connection = connect()) {
      AMQP.Queue.DeclareOk _ = connection.createChannel().queueDeclarePassive(queue);
      return true;
    } catch (IOException e) {
      return false;
    }
  }

  @Override
  public void close() {
    line.close();
    node.close();
  }
}
