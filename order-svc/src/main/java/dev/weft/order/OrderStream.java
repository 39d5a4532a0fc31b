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
    replies.setOnCancelHandler(thread::interrupt);
    // Also when the server ends the call because it stops.
    replies.setOnCloseHandler(thread::interrupt);
    thread.start();
  }

  private void run() {
    try (watch) {
      tell();
      replies.onCompleted();
    } catch (InterruptedException e) {
      // Nobody listens any more.
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      if (!replies.isCancelled()) {
        replies.onError(e);
      }
    }
  }

  private void tell() throws InterruptedException {
    long told = 0;
    while (true) {
      awaitReady();
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

  private void awaitReady() throws InterruptedException {
    while (!replies.isReady()) {
      LockSupport.park(this);
      if (Thread.interrupted()) {
        throw new InterruptedException();
      }
    }
  }
}
