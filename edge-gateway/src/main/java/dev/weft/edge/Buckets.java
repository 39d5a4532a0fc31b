package dev.weft.edge;

import java.security.SecureRandom;
import java.util.function.LongSupplier;

/**
 * Who may make how many calls in what time, for very many at once: a token bucket each, kept as the
 * generic cell rate algorithm keeps it (ITU-T I.371, "virtual scheduling"): as the one moment when
 * the bucket is full again.
 *
 * <p>A bucket takes 16 bytes, key and moment, and one that is full takes none: its place is the
 * next one's to have. So nothing has to be swept, and memory grows with those that called lately,
 * from 64 KiB to {@value #BYTES_MAX} bytes ({@value #MOST} buckets) and never beyond. When there is
 * no place left for a new key, of those near it the bucket is forgotten that would be full soonest;
 * its owner begins with a full one, which is {@link #forgotten() counted}.
 *
 * <p>Keys are SipHash-2-4 of who is meant, with a secret of this object: nobody can choose names
 * that share a bucket or a place.
 *
 * <p>Thread-safe: {@value #STRIPES} locks, one of which is held for some tens of nanoseconds.
 */
public final class Buckets {
  /** Of buckets that are remembered. */
  public static final int MOST = 1 << 20;

  /** Of memory, but for some hundred bytes. */
  public static final int BYTES_MAX = 2 * Long.BYTES * MOST;

  private static final int STRIPES = 64;
  private static final int FIRST_SLOTS = 64;
  private static final int SLOTS_MAX = MOST / STRIPES;

  /** Places in which a key may be. */
  private static final int NEAR = 32;

  private final LongSupplier clock;
  private final long begin;
  private final long secret0;
  private final long secret1;
  private final Stripe[] stripes = new Stripe[STRIPES];

  /**
   * All buckets are full.
   *
   * @param clock nanoseconds that only grow, such as {@link System#nanoTime()}
   */
  public Buckets(LongSupplier clock) {
    this.clock = clock;
    // A moment of 0 lies in the past.
    begin = clock.getAsLong() - 1;
    SecureRandom random = new SecureRandom();
    secret0 = random.nextLong();
    secret1 = random.nextLong();
    for (int i = 0; i < STRIPES; i++) {
      stripes[i] = new Stripe();
    }
  }

  /** The key of a number of some kind. */
  public long key(long kind, long number) {
    SipHash hash = new SipHash(secret0, secret1);
    hash.add(kind);
    hash.add(number);
    return hash.end(-1);
  }

  /** The key of a text of some kind; unlike that of any number. */
  public long key(long kind, String text) {
    SipHash hash = new SipHash(secret0, secret1);
    hash.add(kind);
    int length = text.length();
    for (int i = 0; i < length; i += 4) {
      long word = 0;
      for (int j = i; j < Math.min(i + 4, length); j++) {
        word = word << Character.SIZE | text.charAt(j);
      }
      hash.add(word);
    }
    return hash.end(length);
  }

  /**
   * Takes a token of a key's bucket.
   *
   * @param intervalNanos in which it gets a token back
   * @param toleranceNanos that times all tokens but one
   * @return in how many nanoseconds the bucket will be full again; if it was empty, less than 0:
   *     after that time there is a token again, and none was taken
   */
  public long take(long key, long intervalNanos, long toleranceNanos) {
    long now = clock.getAsLong() - begin;
    return stripes[(int) key & (STRIPES - 1)].take(key, intervalNanos, toleranceNanos, now);
  }

  /** Bytes that the buckets take now. */
  public long bytes() {
    long bytes = 0;
    for (Stripe stripe : stripes) {
      bytes += stripe.bytes();
    }
    return bytes;
  }

  /** How many buckets were forgotten before they were full again, since there was no place. */
  public long forgotten() {
    long all = 0;
    for (Stripe stripe : stripes) {
      all += stripe.forgotten();
    }
    return all;
  }

  /** The part of the keys that one lock guards: a table of open addressing. */
  private static final class Stripe {
    // Guarded by this.
    private long[] keys = new long[FIRST_SLOTS];
    private long[] fullAt = new long[FIRST_SLOTS];
    private long forgotten;

    synchronized long take(long key, long interval, long tolerance, long now) {
      int slot = find(key, now);
      long ahead = Math.max(0, fullAt[slot] - now);
      if (ahead > tolerance) {
        return tolerance - ahead;
      }
      fullAt[slot] = now + ahead + interval;
      return ahead + interval;
    }

    /** Where the key is, from now on if it was nowhere. */
    private int find(long key, long now) {
      int slot = near(key);
      while (keys[slot] != key && fullAt[slot] > now && keys.length < SLOTS_MAX) {
        grow(now);
        slot = near(key);
      }
      if (keys[slot] != key) {
        put(slot, key, 0, now);
      }
      return slot;
    }

    /** Where the key is, or else the place near it that is free or will be soonest. */
    private int near(long key) {
      int last = keys.length - 1;
      int soonest = -1;
      for (int i = 0; i < NEAR; i++) {
        // By other bits than those that chose the stripe.
        int slot = ((int) (key >>> Integer.SIZE) + i) & last;
        if (keys[slot] == key) {
          return slot;
        }
        if (soonest < 0 || fullAt[slot] < fullAt[soonest]) {
          soonest = slot;
        }
      }
      return soonest;
    }

    private void put(int slot, long key, long full, long now) {
      if (fullAt[slot] > now) {
        forgotten++;
      }
      keys[slot] = key;
      fullAt[slot] = full;
    }

    private void grow(long now) {
      long[] oldKeys = keys;
      long[] oldFullAt = fullAt;
      keys = new long[2 * oldKeys.length];
      fullAt = new long[2 * oldKeys.length];
      for (int i = 0; i < oldKeys.length; i++) {
        if (oldFullAt[i] > now) {
          put(near(oldKeys[i]), oldKeys[i], oldFullAt[i], now);
        }
      }
    }

    synchronized long bytes() {
      return 2L * Long.BYTES * keys.length;
    }

    synchronized long forgotten() {
      return forgotten;
    }
  }

  /** SipHash-2-4 (Aumasson and Bernstein, 2012) of words. */
  private static final class SipHash {
    private long v0;
    private long v1;
    private long v2;
    private long v3;

    SipHash(long secret0, long secret1) {
      v0 = secret0 ^ 0x736f6d6570736575L;
      v1 = secret1 ^ 0x646f72616e646f6dL;
      v2 = secret0 ^ 0x6c7967656e657261L;
      v3 = secret1 ^ 0x7465646279746573L;
    }

    void add(long word) {
      v3 ^= word;
      round();
      round();
      v0 ^= word;
    }

    /**
     * The hash.
     *
     * @param length what tells apart texts that are filled up to the same words
     */
    long end(long length) {
      add(length);
      v2 ^= 0xff;
      for (int i = 0; i < 4; i++) {
        round();
      }
      return v0 ^ v1 ^ v2 ^ v3;
    }

    private void round() {
      v0 += v1;
      v1 = Long.rotateLeft(v1, 13) ^ v0;
      v0 = Long.rotateLeft(v0, 32);
      v2 += v3;
      v3 = Long.rotateLeft(v3, 16) ^ v2;
      v0 += v3;
      v3 = Long.rotateLeft(v3, 21) ^ v0;
      v2 += v1;
      v1 = Long.rotateLeft(v1, 17) ^ v2;
      v2 = Long.rotateLeft(v2, 32);
    }
  }
}
