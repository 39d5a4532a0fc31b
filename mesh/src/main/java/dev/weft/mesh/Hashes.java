package dev.weft.mesh;

/** Numbers that are the same for the same text in every process. */
final class Hashes {
  private Hashes() {}

  /** FNV-1a, mixed: it alone hardly changes the upper bits for the last letter. */
  static long of(CharSequence text) {
    long hash = 0xcbf29ce484222325L;
    for (int i = 0; i < text.length(); i++) {
      hash = (hash ^ text.charAt(i)) * 0x100000001b3L;
    }
    return mixed(hash);
  }

  /** Of the two together. */
  static long of(long one, long other) {
    return mixed(one ^ Long.rotateLeft(other, 32) * 0x9e3779b97f4a7c15L);
  }

  /** The last step of SplitMix64: each bit changes half of the others. */
  private static long mixed(long hash) {
    long z = (hash ^ (hash >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
