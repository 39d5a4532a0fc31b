package dev.weft.testkit;

import static org.awaitility.Awaitility.await;

import dev.weft.durable.LocalPorts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
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
  private static final Path BIN = Path.of("/usr/lib/rabbitmq/bin");
  private static final int ANSWER_MILLIS = 2_000;
  private static final Duration START_MAX = Duration.ofMinutes(2);

  private Node node = Node.NONE;

  @Override
  public void beforeAll(ExtensionContext context) {
    if (!Files.isExecutable(BIN.resolve("rabbitmq-server"))) {
      Assumptions.abort("no RabbitMQ: install the package rabbitmq-server");
    }
    node =
        context
            .getRoot()
            .getStore(ExtensionContext.Namespace.create(LocalRabbit.class))
            .computeIfAbsent(Node.class, _ -> Node.make(), Node.class);
    node.start();
  }

  /** Its address, with user and password. */
  public String url() {
    return "amqp://guest:guest@127.0.0.1:" + node.port();
  }

  /** Starts it unless it runs, and waits until it can be used. */
  public void start() {
    node.start();
  }

  /** {@code kill -9}. */
  public void kill() {
    node.kill();
  }

  /** Sends the node a signal, such as {@code STOP}. */
  public void signal(String name) {
    run(List.of("kill", "-" + name, Long.toString(node.pid())), Map.of());
  }

  /** Tells the node something as an operator would, by {@code rabbitmqctl}. */
  public void ctl(String... words) {
    List<String> command = new ArrayList<>(List.of(BIN.resolve("rabbitmqctl").toString()));
    command.addAll(List.of(words));
    run(command, node.environment());
  }

  private static void run(List<String> command, Map<String, String> environment) {
    try {
      ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
      builder.environment().putAll(environment);
      Process process = builder.redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
      if (!process.waitFor(60, TimeUnit.SECONDS) || process.exitValue() != 0) {
        process.destroyForcibly();
        throw new IllegalStateException(String.join(" ", command) + " failed");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The node, and the port mapper of its Erlang. */
  private static final class Node implements AutoCloseable {
    static final Node NONE = new Node(Path.of(""), 0, 0, 0);

    private final Path directory;
    private final int port;
    private final int distribution;
    private final int mapper;
    private final List<Process> processes = new ArrayList<>();

    private Node(Path directory, int port, int distribution, int mapper) {
      this.directory = directory;
      this.port = port;
      this.distribution = distribution;
      this.mapper = mapper;
    }

    static Node make() {
      try {
        Path directory = Files.createTempDirectory("weft-rabbit");
        Files.writeString(directory.resolve("plugins"), "[].");
        Files.writeString(directory.resolve("env.conf"), "");
        int port = LocalPorts.free();
        Files.writeString(
            directory.resolve("rabbitmq.conf"),
            """
            listeners.tcp.local = 127.0.0.1:%d
            disk_free_limit.absolute = 1MB
            raft.wal_max_size_bytes = 32000000
            log.console = true
            log.file = false
            """
                .formatted(port));
        Node node = new Node(directory, port, LocalPorts.free(), LocalPorts.free());
        node.processes.add(
            node.launch("epmd", "-address", "127.0.0.1", "-port", Integer.toString(node.mapper)));
        Runtime.getRuntime().addShutdownHook(new Thread(node::killAll));
        return node;
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    int port() {
      return port;
    }

    long pid() {
      return processes.getLast().pid();
    }

    Map<String, String> environment() {
      return Map.ofEntries(
          Map.entry("HOME", directory.toString()),
          Map.entry("RABBITMQ_NODENAME", "weft" + port + "@localhost"),
          Map.entry("RABBITMQ_DIST_PORT", Integer.toString(distribution)),
          Map.entry("RABBITMQ_CONFIG_FILE", directory.resolve("rabbitmq.conf").toString()),
          Map.entry("RABBITMQ_CONF_ENV_FILE", directory.resolve("env.conf").toString()),
          Map.entry("RABBITMQ_ENABLED_PLUGINS_FILE", directory.resolve("plugins").toString()),
          Map.entry("RABBITMQ_MNESIA_BASE", directory.resolve("data").toString()),
          Map.entry("RABBITMQ_LOG_BASE", directory.resolve("log").toString()),
          Map.entry(
              "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
              "-kernel inet_dist_use_interface {127,0,0,1} +sbwt none"),
          Map.entry("ERL_EPMD_PORT", Integer.toString(mapper)),
          Map.entry("ERL_EPMD_ADDRESS", "127.0.0.1"),
          // The script becomes the node, so that one signal reaches it.
          Map.entry("RUNNING_UNDER_SYSTEMD", "true"));
    }

    private Process launch(String... command) throws IOException {
      ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
      builder.environment().putAll(environment());
      builder.redirectOutput(
          ProcessBuilder.Redirect.appendTo(directory.resolve("output").toFile()));
      return builder.start();
    }

    void start() {
      if (processes.getLast().isAlive() && processes.size() > 1) {
        return;
      }
      try {
        processes.add(launch(BIN.resolve("rabbitmq-server").toString()));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      await().atMost(START_MAX).until(this::answers);
    }

    /** It listens when all else is up; this is how its protocol begins. */
    private boolean answers() {
      try (Socket socket = new Socket()) {
        socket.connect(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), port), ANSWER_MILLIS);
        socket.setSoTimeout(ANSWER_MILLIS);
        socket.getOutputStream().write(new byte[] {'A', 'M', 'Q', 'P', 0, 0, 9, 1});
        return socket.getInputStream().read() == 1;
      } catch (IOException e) {
        return false;
      }
    }

    void kill() {
      processes.removeLast().destroyForcibly().onExit().join();
    }

    private void killAll() {
      processes.reversed().forEach(process -> process.destroyForcibly().onExit().join());
    }

    @Override
    public void close() throws IOException {
      killAll();
      try (Stream<Path> files = Files.walk(directory)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.deleteIfExists(file);
        }
      }
    }
  }
}
