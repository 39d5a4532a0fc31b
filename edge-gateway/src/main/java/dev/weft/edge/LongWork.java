package dev.weft.edge;

import java.util.concurrent.Executor;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** Work for a request that takes longer than an event loop may be kept. Thread-safe. */
final class LongWork {
  private final Executor threads;

  LongWork(Executor threads) {
    this.threads = threads;
  }

  /**
   * Does it on another thread, and goes on with what it gives on the event loop of the request;
   * whatever either throws becomes the answer.
   */
  <T> void run(Exchange exchange, Supplier<T> work, Consumer<T> then) {
    threads.execute(
        () -> {
          Runnable next;
          try {
            T done = work.get();
            next = () -> then.accept(done);
          } catch (RuntimeException | StackOverflowError e) {
            next =
                () -> {
                  throw e;
                };
          }
          Runnable last = next;
          exchange.loop().execute(() -> Gateway.guarded(exchange, last));
        });
  }
}
