package dev.weft.durable;

import dev.weft.durable.Saga.Direction;
import java.time.Instant;
import java.util.Arrays;
import java.util.Optional;
import java.util.UUID;

/**
 * Names what a saga wants of a participant, {@code saga:step:direction}: the same at every attempt,
 * also after a crash.
 */
public record CommandId(UUID saga, String step, Direction direction) {

  /**
   * Reads {@link #toString()}'s form.
   *
   * @throws IllegalArgumentException if it is not one
   */
  public static CommandId parse(String text) {
    String[] parts = text.split(":", -1);
    if (parts.length != 3 || !SagaStep.isName(parts[1])) {
      throw new IllegalArgumentException("command id: expected saga:step:direction");
    }
    Direction direction =
        Arrays.stream(Direction.values())
            .filter(one -> one.word().equals(parts[2]))
            .findFirst()
            .orElseThrow(
                () -> new IllegalArgumentException("command id: expected forward or backward"));
    return new CommandId(UUID.fromString(parts[0]), parts[1], direction);
  }

  /** The command that tries the step, which this one may be, or may undo. */
  CommandId forward() {
    return new CommandId(saga, step, Direction.FORWARD);
  }

  /** When the saga began, if its id tells (UUID version 7). */
  Optional<Instant> sagaBegan() {
    return saga.version() == 7
        ? Optional.of(Instant.ofEpochMilli(saga.getMostSignificantBits() >>> 16))
        : Optional.empty();
  }

  @Override
  public String toString() {
    return saga + ":" + step + ":" + direction.word();
  }
}
