package dev.weft.durable;

import java.util.List;

/** What can go wrong in a simulated schedule. */
enum Fault {
  REQUEST_LOST,
  REQUEST_LATE,
  REQUEST_TWICE,
  REPLY_LOST,
  REPLY_LATE,
  PARTICIPANT_DIES_BEFORE_COMMIT,
  PARTICIPANT_DIES_AFTER_COMMIT,
  PARTICIPANT_AWAY,
  RUNNER_DIES,
  RUNNER_PAUSES,
  RUNNER_LEAVES,
  COMMIT_FAILS,
  COMMIT_UNKNOWN,
  CLOCK_JUMPS;

  /** Where something can go wrong, and what. */
  enum Point {
    REQUEST(true, REQUEST_LOST, REQUEST_LATE, REQUEST_TWICE),
    HANDLING(true, PARTICIPANT_DIES_BEFORE_COMMIT, PARTICIPANT_DIES_AFTER_COMMIT, PARTICIPANT_AWAY),
    REPLY(true, REPLY_LOST, REPLY_LATE),
    /** Wherever a runner's code waits. */
    AWAIT(false, RUNNER_DIES, RUNNER_PAUSES, RUNNER_LEAVES),
    COMMIT(false, COMMIT_FAILS, COMMIT_UNKNOWN, CLOCK_JUMPS);

    // List.of makes one that nobody changes.
    @SuppressWarnings("ImmutableEnumChecker")
    final List<Fault> faults;

    /** Whether it is on the way of a message. */
    final boolean message;

    Point(boolean message, Fault... faults) {
      this.message = message;
      this.faults = List.of(faults);
    }
  }
}
