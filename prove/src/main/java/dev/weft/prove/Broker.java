package dev.weft.prove;

import dev.weft.durable.RabbitNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;

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
   */
  static Broker in(Path folder) {
    try {
      RabbitNode node = RabbitNode.in(Files.createDirectories(folder));
      Broker broker = new Broker(node, new Line("broker", node::port, _ -> ""));
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

  @Override
  public void close() {
    line.close();
    node.close();
  }
}
