package dev.weft.durable;

/**
 * The gate before a service that is away, as a process last saw it. Sagas that need the service
 * wait there; one at a time tries whether it is back, and then more and more go through, until none
 * is left and the gate is gone. Pure.
 *
 * @param closing which closing it is, by a random number
 * @param failures probes in a row that came to nothing
 * @param opening how many it let through last; 0 while it is closed
 * @param due whether it is time to let the next ones through
 */
record Gate(
    String dependency, long closing, int failures, boolean probing, int opening, boolean due) {
  /** As many as one process runs at once: more would only stand in line behind the gate. */
  static final int THROUGH_MAX = 64;

  boolean closed() {
    return opening == 0;
  }

  /** How many go through at its next turn. */
  int next() {
    return closed() ? 1 : Math.min(2 * opening, THROUGH_MAX);
  }

  /** A probe is under way. */
  Gate probed() {
    return new Gate(dependency, closing, failures, true, 0, false);
  }

  /** So many went through. */
  Gate widened(int through) {
    return new Gate(dependency, closing, 0, false, through, false);
  }

  /** The probe came through: the next ones may follow. */
  Gate opened() {
    return new Gate(dependency, closing, 0, false, 1, true);
  }

  /** It was closed again, because a probe failed or too many of those who followed one. */
  Gate closedAgain(long newClosing) {
    return new Gate(dependency, newClosing, failures + 1, false, 0, false);
  }

  /** Closed for the first time. */
  static Gate closed(String dependency, long closing) {
    return new Gate(dependency, closing, 0, false, 0, false);
  }
}
