package dev.weft.mesh;

import io.grpc.Context;
import io.grpc.Deadline;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** How long the caller of the current call still waits. */
public final class TimeLeft {
  /** For the way of an answer to a caller nearby. */
  private static final Duration ANSWER = Duration.ofMillis(100);

  private TimeLeft() {}

  /** As {@link #ofCall(Duration, Duration)}, for an answer that needs no work of its own. */
  public static Duration ofCall(Duration atMost) {
    return ofCall(atMost, ANSWER);
  }

  /**
   * Until the deadline of the current call, less the time that the answer takes; no more than
   * {@code atMost}, which it also is outside of calls and in those without deadline. Zero when it
   * is too late.
   */
  public static Duration ofCall(Duration atMost, Duration answer) {
    Deadline deadline = Context.current().getDeadline();
    if (deadline == null) {
      return atMost;
    }
    Duration left = Duration.ofNanos(deadline.timeRemaining(TimeUnit.NANOSECONDS)).minus(answer);
    return left.isNegative() ? Duration.ZERO : left.compareTo(atMost) < 0 ? left : atMost;
  }
}
