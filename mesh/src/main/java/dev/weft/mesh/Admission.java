package dev.weft.mesh;

import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * How many calls a server works on at once. Nobody states it: it falls when calls take longer than
 * they usually do, because then they wait for each other, and rises again when they do not.
 *
 * <p>The limit is Gradient2 of Netflix' concurrency-limits: once a window of at least 100 ms and 20
 * calls, {@code limit = 0.8 limit + 0.2 (limit * gradient + sqrt(limit))}, with {@code gradient =
 * 1.5 * usual / recent} between 0.5 and 1, and only if half of the limit was in use. It begins at
 * 200 and stays between 4 and 1,000. What differs: times are compared with those of the same
 * method, by their geometric mean, so that neither a change in what is called nor a few calls that
 * wait long for something else look like a server with too much to do (Envoy takes a median for
 * that); and a limit below 200 also rises while it is not used, so that calm heals it.
 *
 * <p>A call has a place if all kinds together are below its kind's ceiling, or its own kind is
 * below its share. So what is borrowed is given back as the calls of the borrowers end, and all
 * calls together may for a moment be more than the limit.
 *
 * <p>Thread-safe: one lock, held for some tens of nanoseconds.
 */
final class Admission {
  static final int LIMIT_FIRST = 200;
  static final int LIMIT_MIN = 4;
  static final int LIMIT_MAX = 1_000;

  private static final double TOLERANCE = 1.5;
  private static final double SMOOTHING = 0.2;
  private static final double GRADIENT_MIN = 0.5;

  private static final long WINDOW_NANOS = TimeUnit.MILLISECONDS.toNanos(100);
  private static final int SAMPLES_MIN = 20;

  /** One in so many: more refusals than retries that a budget allows, so no retry can help. */
  private static final int DEEP = 10;

  private final LongSupplier nanoTime;

  // All guarded by this.
  private final Map<Criticality, Count> counts = new EnumMap<>(Criticality.class);
  private double limit = LIMIT_FIRST;
  private int total;
  private boolean deep;
  private long windowBegan;
  private int windowMost;
  private int windowSamples;
  private double windowExcess;
  private long windowAdmitted;
  private long windowRefused;

  Admission(LongSupplier nanoTime) {
    this.nanoTime = nanoTime;
    this.windowBegan = nanoTime.getAsLong();
    for (Criticality kind : Criticality.values()) {
      counts.put(kind, new Count());
    }
  }

  /** Of one kind. */
  private static final class Count {
    int inFlight;
    long shed;
  }

  private Count of(Criticality kind) {
    return Objects.requireNonNull(counts.get(kind));
  }

  /**
   * How long the calls of a method usually take, as the natural logarithm of nanoseconds: what
   * every 50 calls took on average, remembered for ten minutes. It follows slowly when calls become
   * slower, since that may be the load, and faster when they take less than half: then the server
   * was still cold. Guarded by the {@link Admission}.
   */
  static final class Pace {
    private static final int CALLS = 50;
    private static final double MEMORY_NANOS = TimeUnit.MINUTES.toNanos(10);
    private static final double HALF = Math.log(2);
    private static final double STEP = 0.05;

    private boolean known;
    private double usual;
    private double sum;
    private int calls;
    private long since;

    private void add(double log, long now) {
      sum += log;
      calls++;
      if (calls < CALLS) {
        return;
      }
      double recent = sum / calls;
      if (!known) {
        usual = recent;
        known = true;
      } else if (recent < usual - HALF) {
        usual -= STEP;
      } else {
        usual += (recent - usual) * Math.min(1, (now - since) / MEMORY_NANOS);
      }
      sum = 0;
      calls = 0;
      since = now;
    }
  }

  /** Whether there is no place for another call of this kind; counts it as refused then. */
  synchronized boolean refuses(Criticality kind) {
    if (hasRoom(kind)) {
      return false;
    }
    of(kind).shed++;
    windowRefused++;
    return true;
  }

  /** Takes a place; false when there is none. */
  synchronized boolean enter(Criticality kind) {
    if (refuses(kind)) {
      return false;
    }
    of(kind).inFlight++;
    total++;
    windowAdmitted++;
    windowMost = Math.max(windowMost, total);
    return true;
  }

  private boolean hasRoom(Criticality kind) {
    return total < kind.ceiling(limit) || of(kind).inFlight < kind.share(limit);
  }

  /** Gives a place back, of a call whose time says nothing. */
  synchronized void leave(Criticality kind) {
    of(kind).inFlight--;
    total--;
  }

  /** Gives a place back, of a call that took this long. */
  void leave(Criticality kind, Pace pace, long tookNanos) {
    double log = Math.log((double) Math.max(1, tookNanos));
    long now = nanoTime.getAsLong();
    synchronized (this) {
      leave(kind);
      if (pace.known) {
        windowExcess += log - pace.usual;
        windowSamples++;
      }
      pace.add(log, now);
      if (windowSamples >= SAMPLES_MIN && now - windowBegan >= WINDOW_NANOS) {
        adapt();
        windowBegan = now;
        windowMost = total;
        windowSamples = 0;
        windowExcess = 0;
        windowAdmitted = 0;
        windowRefused = 0;
      }
    }
  }

  private void adapt() {
    double slower = Math.exp(windowExcess / windowSamples);
    boolean calm = slower <= TOLERANCE;
    if (windowMost >= limit / 2 || (calm && limit < LIMIT_FIRST)) {
      double gradient = calm ? 1 : Math.max(GRADIENT_MIN, TOLERANCE / slower);
      double wanted = limit * gradient + Math.sqrt(limit);
      limit = Math.clamp(limit + SMOOTHING * (wanted - limit), LIMIT_MIN, LIMIT_MAX);
    }
    deep = windowRefused * DEEP > windowAdmitted;
  }

  /** Whether of the last window more was refused than a tenth. */
  synchronized boolean deep() {
    return deep;
  }

  synchronized double limit() {
    return limit;
  }

  synchronized int inFlight(Criticality kind) {
    return of(kind).inFlight;
  }

  /** How many calls of this kind it has refused so far. */
  synchronized long shed(Criticality kind) {
    return of(kind).shed;
  }
}
