package dev.weft.durable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A real RabbitMQ of one's own, as {@link LocalPostgres} is a PostgreSQL, for tests and proofs: on
 * loopback and free ports, from the package {@code rabbitmq-server} where that is installed.
 *
 * <p>Not thread-safe. Closing it, or the end of this process, ends it; its folder stays.
 */
public final class RabbitNode implements AutoCloseable {
  private static final Path BIN = Path.of("/usr/lib/rabbitmq/bin");
  private static final int ANSWER_MILLIS = 2_000;
  private static final Duration START_MAX = Duration.ofMinutes(2);
  private static final Duration PAUSE = Duration.ofMillis(100);

  private final Path directory;
  private final int port;
  private final int distribution;
  private final int mapper;
  private final Process names;
  private @Nullable Process node;

  private RabbitNode(Path directory, int port, int distribution, int mapper) throws IOException {
    this.directory = directory;
    this.port = port;
    this.distribution = distribution;
    this.mapper = mapper;
    // The port mapper of its Erlang.
    names = launch("epmd", "-address", "127.0.0.1", "-port", Integer.toString(mapper));
    Runtime.getRuntime().addShutdownHook(new Thread(this::close, "rabbit"));
  }

  /** Whether the package is there. */
  public static boolean installed() {
    return Files.isExecutable(BIN.resolve("rabbitmq-server"));
  }

  /** One that keeps everything in this folder, which is there; not started. */
  public static RabbitNode in(Path directory) {
    try {
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
      return new RabbitNode(directory, port, LocalPorts.free(), LocalPorts.free());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Where it listens; always the same. */
  public int port() {
    return port;
  }

  /** Starts it unless it runs, and returns when it can be used. */
  public void start() {
    if (node != null && node.isAlive()) {
      return;
    }
    try {
      node = launch(BIN.resolve("rabbitmq-server").toString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    long end = System.nanoTime() + START_MAX.toNanos();
    while (!answers()) {
      if (System.nanoTime() > end) {
        throw new IllegalStateException("RabbitMQ did not start; its output is in " + directory);
      }
      try {
        TimeUnit.NANOSECONDS.sleep(PAUSE.toNanos());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException("interrupted", e);
      }
    }
  }

  /** {@code kill -9}. */
  public void kill() {
    if (node != null) {
      node.destroyForcibly().onExit().join();
    }
  }

  /** Sends the node a signal, such as {@code STOP}. */
  public void signal(String name) {
    if (node != null) {
      run(List.of("kill", "-" + name, Long.toString(node.pid())));
    }
  }

  /** Tells the node something as an operator would, by {@code rabbitmqctl}. */
  public void ctl(String... words) {
    List<String> command = new ArrayList<>(List.of(BIN.resolve("rabbitmqctl").toString()));
    command.addAll(List.of(words));
    run(command);
  }

  @Override
  public void close() {
    kill();
    names.destroyForcibly().onExit().join();
  }

  /** It listens when all else is up; this is how its protocol begins. */
  private boolean answers() {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), ANSWER_MILLIS);
      socket.setSoTimeout(ANSWER_MILLIS);
      socket.getOutputStream().write(new byte[] {'A', 'M', 'Q', 'P', 0, 0, 9, 1});
      return socket.getInputStream().read() == 1;
    } catch (IOException e) {
      return false;
    }
  }

  private void run(List<String> command) {
    try {
      ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
      builder.environment().putAll(environment());
      Process process = builder.redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
      if (!process.waitFor(60, TimeUnit.SECONDS) || process.exitValue() != 0) {
        process.destroyForcibly();
        throw new IllegalStateException(String.join(" ", command) + " failed");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  private Process launch(String... command) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().putAll(environment());
    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(directory.resolve("output").toFile()));
    return builder.start();
  }

  private Map<String, String> environment() {
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
}
