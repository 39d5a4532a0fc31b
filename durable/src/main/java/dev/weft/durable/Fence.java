package dev.weft.durable;

import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jdbi.v3.core.Handle;

/**
 * Lets a participant of sagas have each step's effect once and undo it once, whatever comes twice,
 * late, or in the wrong order.
 *
 * <p>The memory of a step is written in the transaction of its effect: both are there after a
 * crash, or neither. What another step must not undo any more, the undoing refuses by a throw,
 * which leaves the memory as it was.
 *
 * <table>
 * <caption>What a command does, by what is remembered</caption>
 * <tr><th>remembered</th><th>attempt</th><th>undo</th></tr>
 * <tr><td>nothing</td><td>runs the effect, keeps the answer</td><td>leaves a tombstone</td></tr>
 * <tr><td>tried</td><td>repeats the answer</td><td>runs the undoing</td></tr>
 * <tr><td>refused</td><td>repeats the answer</td><td>nothing to do</td></tr>
 * <tr><td>cancelled</td><td>is refused: it comes too late</td><td>nothing to do</td></tr>
 * </table>
 *
 * <p>Commands for one step wait for each other, as long as a lock is waited for. Memories are kept
 * for 30 days. A saga older than that, of whose step nothing is remembered, gets an exception
 * instead of a guess: it has to be looked at.
 *
 * <p>Thread-safe; all methods run inside the caller's transaction, before it locks anything else.
 */
// Replies are handed on as they are; nobody compares these records.
@SuppressWarnings("ArrayRecordComponent")
public final class Fence {
  private Fence() {}

  /** What an effect came to; kept and repeated. */
  public sealed interface Answer {
    byte[] reply();

    /** The effect is there. */
    record Done(byte[] reply) implements Answer {}

    /** There is no effect, and under this command id there will never be one. */
    record Refused(byte[] reply) implements Answer {}
  }

  /** What became of an attempt. */
  public sealed interface Attempt {
    /**
     * It has its answer.
     *
     * @param repeated whether it had it before
     */
    record Answered(Answer answer, boolean repeated) implements Attempt {}

    /** The step was cancelled before: nothing was done. */
    record Cancelled() implements Attempt {}

    /** The id belongs to a request with other content: nothing was done. */
    record Reused() implements Attempt {}
  }

  /** What became of an undoing; afterwards there is no effect and never will be. */
  public enum Undoing {
    /** The effect was there, and is undone now. */
    UNDONE,
    /** It was undone or cancelled before. */
    ALREADY,
    /** There was no effect. */
    NOTHING_THERE
  }

  /**
   * Runs the effect unless the step had it before, or is not to have it any more.
   *
   * @param requestHash tells requests apart that carry the same id; a hash of the canonical form
   * @param effect what the step does, in this very transaction; what it throws passes through and
   *     is not remembered
   */
  public static Attempt attempt(
      Handle tx, CommandId command, byte[] requestHash, Supplier<Answer> effect) {
    return attempt(new FenceStore(tx), command, requestHash, effect);
  }

  /**
   * Undoes the step if it was done, and makes sure that it will not be done later.
   *
   * @param command the undoing one or the one that tries the step: both mean the same step
   * @param undoing takes the effect back, in this very transaction; gets the reply of the attempt
   */
  public static Undoing undo(Handle tx, CommandId command, Consumer<byte[]> undoing) {
    return undo(new FenceStore(tx), command, undoing);
  }

  /** Forgets steps that have not moved for 30 days, at most this many; says how many. */
  public static int forget(Handle tx, int atMost) {
    return FenceStore.forget(tx, atMost);
  }

  static Attempt attempt(
      FenceTable table, CommandId command, byte[] requestHash, Supplier<Answer> effect) {
    CommandId step = command.forward();
    FenceMemory trying = FenceMemory.trying(requestHash);
    if (!table.insert(step, trying)) {
      return remembered(table, step).attempt(requestHash);
    }
    Answer answer = effect.get();
    FenceMemory answered = trying.answered(answer);
    if (!answered.saysTheSameAs(trying)) {
      table.update(step, answered);
    }
    return new Attempt.Answered(answer, false);
  }

  static Undoing undo(FenceTable table, CommandId command, Consumer<byte[]> undoing) {
    CommandId step = command.forward();
    if (table.insert(step, FenceMemory.TOMBSTONE)) {
      return Undoing.NOTHING_THERE;
    }
    FenceMemory memory = remembered(table, step);
    Undoing what = memory.undo();
    if (what == Undoing.UNDONE) {
      undoing.accept(memory.reply());
      table.update(step, memory.cancelled());
    }
    return what;
  }

  private static FenceMemory remembered(FenceTable table, CommandId step) {
    Optional<FenceMemory> memory = table.lock(step);
    return memory.orElseThrow(
        () ->
            new IllegalStateException(
                step + " belongs to a saga so old that what it did may be forgotten"));
  }
}
