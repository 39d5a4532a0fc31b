package dev.weft.operator;

/** Something the user can mend: one line that says what is wrong and what to do. */
final class Trouble extends RuntimeException {
  static final int FAILED = 1;
  static final int USAGE = 2;
  static final int NOT_RUNNING = 3;

  private static final long serialVersionUID = 1;

  private final int exitCode;

  Trouble(int exitCode, String message) {
    super(message, null, false, false);
    this.exitCode = exitCode;
  }

  int exitCode() {
    return exitCode;
  }
}
