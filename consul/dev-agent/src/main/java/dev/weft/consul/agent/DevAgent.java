package dev.weft.consul.agent;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.CountDownLatch;

/**
 * A Consul-compatible agent in this process, ready when {@link #start} returns.
 *
 * <p>Without a data directory everything is forgotten on {@link #close()}. Thread-safe.
 */
public final class DevAgent implements AutoCloseable {
  private static final Logger LOG = System.getLogger(DevAgent.class.getName());
  private static final String NODE_NAME = "weft-dev";
  private static final String DATACENTER = "dc1";
  private static final Duration REAP_INTERVAL = Duration.ofSeconds(30);
  private static final int USAGE = 64;

  private final Ledger ledger;
  private final Catalog catalog;
  private final Checks checks;
  private final HttpFace http;
  private final Thread reaper;

  private DevAgent(DevAgentConfig config) throws IOException {
    http = new HttpFace(config.bind(), config.port());
    ledger = new Ledger(1);
    Node node =
        new Node(
            UUID.randomUUID().toString(), NODE_NAME, config.bind().getHostAddress(), DATACENTER, 1);
    checks = new Checks(new Probes(), this::report);
    catalog = new Catalog(ledger, config.clock(), checks);
    KeyValues keys = new KeyValues(ledger);
    Reads reads = new Reads(ledger, node.datacenter());
    new AgentApi(ledger, catalog, checks, reads, node).addTo(http);
    new CatalogApi(catalog, reads, node).addTo(http);
    new KvApi(ledger, keys, reads).addTo(http);
    reaper = Thread.ofVirtual().name("reaper").unstarted(this::reapForEver);
  }

  /**
   * Starts an agent.
   *
   * @throws IOException if the port is taken or the data directory cannot be used
   */
  public static DevAgent start(DevAgentConfig config) throws IOException {
    DevAgent agent = new DevAgent(config);
    agent.http.start();
    agent.reaper.start();
    return agent;
  }

  /** Where the agent listens. */
  public InetSocketAddress address() {
    return http.address();
  }

  private void report(CheckSpec spec, Status status, String output) {
    ledger.change(() -> catalog.report(spec, status, output));
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

  /** Removes what has been critical for longer than it allows. */
  void reap() {
    List<String> removed = ledger.read(catalog::reap);
    for (String id : removed) {
      LOG.log(Level.INFO, "deregistered {0}: critical for longer than it allows", id);
    }
  }

  /** Stops listening and probing; waiting queries get what there is. */
  @Override
  public void close() {
    reaper.interrupt();
    checks.close();
    ledger.close();
    http.close();
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
      InetSocketAddress address = agent.address();
      LOG.log(
          Level.INFO,
          "listening on http://{0}:{1}",
          address.getAddress().getHostAddress(),
          String.valueOf(address.getPort()));
      stopped.await();
    } catch (IllegalArgumentException e) {
      fail(String.valueOf(e.getMessage()), USAGE);
    } catch (IOException e) {
      fail("the agent cannot start: " + e.getMessage(), 1);
    }
  }

  @SuppressWarnings("SystemOut") // the one line a failed start owes its caller
  private static void fail(String line, int exitCode) {
    System.err.println("consul-dev-agent: " + line);
    System.exit(exitCode);
  }
}
