package dev.weft.durable;

/** What the simulation can take away, to see that it finds out. */
enum Mutation {
  NONE,
  /** Participants forget that a step was cancelled before it was tried. */
  NO_TOMBSTONE,
  /** A runner writes whoever holds the lease. */
  NO_FENCING_TOKEN,
  /** Participants take every command for a new one. */
  NO_COMMAND_ID
}
