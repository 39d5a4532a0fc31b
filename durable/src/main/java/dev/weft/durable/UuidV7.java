package dev.weft.durable;

import java.security.SecureRandom;
import java.time.InstantSource;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Makes ids that sort by the time they were made: UUIDs of version 7 (RFC 9562), 48 bits of
 * milliseconds, 12 bits that count within one, 62 random bits.
 *
 * <p>Ids of one generator strictly increase, also when the clock stands still or steps back.
 * Thread-safe.
 */
public final class UuidV7 {
  private static final UuidV7 SYSTEM = new UuidV7(InstantSource.system());

  private final InstantSource clock;
  private final SecureRandom random = new SecureRandom();
  // Milliseconds in the upper 52 bits, the counter in the lower 12: an overflowing counter
  // borrows the next millisecond.
  private final AtomicLong last = new AtomicLong();

  /** A generator of its own, for a clock that is not the system's. */
  public UuidV7(InstantSource clock) {
    this.clock = clock;
  }

  /** The next id of the process. */
  public static UUID next() {
    return SYSTEM.make();
  }

  /** The next id of this generator. */
  public UUID make() {
    long now = clock.millis() << 12;
    long tick = last.updateAndGet(previous -> Math.max(previous + 1, now));
    long high = (tick >>> 12) << 16 | 0x7000L | (tick & 0xFFF);
    long low = (random.nextLong() & 0x3FFF_FFFF_FFFF_FFFFL) | 0x8000_0000_0000_0000L;
    return new UUID(high, low);
  }
}
