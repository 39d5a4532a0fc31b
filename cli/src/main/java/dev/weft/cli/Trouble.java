package dev.weft.cli;

/** Something the user can mend: one line that says what is wrong and what to do. */
final class Trouble extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final int exitCode;

  Trouble(String message) {
    this(1, message);
  }

  Trouble(int exitCode, String message) {
    super(message, null, false, false);
    this.exitCode = exitCode;
  }

  int exitCode() {
    return exitCode;
  }
}
