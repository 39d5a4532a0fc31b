package dev.weft.durable;

import dev.weft.durable.Saga.Direction;
import dev.weft.durable.Saga.State;
import dev.weft.durable.Saga.StepState;
import dev.weft.durable.SagaStep.Kind;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.IntStream;

/**
 * A saga in the hands of its runner, and the rules of its course: pure, without database, threads
 * or clock.
 *
 * @param step the current one
 * @param reached the furthest step that was ever begun
 * @param failures attempts at the current step that came to nothing
 * @param reason why it turned back; empty while it goes forward
 * @param token increases with every owner; a write under an older one is refused
 * @param overdue past the soft limit, as the database saw it at the last write
 * @param results of the steps that are done
 * @param refused names of the forward steps that were definitely refused
 * @param undone names of the steps whose compensation is done
 * @param waited at a closed gate, until its patience ended
 */
record SagaRun(
    UUID id,
    SagaDefinition definition,
    String subject,
    String data,
    State state,
    int step,
    int reached,
    int failures,
    String reason,
    String lastError,
    long token,
    boolean overdue,
    Map<String, String> results,
    Set<String> refused,
    Set<String> undone,
    boolean waited) {

  /** After so many failures of a compensation, somebody should look. */
  static final int STALLED_AFTER = 10;

  SagaRun {
    results = Map.copyOf(results);
    refused = Set.copyOf(refused);
    undone = Set.copyOf(undone);
  }

  /** A saga that begins. */
  static SagaRun begun(UUID id, SagaDefinition definition, String subject, String data) {
    return new SagaRun(
        id,
        definition,
        subject,
        data,
        State.RUNNING,
        0,
        0,
        0,
        "",
        "",
        1,
        false,
        Map.of(),
        Set.of(),
        Set.of(),
        false);
  }

  /**
   * What a runner writes after an attempt.
   *
   * @param record the step's lasting record, once its outcome is definite
   * @param waits whether the next attempt has to wait and the lease is given up
   * @param guarded whether the next step's guard has to agree in the same transaction
   */
  record Move(
      State state,
      int step,
      int reached,
      int failures,
      String reason,
      String lastError,
      Optional<StepRecord> record,
      boolean waits,
      boolean guarded) {}

  /** What stays of a step in one direction. */
  record StepRecord(
      int position,
      String name,
      Direction direction,
      StepState state,
      int attempts,
      String result,
      String lastError) {}

  /** Whether a move is one that others are to hear of. */
  boolean isNews(Move move) {
    return move.state().ended()
        || (move.state() == State.COMPENSATION_STALLED && state != State.COMPENSATION_STALLED);
  }

  /** Whether nothing else is written in a move's transaction: by a guard, or because it is news. */
  boolean alone(Move move) {
    return !move.guarded() && !isNews(move);
  }

  /**
   * What others are to hear.
   *
   * @param number counts it
   */
  SagaNews news(long number) {
    return new SagaNews(
        definition.name(),
        definition.version(),
        state,
        number,
        reason,
        steps(results.keySet()),
        steps(undone),
        steps(refused).stream().findFirst());
  }

  /** These steps, in the order of the definition. */
  private List<String> steps(Set<String> names) {
    return definition.steps().stream().map(SagaStep::name).filter(names::contains).toList();
  }

  Direction direction() {
    return state == State.RUNNING ? Direction.FORWARD : Direction.BACKWARD;
  }

  SagaStep current() {
    return definition.steps().get(step);
  }

  /** What the current step runs in this direction. */
  SagaStep.Action action() {
    return direction() == Direction.FORWARD
        ? current().action()
        : current().compensation().orElseThrow();
  }

  StepContext context() {
    return contextOf(current(), failures + 1);
  }

  /** What the guard of the step after the current one gets to know. */
  StepContext contextOfNext(Move move) {
    SagaRun next = after(move, overdue);
    return next.contextOf(next.current(), 1);
  }

  private StepContext contextOf(SagaStep which, int attempt) {
    return new StepContext(
        id,
        subject,
        data,
        new CommandId(id, which.name(), direction()).toString(),
        attempt,
        which.timeout(),
        results);
  }

  /** Where an outcome of the current step leads. */
  Move next(StepOutcome outcome) {
    return direction() == Direction.FORWARD ? forward(outcome) : backward(outcome);
  }

  /** Where it leads that the guard before the next step refused. */
  Move refusedByGuard(Move move, String why) {
    return turnBack(why, move.record(), after(move, overdue).pendingUpTo(reached));
  }

  /** The run after a move was written. */
  SagaRun after(Move move, boolean nowOverdue) {
    Map<String, String> newResults = new HashMap<>(results);
    Set<String> newRefused = new HashSet<>(refused);
    Set<String> newUndone = new HashSet<>(undone);
    move.record()
        .ifPresent(
            record -> {
              if (record.direction() == Direction.BACKWARD) {
                newUndone.add(record.name());
              } else if (record.state() == StepState.DONE) {
                newResults.put(record.name(), record.result());
              } else if (record.state() == StepState.REFUSED) {
                newRefused.add(record.name());
              }
            });
    return new SagaRun(
        id,
        definition,
        subject,
        data,
        move.state(),
        move.step(),
        move.reached(),
        move.failures(),
        move.reason(),
        move.lastError(),
        token,
        nowOverdue,
        newResults,
        newRefused,
        newUndone,
        false);
  }

  /**
   * Where a saga goes that is not to call anybody now, because the gate before its current step is
   * closed; nothing if it waits there.
   */
  Optional<Move> heldUp() {
    String error = current().dependency().orElseThrow() + " is away";
    if (state == State.RUNNING) {
      return limited() && overdue ? Optional.of(turnBackLate(error, failures)) : Optional.empty();
    }
    return waited
        ? Optional.of(roundOfStalled(pendingUpTo(reached), Optional.empty(), failures, error))
        : Optional.empty();
  }

  /** Whether it turns back at the soft limit, although nobody knows what became of its step. */
  boolean limited() {
    return state == State.RUNNING && current().kind() == Kind.COMPENSABLE;
  }

  private Move forward(StepOutcome outcome) {
    return switch (outcome) {
      case StepOutcome.Done(String result) -> advance(result);
      case StepOutcome.Refused(String why) when current().kind() != Kind.RETRIABLE -> {
        StepRecord record = record(StepState.REFUSED, "", why);
        // Refused for good means that there is nothing of this step to undo.
        yield turnBack(why, Optional.of(record), pendingUpTo(step - 1));
      }
      case StepOutcome.Refused(String why) -> tryAgain("refused: " + why);
      // A pivot of unknown outcome is repeated until it is known, whatever the time.
      case StepOutcome.Unknown(String error, _, _) when overdue && limited() ->
          turnBackLate(error, failures + 1);
      case StepOutcome.Unknown(String error, _, _) -> tryAgain(error);
    };
  }

  private Move advance(String result) {
    Optional<StepRecord> record = Optional.of(record(StepState.DONE, result, lastError));
    if (step == definition.steps().size() - 1) {
      return new Move(State.COMPLETED, step, reached, 0, "", "", record, false, false);
    }
    SagaStep following = definition.steps().get(step + 1);
    if (overdue && following.kind() != Kind.RETRIABLE) {
      return turnBack(SagaDefinition.TIMED_OUT, record, pendingUpTo(reached));
    }
    return new Move(
        State.RUNNING, step + 1, step + 1, 0, "", "", record, false, following.guard().isPresent());
  }

  private Move turnBackLate(String error, int attempts) {
    StepRecord record =
        new StepRecord(step, current().name(), direction(), StepState.UNKNOWN, attempts, "", error);
    return turnBack(SagaDefinition.TIMED_OUT, Optional.of(record), pendingUpTo(reached));
  }

  private Move turnBack(String why, Optional<StepRecord> record, List<Integer> toUndo) {
    return toUndo.isEmpty()
        ? new Move(State.COMPENSATED, step, reached, 0, why, "", record, false, false)
        : new Move(
            State.COMPENSATING, toUndo.getFirst(), reached, 0, why, "", record, false, false);
  }

  private Move tryAgain(String error) {
    return new Move(
        state, step, reached, failures + 1, reason, error, Optional.empty(), true, false);
  }

  private Move backward(StepOutcome outcome) {
    return switch (outcome) {
      case StepOutcome.Done(String result) ->
          undone(Optional.of(record(StepState.DONE, result, lastError)));
      // An undoing cannot be refused: it is owed.
      case StepOutcome.Refused(String why) -> notUndone("refused: " + why);
      case StepOutcome.Unknown(String error, _, _) -> notUndone(error);
    };
  }

  private Move undone(Optional<StepRecord> record) {
    List<Integer> left = pendingUpTo(reached).stream().filter(i -> i != step).toList();
    if (left.isEmpty()) {
      return new Move(State.COMPENSATED, step, reached, 0, reason, "", record, false, false);
    }
    if (state == State.COMPENSATION_STALLED) {
      return roundOfStalled(left, record, failures, "");
    }
    return new Move(state, left.getFirst(), reached, 0, reason, "", record, false, false);
  }

  private Move notUndone(String error) {
    int failed = failures + 1;
    if (failed < STALLED_AFTER && state != State.COMPENSATION_STALLED) {
      return tryAgain(error);
    }
    return roundOfStalled(pendingUpTo(reached), Optional.empty(), failed, error);
  }

  /** Tries one after the other, in reverse, and waits after each round. */
  private Move roundOfStalled(
      List<Integer> left, Optional<StepRecord> record, int failed, String error) {
    Optional<Integer> lower = left.stream().filter(i -> i < step).findFirst();
    return new Move(
        State.COMPENSATION_STALLED,
        lower.orElse(left.getFirst()),
        reached,
        failed,
        reason,
        error,
        record,
        lower.isEmpty(),
        false);
  }

  /** The steps still to be undone up to a position, in reverse: those that ran or may have run. */
  private List<Integer> pendingUpTo(int position) {
    List<SagaStep> steps = definition.steps();
    return IntStream.rangeClosed(0, position)
        .map(i -> position - i)
        .filter(i -> steps.get(i).compensation().isPresent())
        .filter(i -> !refused.contains(steps.get(i).name()))
        .filter(i -> !undone.contains(steps.get(i).name()))
        .boxed()
        .toList();
  }

  private StepRecord record(StepState outcome, String result, String error) {
    return new StepRecord(
        step, current().name(), direction(), outcome, failures + 1, result, error);
  }
}
