package dev.weft.transcoder;

/**
 * Room to write a document in, which a thread keeps for its next one: it need not be cleared again,
 * and what is written is still in the processor's cache. Threads that come for one document only,
 * and documents that are seldom as large, have theirs to themselves.
 */
final class Scratch {
  private static final int KEPT_MAX = 128 * 1024;

  private static final ThreadLocal<byte[]> KEPT = new ThreadLocal<>();

  private Scratch() {}

  /** Room of at least this size, with whatever is in it. */
  static byte[] take(int capacity) {
    byte[] kept = KEPT.get();
    if (kept == null || kept.length < capacity) {
      return new byte[capacity];
    }
    KEPT.remove();
    return kept;
  }

  /** For the next one. */
  static void giveBack(byte[] bytes) {
    if (bytes.length <= KEPT_MAX && !Thread.currentThread().isVirtual()) {
      KEPT.set(bytes);
    }
  }
}
