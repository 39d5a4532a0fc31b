package dev.weft.mesh;

import java.util.function.LongSupplier;

/**
 * How many retries one process may send to one service: a tenth of its calls, or whatever share of
 * them the registry says, and three a second whatever the traffic. Without it, retries double the
 * load of a service that is down already.
 *
 * <p>Thread-safe.
 */
final class RetryBudget {
  /** What one call adds, in retries. */
  private static final double PER_CALL = 0.1;

  /** A burst of calls saves up no more than this. */
  private static final double SAVED_MAX = 10;

  private static final double PER_SECOND = 3;

  private final LongSupplier nanoTime;
  private final double savedMax;
  private final double perSecond;
  private double perCall;
  private double saved;
  private double reserve;
  private long refilledAt;
  private long granted;

  RetryBudget(LongSupplier nanoTime) {
    this(nanoTime, PER_CALL, SAVED_MAX, PER_SECOND);
  }

  /** Of calls that are sent again for another reason. */
  RetryBudget(LongSupplier nanoTime, double perCall, double savedMax, double perSecond) {
    this.nanoTime = nanoTime;
    this.perCall = perCall;
    this.savedMax = savedMax;
    this.perSecond = perSecond;
    this.reserve = perSecond;
    this.refilledAt = nanoTime.getAsLong();
  }

  /**
   * From now on there are so many.
   *
   * @param retries for each call; 0 for none at all
   */
  synchronized void share(double retries) {
    perCall = retries;
  }

  /** Counts a call that is no retry. */
  synchronized void call() {
    saved = Math.min(savedMax, saved + perCall);
  }

  /** Takes one retry out, if there is one. */
  synchronized boolean tryRetry() {
    if (perCall <= 0) {
      return false;
    }
    long now = nanoTime.getAsLong();
    reserve = Math.min(perSecond, reserve + (now - refilledAt) * perSecond / 1e9);
    refilledAt = now;
    if (reserve >= 1) {
      reserve -= 1;
    } else if (saved >= 1) {
      saved -= 1;
    } else {
      return false;
    }
    granted++;
    return true;
  }

  /** How many it would grant now. */
  synchronized double left() {
    if (perCall <= 0) {
      return 0;
    }
    long now = nanoTime.getAsLong();
    return saved + Math.min(perSecond, reserve + (now - refilledAt) * perSecond / 1e9);
  }

  /** How many it has granted so far. */
  synchronized long granted() {
    return granted;
  }
}
