package dev.weft.consul.agent;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;

/**
 * A Consul-compatible agent in this process, listening when {@link #start} returns.
 *
 * <p>Without a data directory everything is forgotten on {@link #close()}; with one it is there
 * again after a restart, and no index goes backwards. Thread-safe.
 */
public final class DevAgent implements AutoCloseable {
  private static final Logger LOG = System.getLogger(DevAgent.class.getName());
  private static final Duration REAP_INTERVAL = Duration.ofSeconds(30);
  private static final int USAGE = 64;

  private final @Nullable StateFile file;
  private final State state;
  private final HttpFace http;
  private final Thread reaper;

  private DevAgent(@Nullable StateFile file, State state, HttpFace http, DevAgentConfig config) {
    this.file = file;
    this.state = state;
    this.http = http;
    Reads reads = new Reads(state.ledger(), state.node().datacenter());
    new AgentApi(state, reads, config.intentions()).addTo(http);
    new CatalogApi(state, reads).addTo(http);
    new KvApi(state, reads).addTo(http);
    new EventApi(state.ledger(), reads).addTo(http);
    new ConfigApi(state, reads).addTo(http);
    new ChainApi(state, reads).addTo(http);
    IntentionsApi intentions = new IntentionsApi(state, reads, config);
    intentions.addTo(http);
    new ConnectApi(state, reads, intentions, config).addTo(http);
    new UiPage(state, config.clock()).addTo(http);
    reaper = Thread.ofVirtual().name("reaper").unstarted(this::reapForEver);
  }

  /**
   * Starts an agent.
   *
   * @throws IOException if the port is taken or the data directory cannot be used
   */
  public static DevAgent start(DevAgentConfig config) throws IOException {
    HttpFace http = listen(config);
    StateFile file = null;
    try {
      State state;
      if (config.dataDir().isPresent()) {
        file = StateFile.open(config.dataDir().get(), config.clock());
        state = restore(file, config);
        file.start(state.ledger(), state::saved);
      } else {
        state = State.of(StateFile.Saved.none(), config);
      }
      DevAgent agent = new DevAgent(file, state, http, config);
      http.start();
      agent.reaper.start();
      return agent;
    } catch (IOException | RuntimeException e) {
      http.close();
      if (file != null) {
        file.close();
      }
      throw e;
    }
  }

  private static HttpFace listen(DevAgentConfig config) throws IOException {
    try {
      return new HttpFace(config.bind(), config.port());
    } catch (BindException e) {
      throw new IOException(
          "port %d of %s is taken: stop what listens there, or set PORT"
              .formatted(config.port(), config.bind().getHostAddress()),
          e);
    }
  }

  private static State restore(StateFile file, DevAgentConfig config) throws IOException {
    StateFile.Saved saved = file.read();
    try {
      return State.of(saved, config);
    } catch (RuntimeException e) {
      return State.of(file.setAside(e), config);
    }
  }

  /** Where the agent listens. */
  public InetSocketAddress address() {
    return http.address();
  }

  /** Where the agent listens, as {@code CONSUL_HTTP_ADDR} takes it. */
  public URI url() {
    return URI.create("http://" + http.authority());
  }

  private void reapForEver() {
    try {
      while (true) {
        Thread.sleep(REAP_INTERVAL);
        reap();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt(); // closed
    }
  }

  /** Removes what has been critical for longer than it allows, and renews certificates in time. */
  void reap() {
    state.ledger().change(state.ca()::keepUp);
    List<String> removed = state.ledger().read(state.catalog()::reap);
    for (String id : removed) {
      LOG.log(Level.INFO, "deregistered {0}: critical for longer than it allows", id);
    }
  }

  /** Stops listening and probing; waiting queries get what there is. */
  @Override
  public void close() {
    reaper.interrupt();
    state.checks().close();
    state.ledger().close();
    http.close();
    if (file != null) {
      file.close();
    }
  }

  /** Runs until the process is told to stop. */
  public static void main(String[] args) throws InterruptedException {
    Logging.configure(System.getenv("LOG_LEVEL"));
    try {
      DevAgent agent = start(DevAgentConfig.from(System.getenv()));
      CountDownLatch stopped = new CountDownLatch(1);
      Runtime.getRuntime()
          .addShutdownHook(
              new Thread(
                  () -> {
                    agent.close();
                    stopped.countDown();
                  }));
      LOG.log(Level.INFO, "listening on {0}", agent.url());
      stopped.await();
    } catch (IllegalArgumentException e) {
      fail(String.valueOf(e.getMessage()), USAGE);
    } catch (IOException e) {
      fail(String.valueOf(e.getMessage()), 1);
    }
  }

  @SuppressWarnings("SystemOut") // the one line a failed start owes its caller
  private static void fail(String line, int exitCode) {
    System.err.println("consul-dev-agent: " + line);
    System.exit(exitCode);
  }
}
