package dev.weft.inventory;

import dev.weft.durable.Database;
import dev.weft.inventory.StockStore.Line;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Function;

/**
 * How much of each product is there, and how it came to that.
 *
 * <p>Thread-safe.
 */
final class Stocks {
  private final Database database;
  private final StockStore store;

  Stocks(Database database, StockStore store) {
    this.database = database;
    this.store = store;
  }

  Stock get(UUID productId) {
    return database
        .read(tx -> store.find(tx, productId))
        .orElseThrow(() -> Catalogue.notFound(productId));
  }

  /** Books goods that came in; returns the reply, which is the same when it is asked again. */
  byte[] restock(Request request, UUID productId, int quantity, Function<Stock, byte[]> reply) {
    return database.inTransaction(
        tx ->
            request.once(
                tx,
                () -> {
                  // First, so that nothing is booked on a product that is not in the catalogue.
                  if (store.find(tx, productId).isEmpty()) {
                    throw Catalogue.notFound(productId);
                  }
                  store.move(
                      tx, Movement.Kind.RESTOCK, List.of(new Line(null, productId, quantity)));
                  return reply.apply(store.find(tx, productId).orElseThrow());
                }));
  }

  /** Every change of stock, oldest first; of one product or of all. */
  Page<Movement> movements(Optional<UUID> productId, Page.Wish page) {
    String[] arguments = {"movements", productId.map(UUID::toString).orElse("")};
    long after = page.after(Long::valueOf, arguments).orElse(0L);
    return page.of(
        database.inTransaction(tx -> store.movements(tx, productId, after, page.limit())),
        last -> Long.toString(last.id()),
        arguments);
  }
}
