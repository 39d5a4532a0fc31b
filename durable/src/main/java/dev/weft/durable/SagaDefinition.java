package dev.weft.durable;

import dev.weft.durable.SagaStep.Kind;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import org.jdbi.v3.core.Handle;

/**
 * How a saga goes: its steps in order and what happens at its end. A saga finishes on the version
 * it began with, so a change of steps is a new version beside the old one.
 *
 * @param softLimit after which a saga that has not reached its pivot turns back; 5 min unless said
 *     otherwise
 * @param ending called in the transaction that ends the saga
 */
public record SagaDefinition(
    String name, int version, List<SagaStep> steps, Duration softLimit, Ending ending) {
  /** The reason of a saga that turned back because it took too long. */
  public static final String TIMED_OUT = "TIMED_OUT";

  private static final Duration SOFT_LIMIT = Duration.ofMinutes(5);

  /** What the end of a saga means to its subject, written in the same transaction. */
  public interface Ending {
    /** Every step is done. */
    void completed(Handle tx, StepContext last);

    /** Everything is undone; the reason is the refusal that turned it back. */
    void compensated(Handle tx, StepContext last, String reason);

    /**
     * Called after them, for others who are to hear of it, and once before if an undoing stalls.
     * Nobody is told unless this is implemented.
     */
    default void told(Handle tx, StepContext last, SagaNews news) {}
  }

  public SagaDefinition {
    steps = List.copyOf(steps);
    Objects.requireNonNull(ending, "ending");
    if (steps.isEmpty() || version < 1) {
      throw new IllegalArgumentException(name + ": expected steps, and a version from 1 on");
    }
    if (steps.stream().map(SagaStep::name).collect(Collectors.toSet()).size() < steps.size()) {
      throw new IllegalArgumentException(name + ": step names must differ");
    }
    if (steps.stream().filter(step -> step.kind() == Kind.PIVOT).count() > 1) {
      throw new IllegalArgumentException(name + ": more than one pivot");
    }
    for (int i = 1; i < steps.size(); i++) {
      if (steps.get(i).kind().compareTo(steps.get(i - 1).kind()) < 0) {
        throw new IllegalArgumentException(
            name + ": " + steps.get(i).name() + " comes too late (compensable, pivot, retriable)");
      }
    }
    if (steps.getFirst().guard().isPresent()) {
      throw new IllegalArgumentException(name + ": nothing comes before the guarded pivot");
    }
  }

  public static SagaDefinition of(String name, int version, List<SagaStep> steps, Ending ending) {
    return new SagaDefinition(name, version, steps, SOFT_LIMIT, ending);
  }
}
