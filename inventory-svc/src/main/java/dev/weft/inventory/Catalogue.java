package dev.weft.inventory;

import dev.weft.durable.Database;
import dev.weft.durable.UuidV7;
import dev.weft.inventory.Product.Description;
import dev.weft.inventory.ProductStore.Match;
import dev.weft.inventory.ProductStore.Place;
import dev.weft.mesh.Rejection;
import dev.weft.mesh.Rejection.FieldViolation;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * What the shop sells, and at what price.
 *
 * <p>Thread-safe.
 */
final class Catalogue {
  private final Database database;
  private final ProductStore store;
  private final Consumer<Collection<UUID>> changing;

  /**
   * @param changing told of products in the transaction that is about to change them
   */
  Catalogue(Database database, ProductStore store, Consumer<Collection<UUID>> changing) {
    this.database = database;
    this.store = store;
    this.changing = changing;
  }

  /** How many of a product somebody wants. */
  record Item(UUID productId, int quantity) {}

  /** What one item costs now. */
  record QuotedItem(Product product, int quantity, Price lineTotal) {}

  /** What items cost now, in the order asked. */
  record Quote(List<QuotedItem> items, Price total) {}

  /**
   * Products of a category and those below it, oldest first.
   *
   * @param category empty means all
   */
  Page<Product> list(String category, Page.Wish page) {
    String[] arguments = {"products", category};
    Optional<UUID> after = page.after(UUID::fromString, arguments);
    return page.of(
        database.read(tx -> store.list(tx, category, after, page.limit())),
        last -> last.id().toString(),
        arguments);
  }

  /** As {@link #list}, of those that match what a person typed, best first. */
  Page<Product> search(String typed, String category, Page.Wish page) {
    String[] arguments = {"search", category, typed};
    Optional<Place> after = page.after(Place::parse, arguments);
    return page.of(
            database.read(tx -> store.search(tx, typed, category, after, page.limit())),
            last -> Place.behind(last).text(),
            arguments)
        .map(Match::product);
  }

  /** Adds a product, without stock; returns the reply, which is the same when it is asked again. */
  byte[] create(Request request, Description wanted, Function<Product, byte[]> reply) {
    return database.inTransaction(
        tx ->
            request.once(
                tx,
                () -> {
                  UUID id = UuidV7.next();
                  if (!store.insert(tx, id, wanted)) {
                    throw Rejection.alreadyExists("SKU_TAKEN", "another product has this SKU");
                  }
                  return reply.apply(store.find(tx, id).orElseThrow());
                }));
  }

  /**
   * Changes a product.
   *
   * @param etag the version that the change was made for; empty for any
   */
  Product update(UUID id, Product.Change change, String etag) {
    return database.inTransaction(
        tx -> {
          // Also when the etag is not the current one: then somebody was shown an old product.
          changing.accept(Set.of(id));
          Product product = store.lock(tx, id).orElseThrow(() -> notFound(id));
          if (!etag.isEmpty() && !etag.equals(product.etag())) {
            throw Rejection.etagMismatch();
          }
          Description before = product.description();
          if (!change.sku().orElse(before.sku()).equals(before.sku())) {
            throw Rejection.invalid("product.sku", "cannot be changed");
          }
          Description after = before.with(change);
          if (after.equals(before)) {
            return product;
          }
          store.update(tx, id, after);
          return store.find(tx, id).orElseThrow();
        });
  }

  /** Takes a product out of the catalogue. */
  void delete(UUID id) {
    boolean deleted =
        database.inTransaction(
            tx -> {
              changing.accept(Set.of(id));
              return store.delete(tx, id);
            });
    if (!deleted) {
      throw notFound(id);
    }
  }

  /** What these items cost now, all in one currency. */
  Quote quote(List<Item> wanted) {
    List<UUID> ids = wanted.stream().map(Item::productId).distinct().toList();
    Map<UUID, Product> products = database.read(tx -> store.find(tx, ids));
    List<QuotedItem> items = new ArrayList<>();
    Optional<Price> total = Optional.empty();
    for (Item item : wanted) {
      Product product = products.get(item.productId());
      if (product == null) {
        throw notFound(item.productId());
      }
      Price unit = product.description().price();
      Price sum = total.orElse(unit.withMinor(0));
      if (!sum.currency().equals(unit.currency())) {
        throw Rejection.notAllowedNow(
            "MIXED_CURRENCIES", "the products are not all priced in one currency");
      }
      try {
        Price line = unit.withMinor(Math.multiplyExact(unit.minor(), item.quantity()));
        items.add(new QuotedItem(product, item.quantity(), line));
        total = Optional.of(sum.withMinor(Math.addExact(sum.minor(), line.minor())));
      } catch (ArithmeticException e) {
        throw Rejection.invalid(
            "AMOUNT_TOO_LARGE", new FieldViolation("items", "cost more than can be charged"));
      }
    }
    return new Quote(items, total.orElseThrow());
  }

  static Rejection notFound(UUID id) {
    return Rejection.notFound("PRODUCT_NOT_FOUND", "there is no such product")
        .with("product_id", id.toString());
  }
}
