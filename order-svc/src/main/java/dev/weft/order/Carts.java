package dev.weft.order;

import dev.weft.durable.Database;
import dev.weft.mesh.Rejection;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/**
 * The use cases of carts. A cart holds products and quantities; prices are asked for whenever it is
 * shown.
 *
 * <p>Thread-safe.
 */
final class Carts {
  /** As many as an order has lines. */
  static final int PRODUCTS_MAX = 100;

  private final Database database;
  private final CartStore store;
  private final InventoryClient inventory;

  Carts(Database database, CartStore store, InventoryClient inventory) {
    this.database = database;
    this.store = store;
    this.inventory = inventory;
  }

  /**
   * A cart with today's prices.
   *
   * @param lines by product; a product that is no longer sold has none
   * @param total of what has a price; empty when nothing has
   */
  record Priced(Cart cart, Map<UUID, Quote> lines, Optional<Amount> total) {
    Priced {
      lines = Map.copyOf(lines);
    }
  }

  Priced get(UUID userId) {
    return price(database.read(tx -> store.get(tx, userId)));
  }

  /** Sets how many of a product are in the cart. */
  Priced set(UUID userId, Item item) {
    List<Item> others = new ArrayList<>(database.read(tx -> store.get(tx, userId)).items());
    others.removeIf(other -> other.productId().equals(item.productId()));
    // Refuses a product that is not sold, before the cart has it.
    Amount price = inventory.quote(List.of(item)).total();
    Optional<Amount> othersPrice = price(new Cart(others, 0, Optional.empty())).total();
    if (othersPrice.isPresent() && !othersPrice.get().currency().equals(price.currency())) {
      throw Rejection.wrongState("MIXED_CURRENCIES", "an order has one currency");
    }
    Cart cart =
        database.inTransaction(
            tx -> {
              store.touch(tx, userId);
              store.set(tx, userId, item);
              Cart now = store.get(tx, userId);
              if (now.items().size() > PRODUCTS_MAX) {
                throw Rejection.wrongState(
                    "CART_FULL", "a cart holds " + PRODUCTS_MAX + " products");
              }
              return now;
            });
    return price(cart);
  }

  /** Takes a product out of the cart, if it is in it. */
  Priced remove(UUID userId, UUID productId) {
    Cart cart =
        database.inTransaction(
            tx -> {
              Cart before = store.get(tx, userId);
              if (before.items().stream().noneMatch(item -> item.productId().equals(productId))) {
                return before;
              }
              store.touch(tx, userId);
              store.remove(tx, userId, productId);
              return store.get(tx, userId);
            });
    return price(cart);
  }

  private Priced price(Cart cart) {
    if (cart.items().isEmpty()) {
      return new Priced(cart, Map.of(), Optional.empty());
    }
    try {
      Quote all = inventory.quote(cart.items());
      Map<UUID, Quote> lines = new HashMap<>();
      for (OrderLine line : all.lines()) {
        lines.put(
            line.productId(),
            new Quote(List.of(line), new Amount(line.totalMinor(), all.total().currency())));
      }
      return new Priced(cart, lines, Optional.of(all.total()));
    } catch (Rejection.NotFound | Rejection.NotAllowedNow e) {
      // Something in it is no longer sold, or in another currency now: show what each one costs.
      return priceOneByOne(cart);
    }
  }

  private Priced priceOneByOne(Cart cart) {
    Map<UUID, Quote> lines = new HashMap<>();
    for (Item item : cart.items()) {
      try {
        lines.put(item.productId(), inventory.quote(List.of(item)));
      } catch (Rejection.NotFound e) {
        // It has no price any more.
      }
    }
    List<String> currencies =
        lines.values().stream().map(quote -> quote.total().currency()).distinct().toList();
    Optional<Amount> total =
        currencies.size() == 1
            ? Optional.of(
                new Amount(
                    lines.values().stream()
                        .mapToLong(quote -> quote.total().minor())
                        .reduce(0, Math::addExact),
                    currencies.getFirst()))
            : Optional.empty();
    return new Priced(cart, lines, total);
  }
}
