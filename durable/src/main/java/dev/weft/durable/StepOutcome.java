package dev.weft.durable;

import java.time.Duration;
import java.util.Objects;

/** What is known about a step after an attempt. */
public sealed interface StepOutcome {

  /**
   * The effect is there.
   *
   * @param result kept, and handed to later steps and to the step's own undoing; empty when there
   *     is nothing to keep
   */
  record Done(String result) implements StepOutcome {
    public Done {
      Objects.requireNonNull(result, "result");
    }
  }

  /**
   * The effect is not there and will never be under this command id: the saga turns back. Only a
   * definite answer may be told so.
   */
  record Refused(String reason) implements StepOutcome {
    public Refused {
      Objects.requireNonNull(reason, "reason");
    }
  }

  /**
   * Nobody knows yet: a time-out, a lost connection, a participant in trouble. The step is tried
   * again under the same command id. An exception out of a step means the same.
   *
   * @param retryAfter how long the participant asks to be left alone; never longer than the longest
   *     wait is waited
   * @param away whether it is the participant that is not there, so that no other saga would get an
   *     answer either; some of those in a row close its gate
   */
  record Unknown(String error, Duration retryAfter, boolean away) implements StepOutcome {
    public Unknown {
      Objects.requireNonNull(error, "error");
      Objects.requireNonNull(retryAfter, "retryAfter");
    }

    public Unknown(String error) {
      this(error, Duration.ZERO, false);
    }
  }

  /** Done, with nothing to keep. */
  static StepOutcome done() {
    return new Done("");
  }
}
