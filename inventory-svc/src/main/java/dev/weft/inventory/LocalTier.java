package dev.weft.inventory;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.benmanes.caffeine.cache.Expiry;
import dev.weft.shop.inventory.v1.Product;
import java.time.Duration;
import java.util.Collection;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;

/** Products in this process, at most {@value #BYTES_MAX} bytes of them as they are sent. */
final class LocalTier implements CacheTier {
  /** A thousand of the largest that there can be would be ten times as much; most are 300 bytes. */
  static final int BYTES_MAX = 1 << 20;

  /** About what an entry takes beside its product. */
  private static final int ENTRY_BYTES = 200;

  private final CacheMetrics metrics;
  private final Cache<UUID, Entry> entries;

  private sealed interface Entry {}

  private record Kept(Product product) implements Entry {}

  private record Leased(long lease) implements Entry {}

  /**
   * @param life how long a product is kept at most
   */
  LocalTier(Duration life, CacheMetrics metrics) {
    this.metrics = metrics;
    entries =
        Caffeine.newBuilder()
            .maximumWeight(BYTES_MAX)
            .weigher(LocalTier::bytes)
            .expireAfter(Expiry.writing((UUID _, Entry entry) -> life(entry, life)))
            .executor(Runnable::run)
            .build();
  }

  private static int bytes(UUID id, Entry entry) {
    return ENTRY_BYTES
        + switch (entry) {
          case Kept(Product product) -> product.getSerializedSize();
          case Leased _ -> 0;
        };
  }

  private static Duration life(Entry entry, Duration life) {
    return switch (entry) {
      case Kept _ -> CacheTimes.jittered(life);
      case Leased _ -> CacheTimes.LEASE;
    };
  }

  @Override
  public String name() {
    return "local";
  }

  @Override
  public Found lookup(UUID id) {
    Entry entry = entries.get(id, _ -> new Leased(ThreadLocalRandom.current().nextLong()));
    return switch (entry) {
      case Kept(Product product) -> new Hit(product);
      case Leased(long lease) -> new Miss(lease);
    };
  }

  @Override
  public void fill(UUID id, long lease, Product product) {
    metrics.filled(this, entries.asMap().replace(id, new Leased(lease), new Kept(product)));
  }

  @Override
  public void forget(Collection<UUID> ids) {
    entries.invalidateAll(ids);
  }

  /** Forgets every one. */
  void clear() {
    entries.invalidateAll();
  }
}
