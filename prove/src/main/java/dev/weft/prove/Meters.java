package dev.weft.prove;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * What processes count of themselves, read from their management ports all the time: a process that
 * is killed is remembered by what it last said. Thread-safe.
 */
final class Meters implements AutoCloseable {
  /** Attempts to undo, or to do what was undone. */
  static final String TOMBSTONES = "weft_fence_tombstone_hits_total";

  static final String CIRCUITS = "weft_rpc_client_circuit_transitions_total";
  static final String CALLS = "rpc_client_call_duration_seconds_count";

  /** Events that arrived, by what became of them. */
  static final String EVENTS = "weft_events_received_total";

  /** Events given to the broker, by what it said. */
  static final String PUBLISHED = "weft_events_published_total";

  /** Attempts of handlers of events. */
  static final String FAILED = "weft_events_failures_total";

  private static final Duration EVERY = Duration.ofMillis(500);
  private static final Duration ANSWERS = Duration.ofMillis(1_500);
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  private final Shop shop;
  private final Map<Long, Integer> beside = new ConcurrentHashMap<>(); // port by pid
  private final Map<Long, Map<String, Double>> said = new ConcurrentHashMap<>(); // series by pid
  private final CountDownLatch closing = new CountDownLatch(1);
  private final Thread thread;

  Meters(Shop shop) {
    this.shop = shop;
    thread = Thread.ofVirtual().name("meters").start(this::watch);
  }

  /** Reads a process from now on that is none of the shop's own. */
  void add(long pid, int managementPort) {
    beside.put(pid, managementPort);
    look();
  }

  /** Reads all of them now. */
  void look() {
    shop.folder().managementPorts().forEach(this::read);
    beside.forEach(this::read);
  }

  /**
   * A counter of all processes there ever were, together.
   *
   * @param label that a series must have, such as {@code state="open"}; empty for any
   */
  long total(String counter, String label) {
    return said.keySet().stream().mapToLong(pid -> of(pid, counter, label)).sum();
  }

  /** A counter of one process. */
  long of(long pid, String counter, String label) {
    return sum(said.getOrDefault(pid, Map.of()), counter, label);
  }

  static long sum(Map<String, Double> series, String counter, String label) {
    double sum = 0;
    for (Map.Entry<String, Double> one : series.entrySet()) {
      String name = one.getKey();
      boolean same = name.equals(counter) || name.startsWith(counter + "{");
      if (same && name.contains(label)) {
        sum += one.getValue();
      }
    }
    return Math.round(sum);
  }

  /** Every line of the text format that holds a value, by its name with its labels. */
  static Map<String, Double> series(String exposition) {
    Map<String, Double> series = new HashMap<>();
    for (String line : exposition.lines().toList()) {
      int space = line.lastIndexOf(' ');
      if (!line.startsWith("#") && space > 0) {
        series.put(line.substring(0, space), Double.valueOf(line.substring(space + 1).strip()));
      }
    }
    return series;
  }

  @Override
  public void close() {
    closing.countDown();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void watch() {
    try {
      while (!closing.await(EVERY.toMillis(), TimeUnit.MILLISECONDS)) {
        look();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static Map<String, Double> together(Map<String, Double> before, Map<String, Double> now) {
    Map<String, Double> both = new HashMap<>(before);
    now.forEach((name, value) -> both.merge(name, value, Math::max));
    return both;
  }

  private void read(long pid, int port) {
    URI page = URI.create("http://127.0.0.1:" + port + "/metrics");
    try {
      String text =
          HTTP.send(HttpRequest.newBuilder(page).timeout(ANSWERS).build(), BodyHandlers.ofString())
              .body();
      // Never less than before: what is given up there is not given up here.
      said.merge(pid, series(text), Meters::together);
    } catch (IOException | NumberFormatException e) {
      // It is gone or hangs; what it said before counts.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new ProofException("interrupted");
    }
  }
}
