package dev.weft.inventory;

import dev.weft.durable.Database;
import dev.weft.shop.inventory.v1.WatchStockResponse;
import io.grpc.stub.ServerCallStreamObserver;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells watchers what the stock of their products is: reads it for all of them together, {@value
 * #EVERY_MILLIS} ms after the last time, and not at all while nobody watches. So it makes no
 * difference which process changed it.
 *
 * <p>While the database cannot be read watchers hear nothing, and give the silent stream up after a
 * while. Thread-safe.
 */
final class StockFeed implements AutoCloseable {
  static final long EVERY_MILLIS = 250;

  private static final Logger log = LoggerFactory.getLogger(StockFeed.class);

  private final Database database;
  private final StockStore store;
  private final Duration heartbeat;
  private final Map<UUID, Set<StockStream>> watchers = new ConcurrentHashMap<>();
  private final CountDownLatch closed = new CountDownLatch(1);
  private final Thread thread = Thread.ofVirtual().name("stock-feed").unstarted(this::run);
  private boolean failing;

  /**
   * @param heartbeat how long a watcher hears nothing at most
   */
  StockFeed(Database database, StockStore store, Duration heartbeat) {
    this.database = database;
    this.store = store;
    this.heartbeat = heartbeat;
  }

  void start() {
    thread.start();
  }

  /**
   * Sends a product's stock until the client goes or the product does. To be called from the call's
   * own method, which then returns.
   */
  void watch(UUID productId, ServerCallStreamObserver<WatchStockResponse> replies) {
    StockStream stream = new StockStream(replies, heartbeat);
    replies.setOnReadyHandler(stream::send);
    replies.setOnCancelHandler(() -> forget(productId, stream));
    replies.setOnCloseHandler(() -> forget(productId, stream));
    Stock stock =
        database
            .read(tx -> store.find(tx, productId))
            .orElseThrow(() -> Catalogue.notFound(productId));
    watchers.compute(
        productId,
        (_, streams) -> {
          Set<StockStream> all = streams == null ? ConcurrentHashMap.newKeySet() : streams;
          all.add(stream);
          return all;
        });
    stream.is(stock);
    if (replies.isCancelled()) {
      // It was cancelled before it was known here.
      forget(productId, stream);
    }
  }

  /** How many streams are open. */
  int size() {
    return watchers.values().stream().mapToInt(Set::size).sum();
  }

  private void forget(UUID productId, StockStream stream) {
    watchers.computeIfPresent(
        productId,
        (_, streams) -> {
          streams.remove(stream);
          return streams.isEmpty() ? null : streams;
        });
  }

  private void look() {
    Set<UUID> watched = Set.copyOf(watchers.keySet());
    if (watched.isEmpty()) {
      return;
    }
    Map<UUID, Stock> stocks = database.read(tx -> store.find(tx, watched));
    for (UUID productId : watched) {
      Stock stock = stocks.get(productId);
      for (StockStream stream : watchers.getOrDefault(productId, Set.of())) {
        if (stock != null) {
          stream.is(stock);
        } else {
          forget(productId, stream);
          stream.end(Catalogue.notFound(productId));
        }
      }
    }
  }

  @Override
  public void close() {
    closed.countDown();
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    try {
      while (!closed.await(EVERY_MILLIS, TimeUnit.MILLISECONDS)) {
        try {
          look();
          failing = false;
        } catch (RuntimeException e) {
          if (!failing) {
            log.warn("stock cannot be read for its watchers; tried again", e);
          }
          failing = true;
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
