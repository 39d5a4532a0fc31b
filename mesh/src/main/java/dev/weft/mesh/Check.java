package dev.weft.mesh;

/** Something a process needs in order to serve. */
@FunctionalInterface
public interface Check {
  /**
   * Whether it is there. An exception counts as no. May block; is interrupted after a second.
   * Called at most about once a second, on a thread of its own.
   */
  boolean passes() throws Exception;
}
