package dev.weft.inventory;

import dev.weft.mesh.TimeLeft;
import dev.weft.shop.inventory.v1.Product;
import java.time.Duration;
import java.util.Collection;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * Reads a product once for all who want it at the same time. Who comes after a change never gets
 * what was read before it.
 *
 * <p>Thread-safe.
 */
final class Flights {
  /** As long as anybody stands in line for the database. */
  private static final Duration LONGEST = Duration.ofSeconds(5);

  private final ConcurrentMap<UUID, CompletableFuture<Optional<Product>>> underWay =
      new ConcurrentHashMap<>();

  /**
   * What somebody reads already, or what this caller reads himself: also if the other one failed,
   * whose failure may be his own, such as a deadline.
   */
  Optional<Product> join(UUID id, Supplier<Optional<Product>> read) {
    CompletableFuture<Optional<Product>> own = new CompletableFuture<>();
    CompletableFuture<Optional<Product>> others = underWay.putIfAbsent(id, own);
    if (others != null) {
      try {
        return others.get(TimeLeft.ofCall(LONGEST).toMillis(), TimeUnit.MILLISECONDS);
      } catch (ExecutionException | TimeoutException | CancellationException e) {
        return read.get();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return read.get();
      }
    }
    try {
      Optional<Product> product = read.get();
      own.complete(product);
      return product;
    } finally {
      underWay.remove(id, own);
      own.cancel(false); // of no consequence, unless it failed
    }
  }

  /** Who comes from now on begins anew. */
  void leave(Collection<UUID> ids) {
    ids.forEach(underWay::remove);
  }

  /** As {@link #leave(Collection)}, with all of them. */
  void leaveAll() {
    underWay.clear();
  }
}
