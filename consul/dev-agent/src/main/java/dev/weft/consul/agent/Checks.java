package dev.weft.consul.agent;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Probes every check on a virtual thread of its own: at once when it is registered, then in its
 * interval. The first outcome counts at once, a later change of status only after as many probes in
 * a row as the check asks for.
 */
final class Checks implements Catalog.Prober, AutoCloseable {
  /** Hears of the outcome that counts. */
  interface Listener {
    void report(CheckSpec spec, Status status, String output);
  }

  private final class Running {
    final CheckSpec spec;
    final Thread thread;

    /** When a TTL check was last heard of, in the scale of {@link System#nanoTime()}. */
    final AtomicLong heard = new AtomicLong(System.nanoTime());

    /** What the service said of its TTL check since it was registered. */
    volatile String lastOutput = "";

    Running(Check check) {
      spec = check.spec();
      thread =
          Thread.ofVirtual()
              .name("check " + spec.id())
              .unstarted(
                  () -> {
                    try {
                      if (spec.target() instanceof Target.Ttl ttl) {
                        expectHeartbeats(ttl.ttl());
                      } else {
                        probe();
                      }
                    } catch (InterruptedException e) {
                      Thread.currentThread().interrupt(); // stopped
                    }
                  });
    }

    private void probe() throws InterruptedException {
      int good = spec.successBeforePassing(); // the first outcome counts at once, as in Consul
      int bad = spec.failuresBeforeCritical();
      try (Probe probe = probes.open(spec)) {
        while (true) {
          Probe.Outcome outcome = probe.run();
          boolean counts;
          if (outcome.status() == Status.CRITICAL) {
            good = 0;
            counts = ++bad >= spec.failuresBeforeCritical();
          } else {
            bad = 0;
            counts = ++good >= spec.successBeforePassing();
          }
          if (counts) {
            listener.report(spec, outcome.status(), outcome.output());
          }
          Thread.sleep(spec.interval());
        }
      }
    }

    private void expectHeartbeats(Duration ttl) throws InterruptedException {
      while (true) {
        long last = heard.get();
        long left = ttl.toNanos() - (System.nanoTime() - last);
        if (left > 0) {
          Thread.sleep(Duration.ofNanos(left));
          continue;
        }
        String before = lastOutput;
        listener.report(
            spec,
            Status.CRITICAL,
            before.isEmpty()
                ? TTL_EXPIRED
                : TTL_EXPIRED + " (last output before timeout follows): " + before);
        while (heard.get() == last) {
          Thread.sleep(ttl);
        }
      }
    }
  }

  private static final String TTL_EXPIRED = "TTL expired";
  private static final Duration END_PATIENCE = Duration.ofSeconds(2);

  private final Map<String, Running> running = new HashMap<>();
  private final Probes probes;
  private final Listener listener;
  private boolean closed;

  Checks(Probes probes, Listener listener) {
    this.probes = probes;
    this.listener = listener;
  }

  @Override
  public synchronized void start(Check check) {
    stop(check.id());
    if (!closed && !check.maintenance()) {
      Running fresh = new Running(check);
      running.put(check.id(), fresh);
      fresh.thread.start();
    }
  }

  @Override
  public synchronized void stop(String checkId) {
    Running old = running.remove(checkId);
    if (old != null) {
      old.thread.interrupt();
    }
  }

  /** A service spoke for its TTL check. */
  void heartbeat(String checkId, Status status, String output) {
    Running check;
    synchronized (this) {
      check = running.get(checkId);
    }
    if (check == null || !(check.spec.target() instanceof Target.Ttl)) {
      throw new ApiError(500, "CheckID \"" + checkId + "\" does not have associated TTL");
    }
    String kept = shorten(output, check.spec.outputMax());
    check.heard.set(System.nanoTime());
    check.lastOutput = kept;
    listener.report(check.spec, status, kept);
  }

  private static String shorten(String output, int max) {
    byte[] bytes = output.getBytes(StandardCharsets.UTF_8);
    return bytes.length <= max
        ? output
        : "%s ... (captured %d of %d bytes)"
            .formatted(new String(bytes, 0, max, StandardCharsets.UTF_8), max, bytes.length);
  }

  /** Ends every probe, the running ones too, before their clients are closed. */
  @Override
  public void close() {
    List<Running> last;
    synchronized (this) {
      closed = true;
      last = List.copyOf(running.values());
      running.clear();
    }
    last.forEach(check -> check.thread.interrupt());
    try {
      long deadline = System.nanoTime() + END_PATIENCE.toNanos();
      for (Running check : last) {
        check.thread.join(Duration.ofNanos(Math.max(1, deadline - System.nanoTime())));
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    probes.close();
  }
}
