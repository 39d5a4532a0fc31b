package dev.weft.mesh;

import dev.failsafe.CircuitBreaker;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The circuit breaker in front of one method of a service. It opens when half of at least 20
 * attempts within 10 s failed by the fault of the service, refuses calls for 5 s, twice as long
 * after each probe that failed and at most 8 s, and closes after three probes in a row went well.
 *
 * <p>When 80 % of the attempts within 10 s were slow, it goes to probes at once: one slow or failed
 * probe opens it, three quick ones close it. A second breaker watches for that. It only counts and
 * never refuses, because two that do would each have to give back what the other refused, and
 * Failsafe has no way to return a probe's permit unused.
 *
 * <p>Every attempt that was let through ends in one record here, a cancelled one too: a probe
 * without a record would leave the circuit half open for ever.
 *
 * <p>Thread-safe.
 */
final class Circuit {
  private static final Logger log = LoggerFactory.getLogger(Circuit.class);
  private static final Duration WINDOW = Duration.ofSeconds(10);
  private static final int CALLS_MIN = 20;
  private static final int FAILED_PERCENT = 50;
  private static final int SLOW_PERCENT = 80;
  private static final int PROBES = 3;
  private static final Duration PROBING = Duration.ofMillis(100);

  /** How long the circuit stays open: first, and at most. */
  record Pause(Duration first, Duration longest) {
    /** So that whoever has healed is called again within 10 s (docs/decisions/044). */
    static final Pause DEFAULT = new Pause(Duration.ofSeconds(5), Duration.ofSeconds(8));
  }

  private final String target;
  private final Pause pause;
  private final Runnable reconnect;
  private final CircuitBreaker<Attempt> breaker;
  private final CircuitBreaker<Attempt> slowness;
  private final AtomicInteger openings = new AtomicInteger();
  private final LongAdder fallbacks = new LongAdder();
  private volatile @Nullable CallPolicy policy;
  private volatile boolean safe;
  private final Map<CircuitBreaker.State, LongAdder> turns =
      Map.of(
          CircuitBreaker.State.OPEN, new LongAdder(),
          CircuitBreaker.State.HALF_OPEN, new LongAdder(),
          CircuitBreaker.State.CLOSED, new LongAdder());

  /**
   * @param reconnect ends the wait before the next attempt to connect: called when probes are about
   *     to be let through, and when there is a new instance
   */
  Circuit(String target, Pause pause, Runnable reconnect) {
    this.target = target;
    this.pause = pause;
    this.reconnect = reconnect;
    this.breaker =
        CircuitBreaker.<Attempt>builder()
            // Failsafe counts every exception unless told which; here a result says all.
            .handleIf((Throwable thrown) -> false)
            .handleResultIf(this::failed)
            .withFailureRateThreshold(FAILED_PERCENT, CALLS_MIN, WINDOW)
            // Without it, the window would let 20 probes through.
            .withSuccessThreshold(PROBES, PROBES)
            // The second for openings by an attempt that failed. One that went well opens it, too,
            // when it is the twentieth; of that Failsafe tells no function, and it would wait 1
            // min.
            .withDelay(pause.first)
            .withDelayFn(context -> nextPause())
            .onOpen(event -> opened())
            .onHalfOpen(event -> halfOpened())
            .onClose(event -> closed())
            .build();
    this.slowness =
        CircuitBreaker.<Attempt>builder()
            .withFailureRateThreshold(SLOW_PERCENT, CALLS_MIN, WINDOW)
            .onOpen(event -> tooSlow())
            .build();
  }

  /** The policy to put inside the retries. */
  CircuitBreaker<Attempt> breaker() {
    return breaker;
  }

  /** To be called with every attempt before Failsafe sees it. */
  void ended(Attempt attempt) {
    if (!breaker.isClosed()) {
      return;
    }
    if (attempt.slow()) {
      slowness.recordFailure();
    } else {
      slowness.recordSuccess();
    }
  }

  /**
   * There is an instance that was not there before: whatever is known of the others, try it. It may
   * be one that is back at its old address, which gRPC would go on waiting to connect to, longer
   * the longer it was away, and up to two minutes.
   */
  void newInstance() {
    if (isOpen()) {
      breaker.halfOpen();
    } else {
      reconnect.run();
    }
  }

  boolean isOpen() {
    return breaker.isOpen();
  }

  /** Closes it at once, whatever is known of the service. */
  void reset() {
    breaker.close();
  }

  /**
   * A call is made by this policy, which is what its contract says.
   *
   * @param withoutEffects whether the contract says that of the method, too
   */
  void called(CallPolicy by, boolean withoutEffects) {
    safe = withoutEffects;
    policy = by;
  }

  /** Whether the method of the last call has no side effects. */
  boolean isSafe() {
    return safe;
  }

  /** The policy of the last call; empty before the first one. */
  Optional<CallPolicy> policy() {
    return Optional.ofNullable(policy);
  }

  /** How often it opened. */
  long openings() {
    return turnsTo(CircuitBreaker.State.OPEN);
  }

  /** How many of the attempts in the window failed, in percent. */
  int failedPercent() {
    return breaker.getFailureRate();
  }

  /** How many attempts there are in the window. */
  int attempts() {
    return breaker.getExecutionCount();
  }

  /** How long calls will still be refused, as a guess while probes are under way. */
  Duration refusesFor() {
    Duration left = breaker.getRemainingDelay();
    return left.compareTo(PROBING) < 0 ? PROBING : left;
  }

  CircuitState state() {
    return switch (breaker.getState()) {
      case CLOSED -> CircuitState.CLOSED;
      case HALF_OPEN -> CircuitState.HALF_OPEN;
      case OPEN -> CircuitState.OPEN;
    };
  }

  /** How often it came to this state. */
  long turnsTo(CircuitBreaker.State state) {
    return Objects.requireNonNull(turns.get(state)).sum();
  }

  /** A call was answered with what its contract declares for when the service cannot be asked. */
  void fellBack() {
    fallbacks.increment();
  }

  /** How many calls were answered so. */
  long fallbacks() {
    return fallbacks.sum();
  }

  /** Whether the breaker takes an attempt for a failure. */
  boolean failed(Attempt attempt) {
    return attempt.blame() || (attempt.slow() && breaker.isHalfOpen());
  }

  private void tooSlow() {
    slowness.close();
    if (breaker.isClosed()) {
      log.warn("circuit to {}: calls are slow", target);
      breaker.halfOpen();
    }
  }

  /** As long as the last one twice. Asked before the opening is counted. */
  private Duration nextPause() {
    long nanos = pause.first.toNanos();
    for (int i = openings.get(); i > 0 && nanos < pause.longest.toNanos(); i--) {
      nanos *= 2;
    }
    double jitter = ThreadLocalRandom.current().nextDouble(0.8, 1.2);
    return Duration.ofNanos(Math.min((long) (nanos * jitter), pause.longest.toNanos()));
  }

  private void turned(CircuitBreaker.State state) {
    Objects.requireNonNull(turns.get(state)).increment();
  }

  private void opened() {
    openings.incrementAndGet();
    turned(CircuitBreaker.State.OPEN);
    log.warn("circuit to {} opened", target);
  }

  private void halfOpened() {
    turned(CircuitBreaker.State.HALF_OPEN);
    log.info("circuit to {} lets {} probes through", target, PROBES);
    reconnect.run();
  }

  private void closed() {
    openings.set(0);
    turned(CircuitBreaker.State.CLOSED);
    log.info("circuit to {} closed", target);
  }
}
