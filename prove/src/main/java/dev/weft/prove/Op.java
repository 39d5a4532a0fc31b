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
    REUSE,
    RACE,
    NO_KEY,
    FOREIGN_KEY,
    FOREIGN_READ,
    CANCEL,
    RESTOCK,
    READ,
    READ_STOCK,
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
}
