package dev.weft.inventory;

import dev.weft.shop.inventory.v1.WatchStockResponse;
import io.grpc.stub.ServerCallStreamObserver;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * One watcher of a product's stock. Hears of each state it can take in time; of those that follow
 * each other faster, the last. When nothing changes it hears the same again every {@code
 * heartbeat}, because a silent stream is taken for a dead one.
 *
 * <p>Thread-safe; never waits.
 */
final class StockStream {
  private final ServerCallStreamObserver<WatchStockResponse> replies;
  private final long heartbeatNanos;

  // Guarded by this.
  private @Nullable Stock latest;
  private @Nullable Stock sent;
  private long sentAtNanos;

  StockStream(ServerCallStreamObserver<WatchStockResponse> replies, Duration heartbeat) {
    this.replies = replies;
    this.heartbeatNanos = heartbeat.toNanos();
  }

  /** What the stock is now. */
  synchronized void is(Stock stock) {
    latest = stock;
    send();
  }

  /** Sends what is new or due, if the client can take it. */
  synchronized void send() {
    boolean due = System.nanoTime() - sentAtNanos >= heartbeatNanos;
    if (latest != null && (due || !latest.equals(sent)) && replies.isReady()) {
      replies.onNext(
          WatchStockResponse.newBuilder().setStock(InventoryMessages.stock(latest)).build());
      sent = latest;
      sentAtNanos = System.nanoTime();
    }
  }

  /** Ends the stream. */
  synchronized void end(RuntimeException why) {
    if (!replies.isCancelled()) {
      replies.onError(why);
    }
  }
}
