package dev.weft.mesh;

import dev.failsafe.spi.Scheduler;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Delayed;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * The clock of a process's calls: runs things later, each on a virtual thread of its own so that
 * none delays another.
 *
 * <p>Thread-safe.
 */
final class Timer implements AutoCloseable {
  private final ExecutorService threads;
  private final ScheduledThreadPoolExecutor clock;

  Timer() {
    threads =
        Executors.newThreadPerTaskExecutor(Thread.ofVirtual().name("weft-call-", 0).factory());
    clock =
        new ScheduledThreadPoolExecutor(
            1, Thread.ofPlatform().daemon().name("weft-timer").factory());
    // Nearly every timer is cancelled; kept until due they would pile up.
    clock.setRemoveOnCancelPolicy(true);
  }

  /** Where to run what may block. */
  Executor threads() {
    return threads;
  }

  /** Runs the task after the delay. After {@link #close} it does not run at all. */
  ScheduledFuture<?> after(long delay, TimeUnit unit, Runnable task) {
    try {
      return clock.schedule(() -> threads.execute(task), delay, unit);
    } catch (RejectedExecutionException e) {
      return new Done<>();
    }
  }

  /**
   * For Failsafe: what is due now runs on the calling thread, so that a first attempt costs no
   * switch.
   */
  Scheduler scheduler() {
    return (callable, delay, unit) -> {
      if (delay > 0) {
        return clock.schedule(() -> threads.execute(() -> run(callable)), delay, unit);
      }
      run(callable);
      return new Done<>();
    };
  }

  private static void run(Callable<?> callable) {
    try {
      callable.call();
    } catch (Exception e) {
      // Failsafe's own callables hand every outcome to their promise.
      throw new IllegalStateException(e);
    }
  }

  @Override
  public void close() {
    clock.shutdownNow();
    threads.shutdown();
  }

  /** Of a task that has run, or never will. */
  private static final class Done<V> implements ScheduledFuture<V> {
    private final CompletableFuture<V> result = CompletableFuture.completedFuture(null);

    @Override
    public long getDelay(TimeUnit unit) {
      return 0;
    }

    @Override
    public int compareTo(Delayed other) {
      return Long.compare(getDelay(TimeUnit.NANOSECONDS), other.getDelay(TimeUnit.NANOSECONDS));
    }

    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
      return false;
    }

    @Override
    public boolean isCancelled() {
      return false;
    }

    @Override
    public boolean isDone() {
      return true;
    }

    @Override
    public V get() throws InterruptedException, ExecutionException {
      return result.get();
    }

    @Override
    public V get(long timeout, TimeUnit unit) throws InterruptedException, ExecutionException {
      return result.get();
    }
  }
}
