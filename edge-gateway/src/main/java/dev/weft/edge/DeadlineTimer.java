package dev.weft.edge;

import io.netty.channel.EventLoop;
import java.time.Duration;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A deadline that moves often and passes seldom: moving it later costs no timer. Used on one event
 * loop.
 */
final class DeadlineTimer {
  private final EventLoop loop;
  private final Runnable passed;
  private @Nullable ScheduledFuture<?> timer;
  private boolean set;
  private long at;
  private long timerAt;

  DeadlineTimer(EventLoop loop, Runnable passed) {
    this.loop = loop;
    this.passed = passed;
  }

  /** Replaces the deadline that was there. */
  void set(Duration in) {
    set = true;
    at = System.nanoTime() + in.toNanos();
    if (timer != null && timerAt - at > 0) {
      timer.cancel(false);
      timer = null;
    }
    if (timer == null) {
      schedule();
    }
  }

  /** No deadline until the next {@link #set}. */
  void clear() {
    set = false;
  }

  /** No deadline any more, and no timer that could keep the connection from being forgotten. */
  void close() {
    set = false;
    if (timer != null) {
      timer.cancel(false);
      timer = null;
    }
  }

  private void schedule() {
    timerAt = at;
    timer = loop.schedule(this::fire, at - System.nanoTime(), TimeUnit.NANOSECONDS);
  }

  private void fire() {
    timer = null;
    if (!set) {
      return;
    }
    if (at - System.nanoTime() > 0) {
      schedule();
    } else {
      set = false;
      passed.run();
    }
  }
}
