package dev.weft.edge;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Has a {@link ContractFile} written whenever contracts have changed, by a thread of its own that
 * is there only while there is something to write. The file is written and synced whole, so at most
 * once in a pause, and of changes that follow each other closely the last state is written. What
 * had changed before {@link #close} is in the file after it.
 *
 * <p>Thread-safe.
 */
final class ContractWriter implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(ContractWriter.class);

  /** So much of what changed last may be unknown after a crash. */
  static final Duration PAUSE = Duration.ofSeconds(1);

  private static final Duration CLOSE_WITHIN = Duration.ofSeconds(10);

  private final ContractFile file;
  private final Supplier<List<ContractFile.Kept>> state;
  private final Duration pause;

  // Guarded by this.
  private boolean changed;
  private boolean closing;
  private @Nullable Thread writing;

  /**
   * @param state what is to be in the file; asked without any lock of this
   * @param pause between two times that the file is written
   */
  ContractWriter(ContractFile file, Supplier<List<ContractFile.Kept>> state, Duration pause) {
    this.file = file;
    this.state = state;
    this.pause = pause;
  }

  /** The state is another one now. Does not wait. */
  synchronized void changed() {
    changed = true;
    if (writing == null) {
      writing = Thread.ofPlatform().daemon().name("contracts").start(this::write);
    }
  }

  private void write() {
    try {
      while (due()) {
        file.write(state.get());
        pause();
      }
    } catch (RuntimeException e) {
      log.error("contracts cannot be kept until another one changes", e);
      ended();
    } catch (InterruptedException e) {
      // By nobody that is known.
      Thread.currentThread().interrupt();
      ended();
    }
  }

  /** Whether something is to be written; if not, this thread ends. */
  private synchronized boolean due() {
    if (!changed) {
      ended();
      return false;
    }
    // Before the state is asked for: what changes from here on is written the next time.
    changed = false;
    return true;
  }

  private synchronized void ended() {
    writing = null;
    notifyAll();
  }

  private synchronized void pause() throws InterruptedException {
    long until = System.nanoTime() + pause.toNanos();
    for (long left = pause.toNanos(); left > 0 && !closing; left = until - System.nanoTime()) {
      TimeUnit.NANOSECONDS.timedWait(this, left);
    }
  }

  @Override
  public synchronized void close() {
    closing = true;
    notifyAll();
    long until = System.nanoTime() + CLOSE_WITHIN.toNanos();
    try {
      for (long left = CLOSE_WITHIN.toNanos();
          writing != null && left > 0;
          left = until - System.nanoTime()) {
        TimeUnit.NANOSECONDS.timedWait(this, left);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    if (writing != null) {
      log.warn("contracts were not written within {}", CLOSE_WITHIN);
    }
  }
}
