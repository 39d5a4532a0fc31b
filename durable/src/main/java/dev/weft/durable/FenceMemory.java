package dev.weft.durable;

import dev.weft.durable.Fence.Answer;
import dev.weft.durable.Fence.Attempt;
import dev.weft.durable.Fence.Undoing;
import java.util.Arrays;

/**
 * What a participant remembers of a step, and what that makes of the next command for it: pure,
 * without database.
 */
// Hash and reply are never changed, and nobody compares these records.
@SuppressWarnings("ArrayRecordComponent")
record FenceMemory(State state, byte[] requestHash, byte[] reply) {
  private static final byte[] NONE = {};

  /** Of a step that was cancelled before it was tried. */
  static final FenceMemory TOMBSTONE = new FenceMemory(State.CANCELLED, NONE, NONE);

  enum State {
    TRIED,
    REFUSED,
    CANCELLED
  }

  /** Of a step that is being tried; nobody else sees it before it has its answer. */
  static FenceMemory trying(byte[] requestHash) {
    return new FenceMemory(State.TRIED, requestHash, NONE);
  }

  FenceMemory answered(Answer answer) {
    return switch (answer) {
      case Answer.Done(byte[] done) -> new FenceMemory(State.TRIED, requestHash, done);
      case Answer.Refused(byte[] refused) -> new FenceMemory(State.REFUSED, requestHash, refused);
    };
  }

  /** Whether there is nothing to write: it was done, and has nothing to say. */
  boolean saysTheSameAs(FenceMemory other) {
    return state == other.state && Arrays.equals(reply, other.reply);
  }

  FenceMemory cancelled() {
    return new FenceMemory(State.CANCELLED, requestHash, reply);
  }

  /** What another attempt gets. */
  Attempt attempt(byte[] hash) {
    if (state == State.CANCELLED) {
      return new Attempt.Cancelled();
    }
    if (!Arrays.equals(hash, requestHash)) {
      return new Attempt.Reused();
    }
    Answer answer = state == State.TRIED ? new Answer.Done(reply) : new Answer.Refused(reply);
    return new Attempt.Answered(answer, true);
  }

  /** What an undoing has to do. */
  Undoing undo() {
    return switch (state) {
      case TRIED -> Undoing.UNDONE;
      case REFUSED -> Undoing.NOTHING_THERE;
      case CANCELLED -> Undoing.ALREADY;
    };
  }
}
