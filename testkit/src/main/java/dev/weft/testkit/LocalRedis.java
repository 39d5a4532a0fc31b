package dev.weft.testkit;

import static java.util.Objects.requireNonNull;
import static org.awaitility.Awaitility.await;

import dev.weft.durable.LocalPorts;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A real Redis of its own for the test run, on loopback and a free port, with a password; it keeps
 * nothing on disk and is gone with the run. Where there is no {@code redis-server} on the path, the
 * class is skipped.
 *
 * <pre>{@code
 * @RegisterExtension static final LocalRedis redis = new LocalRedis();
 * }</pre>
 *
 * <p>Classes share it, one after the other; each finds it running and empty.
 */
public final class LocalRedis implements BeforeAllCallback {
  private static final Duration START_MAX = Duration.ofSeconds(10);
  private static final Duration POLL = Duration.ofMillis(5);

  private @Nullable Node node;

  @Override
  public void beforeAll(ExtensionContext context) {
    Optional<Path> program = program();
    if (program.isEmpty()) {
      Assumptions.abort("no Redis: install the package redis-server");
    }
    node =
        context
            .getRoot()
            .getStore(ExtensionContext.Namespace.create(LocalRedis.class))
            .computeIfAbsent(Node.class, _ -> new Node(program.orElseThrow()), Node.class);
    // Whatever the last class left.
    node.kill();
    node.start();
  }

  private static Optional<Path> program() {
    return Stream.of(System.getenv("PATH").split(Pattern.quote(File.pathSeparator)))
        .map(folder -> Path.of(folder, "redis-server"))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /** Its address, with the password. */
  public String url() {
    return "redis://:" + node().password + "@127.0.0.1:" + node().port;
  }

  /** Where it listens; always the same. */
  public int port() {
    return node().port;
  }

  /** What it wants to hear from whoever connects. */
  public String password() {
    return node().password;
  }

  /** Starts it, empty, unless it runs, and returns when it can be used. */
  public void start() {
    node().start();
  }

  /** {@code kill -9}. */
  public void kill() {
    node().kill();
  }

  /** Stops it where it is: it keeps its connections and answers nothing until it goes on. */
  public void hang() {
    node().signal("STOP");
    await().pollInterval(POLL).until(node()::stands);
  }

  /** After {@link #hang()}. */
  public void goOn() {
    node().signal("CONT");
  }

  private Node node() {
    return requireNonNull(node, "it is there from the first test on");
  }

  /** The server; started again with the same port and password. */
  private static final class Node implements AutoCloseable {
    final int port;
    final String password = UUID.randomUUID().toString();
    private final Path program;
    private @Nullable Process process;

    Node(Path program) {
      this.program = program;
      try {
        port = LocalPorts.free();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      Runtime.getRuntime().addShutdownHook(new Thread(this::close, "redis"));
    }

    void start() {
      if (process != null && process.isAlive()) {
        return;
      }
      ProcessBuilder builder =
          new ProcessBuilder(program.toString(), "-")
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .redirectErrorStream(true);
      try {
        Process started = builder.start();
        process = started;
        // By its input, so that no list of processes shows the password.
        try (var input = started.outputWriter(StandardCharsets.UTF_8)) {
          input.write(
              """
              port %d
              bind 127.0.0.1
              requirepass %s
              save ""
              appendonly no
              """
                  .formatted(port, password));
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      await().atMost(START_MAX).pollInterval(POLL).until(this::answers);
    }

    /** It answers everybody, if only that he is not known. */
    private boolean answers() {
      try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
        socket.setSoTimeout((int) START_MAX.toMillis());
        socket.getOutputStream().write("PING\r\n".getBytes(StandardCharsets.US_ASCII));
        return socket.getInputStream().read() == '-';
      } catch (IOException e) {
        return false;
      }
    }

    /** Whether it has stopped by now, as far as this system tells. */
    boolean stands() throws IOException {
      Path stat = Path.of("/proc", "" + requireNonNull(process, "it is started").pid(), "stat");
      return !Files.exists(stat) || Files.readString(stat).contains(") T ");
    }

    void kill() {
      if (process != null) {
        process.destroyForcibly().onExit().join();
      }
    }

    void signal(String name) {
      long pid = requireNonNull(process, "it is started").pid();
      try {
        int failed = new ProcessBuilder(List.of("kill", "-" + name, "" + pid)).start().waitFor();
        if (failed != 0) {
          throw new IllegalStateException("kill -" + name + " failed");
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new IllegalStateException(e);
      }
    }

    @Override
    public void close() {
      kill();
    }
  }
}
