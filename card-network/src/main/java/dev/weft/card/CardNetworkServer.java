package dev.weft.card;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;

/**
 * The card network as a process, and for tests as an object.
 *
 * <p>Exit codes: 64 when the environment is wrong, 1 when it cannot start or its disk fails, each
 * with one line that says what to do; 143 after SIGTERM. It may be killed at any time.
 */
public final class CardNetworkServer implements AutoCloseable {
  /** The ledger's percentage of the heap; the rest is for requests, webhooks and the collector. */
  private static final int LEDGER_PERCENT = 60;

  private static final int STOP_SECONDS = 1;
  private static final System.Logger log = System.getLogger(CardNetworkServer.class.getName());

  private final Charges charges;
  private final Optional<Webhooks> webhooks;
  private final HttpServer http;
  private final ExecutorService threads;

  private CardNetworkServer(
      CardConfig config, CardApi.Temper temper, Consumer<IOException> onFailure)
      throws IOException {
    tune();
    charges =
        new Charges(config.dataDirectory(), InstantSource.system(), ledgerBytesMax(), onFailure);
    try {
      http = HttpServer.create(new InetSocketAddress(config.bind(), config.port()), 0);
      webhooks =
          config.webhooks().isPresent()
              ? Optional.of(
                  new Webhooks(
                      charges,
                      config.webhooks().get(),
                      config.dataDirectory(),
                      InstantSource.system()))
              : Optional.empty();
    } catch (IOException | RuntimeException e) {
      charges.close();
      throw e;
    }
    threads = Executors.newVirtualThreadPerTaskExecutor();
    http.setExecutor(threads);
    http.createContext("/", new CardApi(charges, temper));
    http.start();
  }

  /**
   * A network on a free port of the loopback address, whose slow and silent cards take this long.
   * What is in the directory is its ledger.
   */
  public static CardNetworkServer start(Path directory, Duration slow, Duration silence)
      throws IOException {
    return start(directory, slow, silence, Map.of());
  }

  /**
   * The same, which tells a merchant what happens.
   *
   * @param webhooks where to post it
   * @param secretFile holds what it is signed with
   */
  public static CardNetworkServer start(
      Path directory, Duration slow, Duration silence, URI webhooks, Path secretFile)
      throws IOException {
    return start(
        directory,
        slow,
        silence,
        Map.of(
            "WEFT_CARD_WEBHOOK_URL",
            webhooks.toString(),
            "WEFT_CARD_WEBHOOK_SECRET_FILE",
            secretFile.toString()));
  }

  private static CardNetworkServer start(
      Path directory, Duration slow, Duration silence, Map<String, String> more)
      throws IOException {
    Map<String, String> environment = new HashMap<>(more);
    environment.put("PORT", "0");
    environment.put("WEFT_DATA_DIR", directory.toString());
    return new CardNetworkServer(
        CardConfig.from(environment),
        new CardApi.Temper(slow, silence),
        failure -> log.log(System.Logger.Level.ERROR, "the journal cannot be written", failure));
  }

  static long ledgerBytesMax() {
    return Runtime.getRuntime().maxMemory() / 100 * LEDGER_PERCENT;
  }

  /** Where it listens. */
  public URI address() {
    return URI.create(
        "http://" + http.getAddress().getHostString() + ":" + http.getAddress().getPort());
  }

  /** Lets running requests finish, for a second, and closes the ledger. */
  @Override
  public void close() throws IOException {
    http.stop(STOP_SECONDS);
    threads.close();
    if (webhooks.isPresent()) {
      webhooks.get().close();
    }
    charges.close();
  }

  /** Runs the process. */
  public static void main(String[] args) {
    CardConfig config;
    try {
      config = CardConfig.from(System.getenv());
    } catch (CardConfig.Wrong e) {
      fail(64, String.valueOf(e.getMessage()));
      return;
    }
    LogLine.install(config.logLevel(), config.logFormat());
    long began = System.nanoTime();
    try {
      CardNetworkServer server =
          new CardNetworkServer(
              config,
              CardApi.Temper.DEFAULT,
              failure -> fail(1, "the journal cannot be written: " + failure.getMessage()));
      Runtime.getRuntime().addShutdownHook(new Thread(server::stop, "stop"));
      log.log(
          System.Logger.Level.INFO,
          "card-network listens on {0} with {1} charges in its ledger, after {2} ms",
          server.address(),
          Integer.toString(server.charges.size()),
          Long.toString(Duration.ofNanos(System.nanoTime() - began).toMillis()));
    } catch (BindException e) {
      fail(
          1,
          "cannot listen on "
              + config.bind()
              + ":"
              + config.port()
              + ": "
              + e.getMessage()
              + ": set PORT or WEFT_BIND");
    } catch (IOException | RuntimeException e) {
      fail(1, String.valueOf(e.getMessage()));
    }
  }

  /** The JDK reads these when it makes its first server. */
  private static void tune() {
    // Else the second packet of every answer waits for the client's acknowledgement of the first.
    System.setProperty("sun.net.httpserver.nodelay", "true");
    // Longer than clients keep a connection, so that it is never closed under a request.
    System.setProperty("sun.net.httpserver.idleInterval", "120");
    System.setProperty("sun.net.httpserver.maxIdleConnections", "1000");
    // Seconds for a whole request to arrive.
    System.setProperty("sun.net.httpserver.maxReqTime", "10");
  }

  private void stop() {
    try {
      close();
    } catch (IOException e) {
      log.log(System.Logger.Level.ERROR, "the ledger did not close cleanly", e);
    }
  }

  /** Ends the process at once: what was answered is on the disk, and nothing else matters. */
  private static void fail(int exitCode, String message) {
    System.err.println("card-network: " + message);
    Runtime.getRuntime().halt(exitCode);
  }
}
