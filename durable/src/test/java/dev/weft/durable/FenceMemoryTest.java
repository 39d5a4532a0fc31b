package dev.weft.durable;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.weft.durable.Fence.Answer;
import dev.weft.durable.Fence.Attempt;
import dev.weft.durable.Fence.Undoing;
import dev.weft.durable.Saga.Direction;
import java.time.Instant;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FenceMemoryTest {
  private static final byte[] HASH = {1};
  private static final byte[] REPLY = {2};
  private static final FenceMemory DONE = FenceMemory.trying(HASH).answered(new Answer.Done(REPLY));
  private static final FenceMemory REFUSED =
      FenceMemory.trying(HASH).answered(new Answer.Refused(REPLY));

  @Test
  void repeatsTheAnswerOfAStep() {
    assertThat(DONE.attempt(HASH)).isEqualTo(new Attempt.Answered(new Answer.Done(REPLY), true));
    assertThat(REFUSED.attempt(HASH))
        .isEqualTo(new Attempt.Answered(new Answer.Refused(REPLY), true));
  }

  @Test
  void refusesOtherContentUnderTheSameId() {
    assertThat(DONE.attempt(REPLY)).isEqualTo(new Attempt.Reused());
    assertThat(REFUSED.attempt(REPLY)).isEqualTo(new Attempt.Reused());
  }

  @Test
  void refusesAnAttemptAfterItsCancellation() {
    assertThat(FenceMemory.TOMBSTONE.attempt(HASH)).isEqualTo(new Attempt.Cancelled());
    assertThat(DONE.cancelled().attempt(HASH)).isEqualTo(new Attempt.Cancelled());
  }

  @Test
  void undoesOnlyWhatIsThere() {
    assertThat(DONE.undo()).isEqualTo(Undoing.UNDONE);
    assertThat(REFUSED.undo()).isEqualTo(Undoing.NOTHING_THERE);
    assertThat(FenceMemory.TOMBSTONE.undo()).isEqualTo(Undoing.ALREADY);
    assertThat(DONE.cancelled().undo()).isEqualTo(Undoing.ALREADY);
  }

  @Test
  void readsACommandIdAsItIsWritten() {
    CommandId undo = new CommandId(UuidV7.next(), "reserve", Direction.BACKWARD);
    assertThat(CommandId.parse(undo.toString())).isEqualTo(undo);
    assertThat(undo.forward().toString()).isEqualTo(undo.saga() + ":reserve:forward");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "reserve",
        "one:reserve:forward",
        "0190163d-8694-739b-aea5-966c26f8ad90:reserve",
        "0190163d-8694-739b-aea5-966c26f8ad90:Reserve:forward",
        "0190163d-8694-739b-aea5-966c26f8ad90:reserve:sideways",
        "0190163d-8694-739b-aea5-966c26f8ad90:reserve:forward:2"
      })
  void refusesWhatIsNoCommandId(String text) {
    assertThatIllegalArgumentException().isThrownBy(() -> CommandId.parse(text));
  }

  @Test
  void knowsWhenASagaBegan() {
    UUID saga = UUID.fromString("017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    assertThat(new CommandId(saga, "reserve", Direction.FORWARD).sagaBegan())
        .hasValue(Instant.parse("2022-02-22T19:22:22Z"));
    UUID random = UUID.fromString("919108f7-52d1-4320-9bac-f847db4148a8");
    assertThat(new CommandId(random, "reserve", Direction.FORWARD).sagaBegan()).isEmpty();
  }
}
