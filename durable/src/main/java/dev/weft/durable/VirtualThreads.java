package dev.weft.durable;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.random.RandomGenerator;

/** The JVM's virtual threads and clock. */
final class VirtualThreads implements Threads {

  @Override
  public long nanoTime() {
    return System.nanoTime();
  }

  @Override
  public RandomGenerator random() {
    return ThreadLocalRandom.current();
  }

  @Override
  public void start(String name, Runnable task) {
    Thread.ofVirtual().name(name).start(task);
  }

  @Override
  public <T> T within(Duration timeout, String name, Callable<T> task)
      throws ExecutionException, TimeoutException, InterruptedException {
    FutureTask<T> result = new FutureTask<>(task);
    Thread thread = Thread.ofVirtual().name(name).start(result);
    try {
      return result.get(timeout.toMillis(), TimeUnit.MILLISECONDS);
    } catch (TimeoutException | InterruptedException e) {
      thread.interrupt();
      throw e;
    }
  }

  @Override
  public Signal signal() {
    return new Latch();
  }

  private static final class Latch implements Signal {
    private final CountDownLatch latch = new CountDownLatch(1);

    @Override
    public void give() {
      latch.countDown();
    }

    @Override
    public boolean given() {
      return latch.getCount() == 0;
    }

    @Override
    public boolean awaitNanos(long atMost) throws InterruptedException {
      return latch.await(atMost, TimeUnit.NANOSECONDS);
    }
  }
}
