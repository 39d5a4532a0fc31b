package dev.weft.inventory;

import dev.weft.durable.Database;
import dev.weft.durable.PageToken;
import dev.weft.inventory.StockStore.Line;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;

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

  /**
   * Every change of stock, oldest first; of one product or of all, and for some orders or, if none
   * is named, for all. While a movement before the page's end is still being written, the page is
   * empty and the token leads to it once more.
   */
  Page<Movement> movements(Optional<UUID> productId, Set<UUID> orderIds, Page.Wish page) {
    String[] arguments = {
      "movements",
      productId.map(UUID::toString).orElse(""),
      orderIds.stream().sorted().map(UUID::toString).collect(Collectors.joining(" "))
    };
    long after = page.after(Long::valueOf, arguments).orElse(0L);
    // The movements of one product wait for each other: its stock is locked.
    OptionalLong settled =
        productId.isPresent()
            ? OptionalLong.of(Long.MAX_VALUE)
            : StockStore.MOVEMENTS.settled(database);
    if (settled.isEmpty()) {
      return new Page<>(List.of(), PageToken.after(Long.toString(after), arguments));
    }
    return page.of(
        database.read(
            tx ->
                store.movements(tx, productId, orderIds, after, settled.getAsLong(), page.limit())),
        last -> Long.toString(last.id()),
        arguments);
  }
}
