package dev.weft.mesh;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether a process can serve, as others are told: the first look decides, and from then on three
 * looks in a row that fail take it away and two that pass bring it back. A database that restarts
 * within two seconds so does not take all instances of a service out at once.
 *
 * <p>Looks once per interval from {@link #start} on, or when {@link #look} is called. Thread-safe.
 */
final class SteadyHealth implements AutoCloseable {
  static final int FAILURES_TO_LEAVE = 3;
  static final int SUCCESSES_TO_RETURN = 2;

  private static final Logger log = LoggerFactory.getLogger(SteadyHealth.class);

  private final String service;
  private final Duration every;
  private final Supplier<List<String>> failing;
  private final Consumer<Boolean> tell;
  private final CountDownLatch served = new CountDownLatch(1);
  private @Nullable Boolean good;
  private int against;
  private @Nullable Thread thread;

  /**
   * @param failing what keeps the process from serving, looked up now
   * @param tell gets the first result and each that differs from the one before
   */
  SteadyHealth(
      String service, Duration every, Supplier<List<String>> failing, Consumer<Boolean> tell) {
    this.service = service;
    this.every = every;
    this.failing = failing;
    this.tell = tell;
  }

  /** Looks now; whether it serves, with this look counted. */
  synchronized boolean look() {
    List<String> problems = failing.get();
    boolean passes = problems.isEmpty();
    if (good == null) {
      turn(passes, problems);
    } else if (passes == good) {
      against = 0;
    } else if (++against >= (passes ? SUCCESSES_TO_RETURN : FAILURES_TO_LEAVE)) {
      turn(passes, problems);
    }
    return Boolean.TRUE.equals(good);
  }

  private void turn(boolean to, List<String> problems) {
    if (!to) {
      log.warn("{} says that it does not serve until it is ready again: {}", service, problems);
    } else if (good != null) {
      log.info("{} serves again", service);
    }
    good = to;
    against = 0;
    tell.accept(to);
    if (to) {
      served.countDown();
    }
  }

  /** Returns once it has served. */
  void awaitServing() throws InterruptedException {
    served.await();
  }

  void start() {
    thread = Thread.ofVirtual().name("health").start(this::run);
  }

  private void run() {
    try {
      while (true) {
        Thread.sleep(every);
        look();
      }
    } catch (InterruptedException e) {
      // Closed.
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    if (thread != null) {
      thread.interrupt();
    }
  }
}
