package dev.weft.edge;

import java.time.Duration;
import java.util.function.LongSupplier;

/**
 * How many handshakes of TLS are begun: each costs the edge a signature and a key exchange, and a
 * stranger some bytes. Thread-safe.
 */
final class Handshakes {
  private static final Duration WINDOW = Duration.ofSeconds(10);

  /** All together may begin so many times what one address may. */
  private static final int ADDRESSES = 40;

  private static final long OF_ADDRESS = 0;
  private static final long OF_ALL = 1;

  private final Buckets buckets;
  private final int perAddress;

  /**
   * @param perAddress in 10 s
   * @param nanoTime that only grows
   */
  Handshakes(int perAddress, LongSupplier nanoTime) {
    this.buckets = new Buckets(nanoTime);
    this.perAddress = perAddress;
  }

  /** Whether one more may begin. What its address may not, counts for nobody else. */
  boolean begin(String address) {
    return take(buckets.key(OF_ADDRESS, address), perAddress)
        && take(buckets.key(OF_ALL, ""), perAddress * ADDRESSES);
  }

  private boolean take(long key, int many) {
    long interval = WINDOW.toNanos() / many;
    return buckets.take(key, interval, WINDOW.toNanos() - interval) >= 0;
  }
}
