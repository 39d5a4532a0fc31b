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
import java.util.function.Consumer;
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
 * catalog's names of services, which does not say whose: then each watch looks whether its own
 * index has moved, which costs an answer without instances. Whatever cannot be told apart may have
 * changed all of them: a check of a node, an index that went backwards, and the time in which the
 * agent could not be asked. No change is missed, and some are said that are none. A change of names
 * is heard of {@link #PACE_OF_NAMES} late at most, when more than two come within it.
 *
 * <p>Thread-safe.
 */
final class Changes implements AutoCloseable {
  /** How many connections it takes at most. */
  static final int QUERIES = 3;

  private static final int MOST_COUNTED = 10_000;
  private static final Duration MAX_WAIT = Duration.ofSeconds(55);
  private static final Duration PACE = Duration.ofMillis(250);

  /** Twice at once, then so far apart: each time all watches look. */
  private static final Duration PACE_OF_NAMES = Duration.ofSeconds(5);

  private static final Backoff BACKOFF = Backoff.upTo(Duration.ofSeconds(5));

  /** Of services: any of them. */
  private static final String ANY = "";

  private static final Logger log = LoggerFactory.getLogger(Changes.class);

  private final ConsulHttp http;

  /** How often each of the services that somebody waited for changed by itself. */
  private final Map<String, Long> own = new HashMap<>();

  private long all;
  private long ofNames;
  private boolean running;
  private volatile boolean closed;

  Changes(ConsulHttp http) {
    this.http = http;
  }

  /** When to read the health of this service, of the agent's own datacenter, again. */
  Watch.Turns of(String service) {
    return new Watch.Turns() {
      @Override
      public Watch.Turn now() {
        return turn(service);
      }

      @Override
      public Watch.Act await(Watch.Turn seen, Duration atMost) throws InterruptedException {
        return awaitOther(service, seen, atMost);
      }
    };
  }

  private synchronized Watch.Turn turn(String service) {
    if (own.size() > MOST_COUNTED) {
      // No count may come back, so all are past the highest.
      all += 1 + own.values().stream().mapToLong(Long::longValue).max().orElse(0);
      own.clear();
    }
    return new Watch.Turn(all + own.computeIfAbsent(service, _ -> 0L), ofNames);
  }

  private synchronized Watch.Act awaitOther(String service, Watch.Turn seen, Duration atMost)
      throws InterruptedException {
    if (!running) {
      running = true;
      follow("/v1/catalog/services", PACE_OF_NAMES, () -> this::namesMoved);
      follow("/v1/health/state/critical", PACE, () -> new Checks()::moved);
      follow("/v1/health/state/warning", PACE, () -> new Checks()::moved);
    }
    long end = System.nanoTime() + atMost.toNanos();
    for (long left = atMost.toNanos(); turn(service).equals(seen) && left > 0; ) {
      TimeUnit.NANOSECONDS.timedWait(this, left);
      left = end - System.nanoTime();
    }
    Watch.Turn now = turn(service);
    return now.certain() == seen.certain() && now.possible() != seen.possible()
        ? Watch.Act.LOOK
        : Watch.Act.READ;
  }

  private synchronized void namesMoved(Answer answer) {
    ofNames++;
    notifyAll();
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
  private final class Checks {
    private Set<Row> last = Set.of();

    void moved(Answer answer) {
      Set<Row> now =
          answer.read(
              body -> Wire.array(body).asList().stream().map(Row::of).collect(Collectors.toSet()));
      Set<Row> moved = new HashSet<>(now);
      moved.addAll(last);
      moved.removeIf(row -> now.contains(row) && last.contains(row));
      last = now;
      changed(moved.stream().map(Row::service).collect(Collectors.toSet()));
    }
  }

  private record Row(String node, String check, String service) {
    static Row of(JsonElement element) {
      JsonObject check = element.getAsJsonObject();
      return new Row(
          Wire.text(check, "Node"), Wire.text(check, "CheckID"), Wire.text(check, "ServiceName"));
    }
  }

  /**
   * Follows one query until {@link #close}.
   *
   * @param fresh makes what reads each answer that moved, for when nothing before them counts
   */
  private void follow(String path, Duration pace, Supplier<Consumer<Answer>> fresh) {
    Thread.ofVirtual()
        .name("consul-changes " + path)
        .start(() -> followNow(path, new TokenBucket(2, pace, System::nanoTime), fresh));
  }

  private void followNow(String path, TokenBucket pace, Supplier<Consumer<Answer>> fresh) {
    Consumer<Answer> reader = fresh.get();
    long index = 0;
    int failures = 0;
    while (!closed) {
      Watch.pause(pace.take());
      try {
        Answer answer = http.poll(path, index, MAX_WAIT).require(200);
        long next = Watch.nextIndex(index, answer.requireIndex());
        if (index == 0 || next == 0) {
          changed(Set.of(ANY));
          reader = fresh.get();
        }
        if (next != index) {
          reader.accept(answer);
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
