package dev.weft.transcoder;

import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Tells names and keys that were there before. Most objects have one or two: those need no set. */
final class Distinct {
  private @Nullable Object only;
  private @Nullable Set<Object> all;

  /** Whether it was not there before. */
  boolean add(Object key) {
    if (only == null) {
      only = key;
      return true;
    }
    if (all == null) {
      all = new HashSet<>();
      all.add(only);
    }
    return all.add(key);
  }
}
