package dev.weft.durable;

import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jdbi.v3.core.Handle;

/**
 * One step of a saga. Steps that can be undone come first, then at most one pivot that decides the
 * saga, then steps that are repeated until they succeed.
 *
 * @param name part of the command id, so it never changes while sagas of this definition run
 * @param compensation undoes the step; also called when nobody knows whether the step ran, so it
 *     must bear that it did not
 * @param guard asked in the transaction that makes the pivot the current step
 * @param timeout how long one attempt may take, in either direction; 2 s unless said otherwise
 * @param dependency the service that it calls, in either direction, by the name of its gate: while
 *     that is away, sagas wait there instead of calling
 */
public record SagaStep(
    String name,
    Kind kind,
    Action action,
    Optional<Action> compensation,
    Optional<Guard> guard,
    Duration timeout,
    Optional<String> dependency) {
  private static final Duration TIMEOUT = Duration.ofSeconds(2);
  private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9-]{0,62}");

  /** What may happen to a step once it was begun. */
  public enum Kind {
    /** It can be undone. */
    COMPENSABLE,
    /** It can be refused, but not undone. */
    PIVOT,
    /** It cannot fail for good. */
    RETRIABLE
  }

  /**
   * One attempt. It runs outside any transaction, on a virtual thread of its own that is
   * interrupted at the time-out. An exception counts as {@link StepOutcome.Unknown}.
   */
  @FunctionalInterface
  public interface Action {
    StepOutcome attempt(StepContext context) throws Exception;
  }

  /** The last moment to turn back. */
  @FunctionalInterface
  public interface Guard {
    /** A reason to turn back, or nothing to go on; what it writes commits with that decision. */
    Optional<String> refusal(Handle tx, StepContext context);
  }

  public SagaStep {
    if (!isName(name)) {
      throw new IllegalArgumentException("step name: " + name + " (expected: lower-case-words)");
    }
    Objects.requireNonNull(action, "action");
    if (compensation.isPresent() && kind != Kind.COMPENSABLE) {
      throw new IllegalArgumentException(name + ": only a compensable step is ever undone");
    }
    if (guard.isPresent() && kind != Kind.PIVOT) {
      throw new IllegalArgumentException(name + ": only a pivot is guarded");
    }
    if (timeout.isNegative() || timeout.isZero()) {
      throw new IllegalArgumentException(name + ": timeout " + timeout + " (expected: > 0)");
    }
  }

  static boolean isName(String name) {
    return NAME.matcher(name).matches();
  }

  /** A step without effect, so there is nothing to undo. */
  public static SagaStep check(String name, Action action) {
    return of(name, Kind.COMPENSABLE, action, Optional.empty());
  }

  /** A step that can be undone. */
  public static SagaStep compensable(String name, Action action, Action compensation) {
    return of(name, Kind.COMPENSABLE, action, Optional.of(compensation));
  }

  /** The step that decides: refused, the saga turns back; done, it goes to its end. */
  public static SagaStep pivot(String name, Action action) {
    return of(name, Kind.PIVOT, action, Optional.empty());
  }

  /** A step that is repeated until it is done. */
  public static SagaStep retriable(String name, Action action) {
    return of(name, Kind.RETRIABLE, action, Optional.empty());
  }

  private static SagaStep of(String name, Kind kind, Action action, Optional<Action> compensation) {
    return new SagaStep(
        name, kind, action, compensation, Optional.empty(), TIMEOUT, Optional.empty());
  }

  public SagaStep guardedBy(Guard lastMoment) {
    return new SagaStep(
        name, kind, action, compensation, Optional.of(lastMoment), timeout, dependency);
  }

  public SagaStep within(Duration limit) {
    return new SagaStep(name, kind, action, compensation, guard, limit, dependency);
  }

  /** Names the service that the step calls, such as {@code payment-svc}. */
  public SagaStep calling(String service) {
    return new SagaStep(name, kind, action, compensation, guard, timeout, Optional.of(service));
  }
}
