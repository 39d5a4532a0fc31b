package dev.weft.edge;

import java.util.concurrent.atomic.AtomicLong;

/**
 * Memory of the edge that clients hold together: what of their requests waits for its end, and what
 * of their answers waits for them to read. Of each connection there is a bound, and many of them
 * are more than any edge has.
 *
 * <p>Thread-safe.
 */
final class Room {
  /** Who holds less is not the one that there is no room for. */
  private static final int LITTLE_BYTES = 64 * 1024;

  private final long bytesMax;
  private final AtomicLong taken = new AtomicLong();

  /**
   * @param bytesMax of all; as much again is kept for those who hold little ({@value #LITTLE_BYTES}
   *     bytes), so that some who hold much do not keep out all others
   */
  Room(long bytesMax) {
    this.bytesMax = bytesMax;
  }

  /**
   * Takes some of it.
   *
   * @param has what the same client holds already
   * @return false if there is no room, and none was taken
   */
  boolean take(int bytes, long has) {
    long most = has < LITTLE_BYTES ? 2 * bytesMax : bytesMax;
    if (taken.addAndGet(bytes) <= most) {
      return true;
    }
    taken.addAndGet(-bytes);
    return false;
  }

  /** Gives some of it back that was taken. */
  void give(int bytes) {
    taken.addAndGet(-bytes);
  }
}
