package dev.weft.durable;

import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.UUID;

/**
 * One saga as an operator sees it.
 *
 * @param subject what it is about, such as an order's id
 * @param steps all forward steps of its definition, then its compensations in the order they ran
 * @param reason why it turned back
 * @param nextRunAt when it is tried next, or its lease ends, or it no longer waits for a service;
 *     nothing once it has ended
 * @param waitsFor the service that is away, and at whose gate it waits
 */
public record Saga(
    UUID id,
    String definition,
    int version,
    String subject,
    State state,
    List<Step> steps,
    Optional<String> reason,
    Instant createdAt,
    Instant updatedAt,
    Optional<Instant> nextRunAt,
    Optional<String> waitsFor) {

  public Saga {
    steps = List.copyOf(steps);
  }

  /** Where a saga stands. */
  public enum State {
    /** Going forward. */
    RUNNING,
    /** Undoing, in reverse. */
    COMPENSATING,
    /** An undoing keeps failing: still tried, and the others no longer wait for it. */
    COMPENSATION_STALLED,
    /** Everything is done. */
    COMPLETED,
    /** Everything is undone. */
    COMPENSATED;

    public boolean ended() {
      return this == COMPLETED || this == COMPENSATED;
    }
  }

  /** Which way a step runs. */
  public enum Direction {
    FORWARD,
    BACKWARD;

    /** As it stands in a command id. */
    String word() {
      return this == FORWARD ? "forward" : "backward";
    }
  }

  /** Where a step stands. */
  public enum StepState {
    PENDING,
    /** Begun; what came of it is not known yet. */
    RUNNING,
    DONE,
    REFUSED,
    /** Given up at the soft limit: it may have run, and is undone. */
    UNKNOWN
  }

  /**
   * One step in one direction.
   *
   * @param attempts begun so far
   * @param lastError what the last failed attempt said
   */
  public record Step(
      String name,
      Direction direction,
      StepState state,
      int attempts,
      String result,
      String lastError) {}
}
