package dev.weft.prove;

/**
 * One operation of a client, from its request to what became of it.
 *
 * @param order the order it was about, or made; empty if there is none
 * @param startMicros since the history began
 * @param result what the client knows
 */
record Op(
    long number,
    String client,
    Kind kind,
    String key,
    String order,
    long startMicros,
    long endMicros,
    Result result,
    int status,
    String note) {

  /** What was asked for. */
  enum Kind {
    CREATE,
    REPEAT,
    REPEAT_REORDERED,
    REPEAT_AT_END,
    REUSE,
    RACE,
    NO_KEY,
    FOREIGN_KEY,
    FOREIGN_READ,
    CANCEL,
    REFUND,
    RESTOCK,
    READ,
    READ_STOCK,
    LEAVE,
    LIST,
    READ_AFTER,
    PAGES,
    POISONED,
    NEWER_SCHEMA,
    UNROUTABLE,
    WITNESS
  }

  /** What the client knows. */
  enum Result {
    /** It happened. */
    OK,
    /** It did not happen. */
    FAIL,
    /** It may have happened. */
    UNKNOWN
  }

  /** Whether something may have come of it that its client was not told. */
  boolean lost() {
    return status == 0 || status >= 500;
  }
}
