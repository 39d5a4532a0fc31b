package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.weft.durable.Saga.State;
import dev.weft.durable.SagaRun.Move;
import dev.weft.durable.StepOutcome.Refused;
import dev.weft.durable.StepOutcome.Unknown;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jdbi.v3.core.Handle;
import org.junit.jupiter.api.Test;

class SagaRunTest {
  private static final StepOutcome DONE = StepOutcome.done();

  private final SagaDefinition definition =
      SagaDefinition.of(
          "order",
          1,
          List.of(
              SagaStep.check("user", _ -> DONE),
              SagaStep.compensable("reserve", _ -> DONE, _ -> DONE),
              SagaStep.compensable("authorize", _ -> DONE, _ -> DONE),
              SagaStep.pivot("capture", _ -> DONE).guardedBy((_, _) -> Optional.empty()),
              SagaStep.retriable("confirm", _ -> DONE)),
          new NoEnding());

  @Test
  void goesForwardStepByStep() {
    assertThat(course(begun(), DONE, DONE, DONE, DONE, DONE))
        .containsExactly(
            "user forward",
            "reserve forward",
            "authorize forward",
            "capture forward",
            "confirm forward",
            "COMPLETED");
  }

  @Test
  void undoesInReverseWhatRanWhenAStepIsRefused() {
    assertThat(course(begun(), DONE, DONE, new Refused("declined"), DONE))
        .containsExactly(
            "user forward",
            "reserve forward",
            "authorize forward",
            "reserve backward",
            "COMPENSATED declined");
  }

  @Test
  void undoesEverythingBeforeARefusedPivot() {
    assertThat(course(begun(), DONE, DONE, DONE, new Refused("no money"), DONE, DONE))
        .endsWith(
            "capture forward", "authorize backward", "reserve backward", "COMPENSATED no money");
  }

  @Test
  void endsAtOnceWhenThereIsNothingToUndo() {
    assertThat(course(begun(), new Refused("not active")))
        .containsExactly("user forward", "COMPENSATED not active");
  }

  @Test
  void repeatsAStepOfUnknownOutcomeUnderTheSameCommandId() {
    SagaRun run = begun();
    String command = run.context().commandId();
    Move move = run.next(new Unknown("lost"));
    assertThat(move.waits()).isTrue();
    SagaRun again = run.after(move, false);
    assertThat(again.context().commandId())
        .isEqualTo(command)
        .isEqualTo(run.id() + ":user:forward");
    assertThat(again.context().attempt()).isEqualTo(2);
    assertThat(again.lastError()).isEqualTo("lost");
  }

  @Test
  void undoesAStepOfUnknownOutcomeToo() {
    SagaRun reserving = overdue(drive(begun(), DONE));
    assertThat(course(reserving, new Unknown("lost"), DONE))
        .containsExactly("reserve forward", "reserve backward", "COMPENSATED TIMED_OUT");
  }

  @Test
  void turnsBackBeforeThePivotWhenItIsLate() {
    SagaRun authorizing = overdue(drive(begun(), DONE, DONE));
    assertThat(course(authorizing, DONE, DONE, DONE))
        .containsExactly(
            "authorize forward", "authorize backward", "reserve backward", "COMPENSATED TIMED_OUT");
  }

  @Test
  void neverTurnsBackWhileThePivotIsUnknownHoweverLateItIs() {
    SagaRun capturing = overdue(drive(begun(), DONE, DONE, DONE));
    assertThat(course(capturing, new Unknown("lost"), new Unknown("lost"), DONE, DONE))
        .containsExactly(
            "capture forward",
            "capture forward",
            "capture forward",
            "confirm forward",
            "COMPLETED");
  }

  @Test
  void repeatsARefusedStepAfterThePivot() {
    SagaRun confirming = drive(begun(), DONE, DONE, DONE, DONE);
    assertThat(course(confirming, new Refused("bug"), DONE))
        .containsExactly("confirm forward", "confirm forward", "COMPLETED");
  }

  @Test
  void asksTheGuardOnTheWayIntoThePivot() {
    SagaRun authorizing = drive(begun(), DONE, DONE);
    Move move = authorizing.next(DONE);
    assertThat(move.guarded()).isTrue();
    assertThat(authorizing.contextOfNext(move).commandId()).endsWith(":capture:forward");
    Move back = authorizing.refusedByGuard(move, "REQUESTED");
    assertThat(course(authorizing.after(back, false), DONE, DONE))
        .containsExactly("authorize backward", "reserve backward", "COMPENSATED REQUESTED");
  }

  @Test
  void keepsTryingAnUndoingThatIsRefused() {
    SagaRun releasing = drive(begun(), DONE, DONE, new Refused("declined"));
    assertThat(course(releasing, new Refused("bug"), DONE))
        .containsExactly("reserve backward", "reserve backward", "COMPENSATED declined");
  }

  @Test
  void letsTheOthersPassAnUndoingThatStalled() {
    SagaRun run = drive(begun(), DONE, DONE, DONE, new Refused("no money"));
    for (int i = 1; i < SagaRun.STALLED_AFTER; i++) {
      run = drive(run, new Unknown("away"));
      assertThat(run.state()).isEqualTo(State.COMPENSATING);
      assertThat(run.current().name()).isEqualTo("authorize");
    }
    Move stalled = run.next(new Unknown("away"));
    assertThat(stalled.state()).isEqualTo(State.COMPENSATION_STALLED);
    assertThat(stalled.waits()).isFalse();
    run = run.after(stalled, false);
    assertThat(run.current().name()).isEqualTo("reserve");
    Move released = run.next(DONE);
    assertThat(released.state()).isEqualTo(State.COMPENSATION_STALLED);
    assertThat(released.waits()).isTrue();
    run = run.after(released, false);
    assertThat(run.current().name()).isEqualTo("authorize");
    assertThat(run.next(new Unknown("still away")).waits()).isTrue();
    assertThat(run.next(DONE).state()).isEqualTo(State.COMPENSATED);
  }

  @Test
  void refusesDefinitionsThatCannotBeUndone() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> of(SagaStep.pivot("a", _ -> DONE), SagaStep.check("b", _ -> DONE)))
        .withMessageContaining("b comes too late");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> of(SagaStep.pivot("a", _ -> DONE), SagaStep.pivot("b", _ -> DONE)))
        .withMessageContaining("more than one pivot");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> of(SagaStep.check("a", _ -> DONE), SagaStep.check("a", _ -> DONE)))
        .withMessageContaining("names must differ");
    assertThatIllegalArgumentException().isThrownBy(SagaRunTest::of);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SagaStep.check("a", _ -> DONE).guardedBy((_, _) -> Optional.empty()))
        .withMessageContaining("only a pivot");
  }

  private static SagaDefinition of(SagaStep... steps) {
    return SagaDefinition.of("bad", 1, List.of(steps), new NoEnding());
  }

  private SagaRun begun() {
    return new SagaRun(
        UUID.fromString("018f0000-0000-7000-8000-000000000001"),
        definition,
        "order-1",
        "",
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

  private static SagaRun overdue(SagaRun run) {
    return new SagaRun(
        run.id(),
        run.definition(),
        run.subject(),
        run.data(),
        run.state(),
        run.step(),
        run.reached(),
        run.failures(),
        run.reason(),
        run.lastError(),
        run.token(),
        true,
        run.results(),
        run.refused(),
        run.undone(),
        false);
  }

  private static SagaRun drive(SagaRun begun, StepOutcome... outcomes) {
    SagaRun run = begun;
    for (StepOutcome outcome : outcomes) {
      run = run.after(run.next(outcome), run.overdue());
    }
    return run;
  }

  /** What is attempted while these outcomes come back, and how it ends. */
  private static List<String> course(SagaRun begun, StepOutcome... outcomes) {
    List<String> course = new ArrayList<>();
    SagaRun run = begun;
    for (StepOutcome outcome : outcomes) {
      course.add(run.current().name() + " " + run.direction().word());
      run = drive(run, outcome);
    }
    assertThat(run.state().ended()).isTrue();
    course.add((run.state() + " " + run.reason()).strip());
    return course;
  }

  private static final class NoEnding implements SagaDefinition.Ending {
    @Override
    public void completed(Handle tx, StepContext last) {}

    @Override
    public void compensated(Handle tx, StepContext last, String reason) {}
  }
}
