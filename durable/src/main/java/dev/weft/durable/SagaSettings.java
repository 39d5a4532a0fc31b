package dev.weft.durable;

import dev.weft.durable.Saga.State;
import java.time.Duration;
import java.util.stream.IntStream;

/**
 * How a {@link SagaRunner} works.
 *
 * @param concurrency sagas that run at once in this process
 * @param lease after which another runner takes up the saga of one that fell silent; renewed three
 *     times as often
 * @param poll how long a saga can go unnoticed whose wake-up was lost
 * @param firstWait the wait after the first failed attempt; doubles up to {@code longestWait}, and
 *     on up to an hour once an undoing has stalled
 */
public record SagaSettings(
    int concurrency, Duration lease, Duration poll, Duration firstWait, Duration longestWait) {
  /** 64 at once, a lease of 6 s, a poll each second, waits from 200 ms to 20 s. */
  public static final SagaSettings DEFAULT =
      new SagaSettings(
          64,
          Duration.ofSeconds(6),
          Duration.ofSeconds(1),
          Duration.ofMillis(200),
          Duration.ofSeconds(20));

  private static final Duration HOUR = Duration.ofHours(1);
  private static final Duration PROBE = Duration.ofSeconds(5);

  public SagaSettings {
    if (concurrency < 1) {
      throw new IllegalArgumentException("concurrency: " + concurrency + " (expected: > 0)");
    }
    if (lease.isNegative() || lease.isZero() || poll.isNegative() || poll.isZero()) {
      throw new IllegalArgumentException(
          "lease: " + lease + ", poll: " + poll + " (expected: > 0)");
    }
  }

  Backoff backoff() {
    return new Backoff(firstWait, longestWait);
  }

  /** From now to the latest moment that a saga is due at, unless it stalled. */
  Duration furthest() {
    return lease.compareTo(longestWait) < 0 ? longestWait : lease;
  }

  /**
   * By how much a new saga that finds no room is due before its time: claimed before those that
   * failed and came back within as long, so that a wave of sagas that all want the same busy thing
   * keeps none waiting that does not. A quarter of the longest wait: while more begin than end,
   * those that came back stand back no longer.
   */
  Duration headStart() {
    return longestWait.dividedBy(4);
  }

  /** Between two probes of a closed gate: one saga tries for all, so that it costs little. */
  Backoff backoffOfGate() {
    Duration cap = firstWait.compareTo(PROBE) < 0 ? PROBE : firstWait;
    return new Backoff(firstWait, longestWait.compareTo(cap) < 0 ? longestWait : cap);
  }

  /**
   * From now to beyond the latest moment that a gate is due at: a probe's time-out and a lease, or
   * as long as the service asked for.
   *
   * @param longestStep of all time-outs of steps
   */
  Duration furthestOfGate(Duration longestStep) {
    return longestStep.plus(lease).plus(longestWait);
  }

  /**
   * How long a saga waits at a closed gate before it looks for something else to do: while it
   * undoes, as long as the failures would take after which it stalls.
   */
  Duration patience(State state) {
    return switch (state) {
      case COMPENSATING -> stalling();
      case COMPENSATION_STALLED -> HOUR.dividedBy(12);
      case RUNNING, COMPLETED, COMPENSATED -> HOUR;
    };
  }

  private Duration stalling() {
    Backoff waits = backoff();
    return Duration.ofMillis(
        IntStream.range(1, SagaRun.STALLED_AFTER).mapToLong(waits::ceilingMillis).sum());
  }

  /** Of an undoing that stalled: an outage of an hour should not cost an attempt every 20 s. */
  Backoff backoffOfStalled() {
    return new Backoff(longestWait, longestWait.compareTo(HOUR) < 0 ? HOUR : longestWait);
  }
}
