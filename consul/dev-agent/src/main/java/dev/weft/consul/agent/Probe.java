package dev.weft.consul.agent;

/** Looks at the target of one check. Used by one thread. */
interface Probe extends AutoCloseable {
  /** What a look found. */
  record Outcome(Status status, String output) {}

  /** Looks once; ends within the check's time-out. */
  Outcome run() throws InterruptedException;

  @Override
  default void close() {}
}
