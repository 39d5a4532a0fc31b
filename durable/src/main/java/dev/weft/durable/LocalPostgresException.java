package dev.weft.durable;

/** Why a local PostgreSQL cannot run, in one line that says what to do. */
public final class LocalPostgresException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** The cause, for callers that act on it. */
  public enum Kind {
    /** Another program listens on the port. */
    PORT_TAKEN,
    /** Another live process owns the directory. */
    IN_USE,
    /** The directory holds something that is no database of ours; it was not touched. */
    NOT_OUR_DATA,
    /** The data was made by another major version; it was not touched. */
    OTHER_VERSION,
    /** Too little room on the disk. */
    DISK_FULL,
    /** This machine lacks something: binaries, tar, the right to leave root. */
    MACHINE,
    /** The server or one of its tools failed; the message holds its last words. */
    FAILED
  }

  private final Kind kind;

  LocalPostgresException(Kind kind, String message) {
    super(message);
    this.kind = kind;
  }

  LocalPostgresException(Kind kind, String message, Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  /** Why, for callers that act on it. */
  public Kind kind() {
    return kind;
  }
}
