package dev.weft.testkit;

import static java.util.Objects.requireNonNull;

import dev.weft.durable.RabbitNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A real RabbitMQ node of its own for the test run, on loopback and free ports; gone with the run.
 * Where the package {@code rabbitmq-server} is not installed, the class is skipped.
 *
 * <pre>{@code
 * @RegisterExtension static final LocalRabbit broker = new LocalRabbit();
 * }</pre>
 *
 * <p>Classes share it, one after the other; each finds it running.
 */
public final class LocalRabbit implements BeforeAllCallback {
  private @Nullable RabbitNode node;

  @Override
  public void beforeAll(ExtensionContext context) {
    if (!RabbitNode.installed()) {
      Assumptions.abort("no RabbitMQ: install the package rabbitmq-server");
    }
    node =
        context
            .getRoot()
            .getStore(ExtensionContext.Namespace.create(LocalRabbit.class))
            .computeIfAbsent(Own.class, _ -> Own.make(), Own.class)
            .node();
    node.start();
  }

  /** Its address, with user and password. */
  public String url() {
    return "amqp://guest:guest@127.0.0.1:" + node().port();
  }

  /** Starts it unless it runs, and waits until it can be used. */
  public void start() {
    node().start();
  }

  /** {@code kill -9}. */
  public void kill() {
    node().kill();
  }

  /** Sends the node a signal, such as {@code STOP}. */
  public void signal(String name) {
    node().signal(name);
  }

  /** Tells the node something as an operator would, by {@code rabbitmqctl}. */
  public void ctl(String... words) {
    node().ctl(words);
  }

  private RabbitNode node() {
    return requireNonNull(node, "it is there from the first test on");
  }

  /** The node, with a folder that goes when it does. */
  private record Own(Path directory, RabbitNode node) implements AutoCloseable {
    static Own make() {
      try {
        Path directory = Files.createTempDirectory("weft-rabbit");
        return new Own(directory, RabbitNode.in(directory));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    @Override
    public void close() throws IOException {
      node.close();
      try (Stream<Path> files = Files.walk(directory)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(file);
        }
      }
    }
  }
}
