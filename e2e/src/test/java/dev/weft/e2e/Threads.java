package dev.weft.e2e;

import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;

/** Waits for the threads that a test started; one that does not end is a failure and no hang. */
final class Threads {
  /** More than any single thing takes that they do: an order is followed for a minute. */
  private static final Duration LIMIT = Duration.ofMinutes(2);

  private Threads() {}

  /**
   * Takes no more work and waits for what was begun, or was interrupted before.
   *
   * @throws AssertionError if it runs on for two minutes; it is interrupted then
   */
  static void end(ExecutorService threads) {
    threads.shutdown();
    try {
      if (!threads.awaitTermination(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        threads.shutdownNow();
        throw new AssertionError("threads of a test still run after " + LIMIT + ": " + threads);
      }
    } catch (InterruptedException e) {
      threads.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }

  /**
   * Waits for a thread that was told to end.
   *
   * @throws AssertionError if it runs on for two minutes; it is interrupted then
   */
  static void end(Thread thread) {
    try {
      if (!thread.join(LIMIT)) {
        thread.interrupt();
        throw new AssertionError(thread.getName() + " still runs after " + LIMIT);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
