package dev.weft.inventory;

import dev.weft.durable.Database;
import dev.weft.inventory.CacheTier.Away;
import dev.weft.inventory.CacheTier.Found;
import dev.weft.inventory.CacheTier.Hit;
import dev.weft.inventory.CacheTier.Miss;
import dev.weft.redis.Broadcast;
import dev.weft.redis.Subscription;
import dev.weft.shop.inventory.v1.Product;
import java.util.Collection;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Products as they are answered to who looks at them, kept aside: in this process and, if there is
 * a Redis, in that for all processes. Nothing is decided by it: prices of orders, stock and etags
 * of changes are read where they are true.
 *
 * <p>A change is seen by all who ask this process after it was made. Others hear of it by Redis,
 * within milliseconds; where they do not, what they keep ends by itself ({@link CacheTimes}).
 * Without Redis, or with one that fails, products are read from the database.
 *
 * <p>What is not there is not kept: an id that names nothing is hardly asked for twice.
 *
 * <p>Thread-safe.
 */
final class ProductCache implements AutoCloseable {
  private static final String CHANNEL = "product-changes";

  private final Function<UUID, Optional<Product>> source;
  private final LocalTier local;
  private final Optional<CacheTier> shared;
  private final Optional<Broadcast> others;
  private final CacheMetrics metrics;
  private final Optional<Subscription> subscription;
  private final Flights flights = new Flights();
  private final UUID self = UUID.randomUUID();

  /**
   * @param source where products are true
   * @param shared behind the tier of this process
   * @param others who are told of changes, and tell of theirs
   */
  ProductCache(
      Function<UUID, Optional<Product>> source,
      LocalTier local,
      Optional<CacheTier> shared,
      Optional<Broadcast> others,
      CacheMetrics metrics) {
    this.source = source;
    this.local = local;
    this.shared = shared;
    this.others = others;
    this.metrics = metrics;
    subscription = others.map(broadcast -> broadcast.subscribe(CHANNEL, new Changes()));
  }

  Optional<Product> get(UUID id) {
    if (local.lookup(id) instanceof Hit hit) {
      metrics.found(local, hit);
      return Optional.of(hit.product());
    }
    // Looked up once more by the one who reads: with a lease that began after this.
    return flights.join(id, () -> through(local, id, () -> behind(id)));
  }

  private Optional<Product> behind(UUID id) {
    return shared.isPresent()
        ? through(shared.get(), id, () -> source.apply(id))
        : source.apply(id);
  }

  /** What the tier has or, if it has nothing, what is behind it, which it has from then on. */
  private Optional<Product> through(CacheTier tier, UUID id, Supplier<Optional<Product>> behind) {
    Found found = tier.lookup(id);
    metrics.found(tier, found);
    return switch (found) {
      case Hit(Product product) -> Optional.of(product);
      case Miss(long lease) -> {
        Optional<Product> read = behind.get();
        read.ifPresent(product -> tier.fill(id, lease, product));
        yield read;
      }
      case Away() -> behind.get();
    };
  }

  /**
   * To be told of products by the transaction that is about to change them. They are forgotten when
   * it ends, however it does: what became of one that was cut off, nobody knows.
   */
  Consumer<Collection<UUID>> changing(Database database) {
    return ids -> {
      database.afterCommit(() -> forget(ids));
      database.afterRollback(() -> forget(ids));
    };
  }

  /** Forgets them everywhere. */
  void forget(Collection<UUID> ids) {
    // From the back to the front: otherwise what is still there would be taken from there again.
    shared.ifPresent(tier -> tier.forget(ids));
    forgetHere(ids);
    others.ifPresent(all -> all.publish(CHANNEL, ProductChange.of(self, ids).bytes()));
  }

  private void forgetHere(Collection<UUID> ids) {
    local.forget(ids);
    flights.leave(ids);
  }

  private void forgetAllHere() {
    local.clear();
    flights.leaveAll();
  }

  @Override
  public void close() {
    subscription.ifPresent(Subscription::close);
  }

  /** What other processes changed; they have told Redis before. */
  private final class Changes implements Broadcast.Listener {
    @Override
    public void heard(byte[] message) {
      ProductChange.parse(message)
          .filter(change -> !change.by().equals(self))
          .ifPresent(
              change -> {
                if (change.ids().isEmpty()) {
                  forgetAllHere();
                } else {
                  forgetHere(change.ids());
                }
              });
    }

    @Override
    public void missed() {
      forgetAllHere();
    }
  }
}
