package dev.weft.consul;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Says which services changed, to watches that hold no blocking query of their own: so a process
 * that follows hundreds of services reads what changed, when it changed, over a bounded number of
 * connections.
 *
 * <p>Three blocking queries for all of them, from the first one that waits until {@link #close}.
 * Any change of health brings a check into the lists of critical and of warning ones, or takes it
 * out of them; the difference says whose. Any other change of an instance moves the index of the
 * catalog's names of services, which does not say whose: then all may have changed. So they may by
 * whatever cannot be told apart: a check of a node, an index that went backwards, and the time in
 * which the agent could not be asked. No change is missed, and some are said that are none.
 *
 * <p>Thread-safe.
 */
final class Changes implements AutoCloseable {
  /** How many connections it takes at most. */
  static final int QUERIES = 3;

  private static final int MOST_COUNTED = 10_000;
  private static final Duration MAX_WAIT = Duration.ofSeconds(55);
  private static final Duration PACE = Duration.ofMillis(250);
  private static final Backoff BACKOFF = Backoff.upTo(Duration.ofSeconds(5));

  /** Of services: any of them. */
  private static final String ANY = "";

  private static final Logger log = LoggerFactory.getLogger(Changes.class);

  private final ConsulHttp http;

  /** How often each of the services that somebody waited for changed by itself. */
  private final Map<String, Long> own = new HashMap<>();

  private long all;
  private boolean running;
  private volatile boolean closed;

  Changes(ConsulHttp http) {
    this.http = http;
  }

  /** When to read the health of this service, of the agent's own datacenter, again. */
  Watch.Turns of(String service) {
    return new Watch.Turns() {
      @Override
      public long now() {
        return count(service);
      }

      @Override
      public void await(long seen, Duration atMost) throws InterruptedException {
        awaitMore(service, seen, atMost);
      }
    };
  }

  private synchronized long count(String service) {
    if (own.size() > MOST_COUNTED) {
      // No count may come back, so all are past the highest.
      all += 1 + own.values().stream().mapToLong(Long::longValue).max().orElse(0);
      own.clear();
    }
    return all + own.computeIfAbsent(service, _ -> 0L);
  }

  private synchronized void awaitMore(String service, long seen, Duration atMost)
      throws InterruptedException {
    if (!running) {
      running = true;
      follow("/v1/catalog/services", () -> _ -> Set.of(ANY));
      follow("/v1/health/state/critical", Checks::new);
      follow("/v1/health/state/warning", Checks::new);
    }
    long end = System.nanoTime() + atMost.toNanos();
    for (long left = atMost.toNanos(); count(service) == seen && left > 0; ) {
      TimeUnit.NANOSECONDS.timedWait(this, left);
      left = end - System.nanoTime();
    }
  }

  private synchronized void changed(Collection<String> services) {
    if (services.contains(ANY)) {
      all++;
    } else {
      services.forEach(service -> own.computeIfPresent(service, (_, count) -> count + 1));
    }
    notifyAll();
  }

  /** Which services' checks came into a list of checks or went out of it. Used by one thread. */
  private static final class Checks implements Function<Answer, Set<String>> {
    private record Row(String node, String check, String service) {
      static Row of(JsonElement element) {
        JsonObject check = element.getAsJsonObject();
        return new Row(
            Wire.text(check, "Node"), Wire.text(check, "CheckID"), Wire.text(check, "ServiceName"));
      }
    }

    private Set<Row> last = Set.of(new Row("", "", ANY));

    @Override
    public Set<String> apply(Answer answer) {
      Set<Row> now =
          answer.read(
              body -> Wire.array(body).asList().stream().map(Row::of).collect(Collectors.toSet()));
      Set<Row> changed = new HashSet<>(now);
      changed.addAll(last);
      changed.removeIf(row -> now.contains(row) && last.contains(row));
      last = now;
      return changed.stream().map(Row::service).collect(Collectors.toSet());
    }
  }

  /**
   * Follows one query until {@link #close}.
   *
   * @param fresh makes what reads the answers, for when nothing before them counts
   */
  private void follow(String path, Supplier<Function<Answer, Set<String>>> fresh) {
    Thread.ofVirtual().name("consul-changes " + path).start(() -> followNow(path, fresh));
  }

  private void followNow(String path, Supplier<Function<Answer, Set<String>>> fresh) {
    TokenBucket pace = new TokenBucket(2, PACE, System::nanoTime);
    Function<Answer, Set<String>> reader = fresh.get();
    long index = 0;
    int failures = 0;
    while (!closed) {
      Watch.pause(pace.take());
      try {
        Answer answer = http.poll(path, index, MAX_WAIT).require(200);
        long next = Watch.nextIndex(index, answer.requireIndex());
        if (next == 0) {
          reader = fresh.get();
        }
        if (next != index) {
          changed(reader.apply(answer));
        }
        index = next;
        failures = 0;
      } catch (RuntimeException e) {
        // The watches themselves say so to people.
        log.debug("{} cannot be asked", path, e);
        reader = fresh.get();
        index = 0;
        failures++;
        changed(Set.of(ANY));
        Watch.pause(BACKOFF.after(failures));
      }
    }
  }

  /** The polls in flight run out. */
  @Override
  public void close() {
    closed = true;
  }
}
