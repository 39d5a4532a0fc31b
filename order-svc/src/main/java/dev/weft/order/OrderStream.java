package dev.weft.order;

import dev.weft.shop.order.v1.WatchOrderResponse;
import io.grpc.Context;
import io.grpc.stub.ServerCallStreamObserver;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;

/**
 * One watch of an order: the order now, and after each change, until it rests. Runs on a thread of
 * its own, because the thread of the call has to be free to hear that the client is gone or can
 * take more. A slow client misses versions in between, never the last.
 */
final class OrderStream {
  private final OrderFeed.Watch watch;
  private final Supplier<Order> order;
  private final ServerCallStreamObserver<WatchOrderResponse> replies;
  private final Thread thread;
  private volatile boolean gone;

  OrderStream(
      OrderFeed.Watch watch,
      Supplier<Order> order,
      ServerCallStreamObserver<WatchOrderResponse> replies) {
    this.watch = watch;
    this.order = order;
    this.replies = replies;
    this.thread =
        Thread.ofVirtual().name("order-stream").unstarted(Context.current().wrap(this::run));
  }

  /** Begins; to be called from the call's own method, which then returns. */
  void start() {
    replies.setOnReadyHandler(() -> LockSupport.unpark(thread));
    replies.setOnCancelHandler(this::leave);
    // Also when the server ends the call because it stops.
    replies.setOnCloseHandler(this::leave);
    thread.start();
  }

  /** Nobody listens any more. No interrupt: it would cost the pool a connection. */
  private void leave() {
    gone = true;
    watch.wake();
    LockSupport.unpark(thread);
  }

  private void run() {
    try (watch) {
      tell();
      if (!gone) {
        replies.onCompleted();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      if (!gone) {
        replies.onError(e);
      }
    }
  }

  private void tell() throws InterruptedException {
    long told = 0;
    while (awaitReady()) {
      Order now = order.get();
      if (now.version() > told) {
        told = now.version();
        replies.onNext(WatchOrderResponse.newBuilder().setOrder(OrderMessages.order(now)).build());
      }
      if (now.state().rests()) {
        return;
      }
      watch.await(told);
    }
  }

  /** Waits until the client can take more; false when it has gone. */
  private boolean awaitReady() {
    while (!gone && !replies.isReady()) {
      LockSupport.park(this);
    }
    return !gone;
  }
}
