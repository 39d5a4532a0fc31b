package dev.weft.inventory;

import dev.weft.shop.inventory.v1.Product;
import java.util.Collection;
import java.util.UUID;

/**
 * Keeps products as they are answered, each for a while.
 *
 * <p>Who finds none gets a lease, reads the product, and fills it in with the lease. What is
 * forgotten takes the lease with it. So whoever read before a change cannot fill in what he read
 * after it, however long he was on his way; and a tier that lost the lease, for whatever reason,
 * keeps nothing.
 *
 * <p>Never fails. Thread-safe.
 */
interface CacheTier {
  /** What a tier has of a product. */
  sealed interface Found {}

  /** It is there. */
  record Hit(Product product) implements Found {}

  /** It is not; whoever reads it may fill it in, all with the same lease. */
  record Miss(long lease) implements Found {}

  /** The tier cannot be asked, and there is no point in filling it. */
  record Away() implements Found {}

  /** In metrics. */
  String name();

  Found lookup(UUID id);

  /** Keeps the product if its lease is still the one. */
  void fill(UUID id, long lease, Product product);

  /** Keeps them no longer, nor anything that was read until now. */
  void forget(Collection<UUID> ids);
}
