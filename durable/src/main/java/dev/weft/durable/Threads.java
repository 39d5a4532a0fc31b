package dev.weft.durable;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.random.RandomGenerator;

/**
 * The threads, the clock and the dice of a runner: everything it uses whose order is not its own.
 */
interface Threads {
  /** The JVM's. */
  Threads VIRTUAL = new VirtualThreads();

  /** Time that only goes forward; unrelated to any other process's. */
  long nanoTime();

  RandomGenerator random();

  /** Runs a task on a thread of its own. */
  void start(String name, Runnable task);

  /** Waits for a task on a thread of its own, which is interrupted at the time-out. */
  <T> T within(Duration timeout, String name, Callable<T> task)
      throws ExecutionException, TimeoutException, InterruptedException;

  Signal signal();

  /** Given once; from then on nobody waits for it. */
  interface Signal {
    void give();

    boolean given();

    /** Waits; says whether it was given. */
    boolean awaitNanos(long atMost) throws InterruptedException;
  }
}
